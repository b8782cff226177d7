"""The sharing decision: who may see what of one record, now (sharing rules 2 to 6).

Guarantees: pure and deterministic - the same request, facts, policy and time give the same decision; whatever is not
known is denied; a 403 follows from the token and the request alone, so it never tells whether a record exists, and
every other refusal is a 404 that an absent record gets too. A refusal carries no content and opens nothing.

What it does not do: look anything up, carry out obligations, or release. The caller asks `admit` before the look-up and
`decide` after it, writes the audit entry, and hands the decision to `security.release`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from fhir_profiles.sections import TIER, Section, Tier
from security import cells
from security.access_policy import AccessPolicy
from security.access_request import (
    AccessRequest,
    Basis,
    BreakGlass,
    ConsentState,
    Life,
    RecordFacts,
    Relationship,
    withheld_cells,
)
from security.break_glass import preconditions_fail
from security.consent_compile import CompiledConsents, compile_consents
from security.consent_match import (
    Standing,
    closed_in_emergency,
    from_state,
    named_cells,
    recorded_state,
    standing,
    withheld_from,
)
from security.decision import Decision, Obligation, SectionResult, Stages, enforceable, explain
from security.labels import SFlag
from security.principal import CLINICAL_ROLES, Role
from security.proxies import authority_holds

__all__ = [
    "AccessRequest",
    "Basis",
    "BreakGlass",
    "CompiledConsents",
    "ConsentState",
    "Decision",
    "Life",
    "Obligation",
    "RecordFacts",
    "Relationship",
    "SFlag",
    "SectionResult",
    "admit",
    "compile_consents",
    "decide",
    "enforceable",
    "explain",
    "withheld_cells",
]

_SELF_ROLES = frozenset({Role.PATIENT, Role.PROXY})
_LIVES = frozenset(Life)
_OPENABLE = frozenset(ConsentState) - {ConsentState.DISSENT_ABSOLUTE}
_PLACE = cells.own(Section.LOCATION)
_PLACES = cells.of_sections(section for section in Section if TIER[section] is Tier.L)
_AUDIT = frozenset({Obligation.AUDIT})
_AUDIT_AND_ALERT = frozenset({Obligation.AUDIT, Obligation.NOTIFY_PRIVACY_OFFICER})


def admit(request: AccessRequest, policy: AccessPolicy) -> Decision | None:
    """Return a refusal that follows from the token and the request alone (2.2 to 2.4), or None to go on to the record.

    `request.relationship` is what the caller claims: `self_claimed`, or None.
    """
    if request.role == Role.PRIVACY_OFFICER or request.role == Role.RESEARCHER:
        return _refuse(request, policy, "2.2", "this role does not read plans", status=403)
    if (request.role, request.purpose) not in policy.allowed or request.role not in policy.rows:
        return _refuse(request, policy, "2.2", "this role may not ask for this purpose", status=403)
    if request.role == Role.PROXY and not policy.gates.proxy:
        return _refuse(request, policy, "2.2", "access by proxies is not switched on", status=403)
    if request.break_glass is not None:
        reason = preconditions_fail(request, request.break_glass, policy)
        if reason is not None:
            return _refuse(request, policy, "2.3", reason, status=403)
    if (
        request.relationship == Relationship.SELF_CLAIMED
        and request.role in CLINICAL_ROLES
        and not (request.self_claim_reason or "").strip()
    ):
        return _refuse(request, policy, "2.4", "a relationship that the caller claims needs a reason", status=403)
    return None


def decide(
    request: AccessRequest, facts: RecordFacts | None, policy: AccessPolicy, at: datetime, *, admitted: bool = False
) -> Decision:
    """Return the decision on a request, after the look-up (2.5 to 2.10).

    Args:
        request: what `admit` let through, its `relationship` now the one that was found; `admit` is asked again, so
            that nothing is decided for a request that it refuses.
        facts: what is known of the record; None when there is none.
        policy: the policy that governs the record.
        at: the time of the decision, aware; Consents are in force, or not, at this time.
        admitted: another policy, the deployment's own, let the request through before the look-up; that this one does
            not is a 404 then, since which policy governs tells of the record (I4).

    """
    claimed = request
    if request.relationship == Relationship.NONE:
        # found after the look-up, so it may not turn into a 403 (I4); step 5 refuses it below
        claimed = msgspec.structs.replace(request, relationship=None)
    if (refused := admit(claimed, policy)) is not None:
        return msgspec.structs.replace(refused, status=404) if admitted else refused
    if facts is None:
        return _refuse(request, policy, "2.5", "there is no record")
    if (refused := _barred(request, facts, policy)) is not None:
        return refused

    sharing = _standing(request, facts, policy, at)
    row = policy.rows[request.role]
    # after a formal death nothing opens on a condition any more (2.7)
    explicit = cells.NONE if facts.life == Life.FORMAL_DEATH else sharing.explicit
    matrix = row.always | (row.with_explicit_consent & explicit)
    if row.when_named and isinstance(facts.consents, CompiledConsents):
        matrix |= row.when_named & named_cells(facts.consents, request, at)
    opened = matrix & sharing.permitted
    flaggable = row.flagged_when_closed

    obligations = {Obligation.AUDIT}
    if not sharing.permitted and (request.break_glass is None or sharing.state == ConsentState.DISSENT_ABSOLUTE):
        return _refuse_sharing(request, policy, sharing)
    placed = request.role == Role.PATIENT or opened & _PLACE
    hidden = cells.NONE if placed and request.break_glass is None else _location_withheld(request, facts, at)
    if request.break_glass is not None:
        emergency = row.with_break_glass & policy.break_glass_cells & ~_shut_in_emergency(request, facts, policy, at)
        # T0 to T6 open in an emergency; where somebody must not be found by this caller does not (4, 5.6)
        emergency &= ~hidden
        if not sharing.permitted:
            obligations.add(Obligation.DISSENT_OVERRIDDEN)
        matrix |= emergency
        opened |= emergency
    after_consent = opened

    if hidden & _PLACE:
        obligations.add(Obligation.MASK_LOCATION)
    if facts.sflag == SFlag.RESTRICTED:
        opened &= ~cells.LOCATION
        flaggable &= ~cells.LOCATION
        obligations.add(Obligation.MASK_LOCATION)
    after_sflag = opened

    if opened & cells.DECISION_GROUP_OWN != cells.DECISION_GROUP_OWN:
        opened &= ~cells.DECISION_GROUP_ROWS
        if row.critical_is_permitted:
            obligations.add(Obligation.CRITICAL_WITHHELD_WARNING)
    if not opened:
        return _refuse(
            request, policy, "2.9", "nothing is left open to this caller", state=sharing.state, explainable=True
        )

    _oblige(obligations, request, facts, sharing.state)
    if request.role not in _SELF_ROLES and flaggable & ~opened:
        obligations.add(Obligation.REDACTED_FLAG)
    broke = request.break_glass is not None
    return Decision(
        id=request.id,
        permitted=True,
        status=200,
        rule="4" if broke else "3",
        reason=(
            "emergency access opens what it may for this role"
            if broke
            else "the role may read what the matrix permits and the person does not withhold"
        ),
        role=request.role,
        relationship=request.relationship or "",
        open_cells=opened,
        obligations=frozenset(obligations),
        consent_state=sharing.state,
        policy_id=policy.id,
        policy_version=policy.version,
        policy_hash=policy.hash,
        stages=Stages(matrix, after_consent, after_sflag),
    )


def _barred(request: AccessRequest, facts: RecordFacts, policy: AccessPolicy) -> Decision | None:
    """Return the refusal of steps 5 to 7, which bar the whole record before any consent is looked at."""
    if request.relationship == Relationship.SELF_CLAIMED:
        if request.role not in CLINICAL_ROLES:
            return _refuse(request, policy, "2.5", "this role cannot claim a relationship")
        if not policy.gates.self_claim:
            return _refuse(request, policy, "2.5", "relationships that the caller claims are not switched on")
    elif request.relationship != Relationship.ESTABLISHED:
        return _refuse(request, policy, "2.5", "the caller has no relationship with this person")
    if request.break_glass is not None and request.break_glass.echo_matches is not True:
        return _refuse(request, policy, "2.3", "the identity that the caller repeated is not the record's")
    if request.role == Role.PROXY and facts.proxy is not None and not authority_holds(facts.proxy):
        return _refuse(request, policy, "5.8", "the proxy's authority does not hold now")
    if facts.frozen and not facts.owner_org and request.break_glass is None:
        return _refuse(request, policy, "2.5a", "the NHS number is invalid: who this is about has to be settled first")
    if facts.sflag == SFlag.RESTRICTED:
        if policy.settings.sflag_policy == "not_found":
            return _refuse(request, policy, "2.6", "restricted records answer as not found under this policy")
        if request.relationship == Relationship.SELF_CLAIMED and request.break_glass is None:
            return _refuse(request, policy, "2.6", "a claimed relationship does not reach a restricted record")
    elif facts.sflag != SFlag.UNRESTRICTED:
        return _refuse(request, policy, "2.6", "the record is very restricted")
    if facts.life == Life.FORMAL_DEATH:
        return _barred_by_death(request, facts, policy)
    if facts.life not in _LIVES:
        return _refuse(request, policy, "2.7", "whether the person lives is not understood")
    return None


def _barred_by_death(request: AccessRequest, facts: RecordFacts, policy: AccessPolicy) -> Decision | None:
    if request.break_glass is not None:
        return _refuse(request, policy, "2.7", "emergency access ends with a formal death")
    if request.role in _SELF_ROLES:
        return _refuse(request, policy, "2.7", "access by the person and their proxies ends with a formal death")
    days = facts.days_since_death
    recent = days is not None and days <= policy.settings.days_after_death
    holder = request.role == Role.GP and request.relationship == Relationship.ESTABLISHED and facts.owner_org
    if not recent and not holder:
        return _refuse(request, policy, "2.7", "the time for reading after a formal death has passed")
    return None


def _standing(request: AccessRequest, facts: RecordFacts, policy: AccessPolicy, at: datetime) -> Standing:
    """Return where the caller stands: refusals of sharing do not bind the holder, a proxy or the person (2.8, 5.1)."""
    consents = facts.consents
    if request.role == Role.PATIENT:
        state = recorded_state(consents, at) if isinstance(consents, CompiledConsents) else consents
        return Standing(state, cells.ALL, cells.NONE, "")
    if isinstance(consents, CompiledConsents):
        sharing = standing(consents, request, at, facts.withheld)
    else:
        sharing = from_state(consents, facts.withheld)
    if facts.owner_org or request.role == Role.PROXY:
        withheld = facts.withheld & cells.GOVERNED_BY_CONSENT
        if isinstance(consents, CompiledConsents):
            withheld |= withheld_from(consents, request, at)
        if request.role == Role.PROXY and facts.proxy is not None:
            withheld |= ~facts.proxy.reach & cells.GOVERNED_BY_CONSENT
        if not cells.GOVERNED_BY_CONSENT & ~withheld:
            return Standing(sharing.state, cells.NONE, cells.NONE, "5.1")
        return sharing._replace(permitted=cells.ALL & ~withheld)
    if sharing.state is ConsentState.NOT_RECORDED and request.purpose not in policy.settings.purposes_without_consent:
        return Standing(sharing.state, cells.NONE, cells.NONE, "5.2")
    return sharing


def _shut_in_emergency(request: AccessRequest, facts: RecordFacts, policy: AccessPolicy, at: datetime) -> int:
    if isinstance(facts.consents, CompiledConsents):
        shut = policy.settings.break_glass_opens_reserved == "no"
        return closed_in_emergency(facts.consents, request, at, reserved_stay_shut=shut)
    return cells.NONE if facts.consents in _OPENABLE else cells.ALL


def _location_withheld(request: AccessRequest, facts: RecordFacts, at: datetime) -> int:
    """Return the cells of location that a Consent denies to this caller; want of a permission denies nothing (5.6)."""
    withheld = facts.withheld
    if isinstance(facts.consents, CompiledConsents):
        withheld |= withheld_from(facts.consents, request, at)
    return withheld & _PLACES


def _oblige(obligations: set[Obligation], request: AccessRequest, facts: RecordFacts, state: ConsentState) -> None:
    """Add what section 6 asks for, beside what the steps themselves added."""
    if request.relationship == Relationship.SELF_CLAIMED:
        obligations |= {Obligation.NOTIFY_PRIVACY_OFFICER, Obligation.TTL_24H}
    if request.break_glass is not None:
        obligations |= {
            Obligation.NOTIFY_PRIVACY_OFFICER,
            Obligation.TTL_BREAK_GLASS,
            Obligation.PATIENT_LOG_ENTRY,
            Obligation.REVIEW_TASK,
        }
    if state is ConsentState.NOT_RECORDED:
        obligations.add(Obligation.PROMPT_CONSENT_DISCUSSION)
    if facts.life == Life.INFORMAL_DEATH:
        obligations.add(Obligation.DEATH_UNCONFIRMED_WARNING)
    if facts.life in (Life.VERIFIED_DEATH, Life.FORMAL_DEATH):
        obligations.add(Obligation.DECEASED_BANNER)
    if request.role in _SELF_ROLES:
        obligations.add(Obligation.STATIC_WITHHOLDING_NOTICE)


def _refuse_sharing(request: AccessRequest, policy: AccessPolicy, sharing: Standing) -> Decision:
    reason = {
        "2.8": "the person has refused sharing with this caller",
        "5.1": "the person withholds everything that could be shared",
        "5.2": "no permission of the person covers this caller",
    }[sharing.refused_by]
    return _refuse(request, policy, sharing.refused_by, reason, state=sharing.state, explainable=True)


def _refuse(
    request: AccessRequest,
    policy: AccessPolicy,
    rule: str,
    reason: str,
    *,
    status: Literal[403, 404] = 404,
    state: ConsentState | None = None,
    explainable: bool = False,
) -> Decision:
    return Decision(
        id=request.id,
        permitted=False,
        status=status,
        rule=rule,
        reason=reason,
        role=request.role,
        relationship=request.relationship or "",
        open_cells=cells.NONE,
        # a try at emergency access that fails is always looked at, also on an absent record (2.3)
        obligations=_AUDIT if request.break_glass is None else _AUDIT_AND_ALERT,
        consent_state=state,
        policy_id=policy.id,
        policy_version=policy.version,
        policy_hash=policy.hash,
        known_partner_notice=explainable and policy.settings.refusal == "explain_known",
    )
