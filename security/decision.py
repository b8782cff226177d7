"""The decision: what one caller may read of one record now, why, and what must be done with the answer."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Literal

import msgspec

from fhir_profiles.sections import DECISION_GROUP, TIER, Section, Tier
from security import cells
from security.access_policy import AccessPolicy, Cell
from security.access_request import ConsentState
from security.principal import RoleWord


class Obligation(StrEnum):
    """What whoever carries out a decision must do (6). One that it does not know or cannot do makes it a refusal."""

    AUDIT = "audit"
    NOTIFY_PRIVACY_OFFICER = "notify_privacy_officer"
    TTL_24H = "ttl_24h"
    TTL_BREAK_GLASS = "ttl_break_glass"
    PATIENT_LOG_ENTRY = "patient_log_entry"
    REVIEW_TASK = "review_task"
    DISSENT_OVERRIDDEN = "dissent_overridden"
    MASK_LOCATION = "mask_location"
    REDACTED_FLAG = "redacted_flag"
    CRITICAL_WITHHELD_WARNING = "critical_withheld_warning"
    PROMPT_CONSENT_DISCUSSION = "prompt_consent_discussion"
    DEATH_UNCONFIRMED_WARNING = "death_unconfirmed_warning"
    DECEASED_BANNER = "deceased_banner"
    STATIC_WITHHOLDING_NOTICE = "static_withholding_notice"


class Stages(msgspec.Struct, frozen=True):
    """The open cells after each part of step 9, so that a decision can say which part closed a section."""

    matrix: int = cells.NONE
    consent: int = cells.NONE
    sflag: int = cells.NONE


class Decision(msgspec.Struct, frozen=True):
    """A decision on one request. Refused ones open nothing.

    `status` is the class of the answer: 200, 403 (from the token and the request alone, I4) or 404 (the same whether or
    not there is a record). `rule` is the number of the deciding sharing rule, `reason` says it in a sentence without
    content. `relationship` is the kind it rests on. `known_partner_notice`: should the caller be a known partner, this
    refusal may be explained (2.9a).
    """

    id: str
    permitted: bool
    status: Literal[200, 403, 404]
    rule: str
    reason: str
    role: RoleWord
    open_cells: int
    obligations: frozenset[Obligation]
    consent_state: ConsentState | None
    policy_id: str
    policy_version: str
    policy_hash: str
    known_partner_notice: bool = False
    relationship: str = ""
    stages: Stages = Stages()

    def opens(self, section: Section, tier: Tier) -> bool:
        """Tell whether an entry of this section with this tier may be read. False for what is not known."""
        return bool(self.open_cells & cells.CELL.get((section, tier), cells.NONE))

    @property
    def masks_location(self) -> bool:
        """Whether what is released must place the person nowhere, free text included (5.6)."""
        return Obligation.MASK_LOCATION in self.obligations

    @property
    def open_sections(self) -> int:
        """Sections whose ordinary entries are open, as a bitmask in order of `Section`."""
        return cells.sections_of(self.open_cells)

    @property
    def open_tiers(self) -> int:
        """Tiers of which at least one section is open, as a bitmask in order of `Tier`."""
        return cells.tiers_of(self.open_cells)

    @property
    def decision_group_open(self) -> bool:
        """Whether the five sections of the decision group are open; they open and close together (5.3)."""
        return self.open_cells & cells.DECISION_GROUP_OWN == cells.DECISION_GROUP_OWN


DIRECTORY_RULE: Final = "directory"
REGISTER_RULE: Final = "register"
OPERATIONS_RULE: Final = "operations"
NOTICE_RULE: Final = "notice"
SUBSCRIPTION_RULE: Final = "subscription"
IDENTITY_RULE: Final = "identity"
GUESSING_RULE: Final = "12"


def impersonal(
    rule: Literal["directory", "register", "operations", "subscription", "notice", "identity"],
    role: RoleWord,
    policy: AccessPolicy,
    id: str,
) -> Decision:
    """Return the decision under which something without a plan is used: the shared directory, the incident register,
    the traffic with partners as those see it who look after it, a client's own Subscriptions, a notice to the person,
    what PDS says of who a person is.

    It opens no cell, so nothing of a person can be released under it.
    """
    return Decision(
        id=id,
        permitted=True,
        status=200,
        rule=rule,
        reason="no plan is read or written here",
        role=role,
        open_cells=cells.NONE,
        obligations=frozenset({Obligation.AUDIT}),
        consent_state=None,
        policy_id=policy.id,
        policy_version=policy.version,
        policy_hash=policy.hash,
    )


def guess_limit_reached(decision: Decision, obligations: Iterable[Obligation]) -> Decision:
    """Return the refusal of somebody who looked for too many people who are not theirs (12); as if nobody were here."""
    return msgspec.structs.replace(
        decision,
        permitted=False,
        status=404,
        rule=GUESSING_RULE,
        reason="too many look-ups found nobody for this caller",
        open_cells=cells.NONE,
        obligations=frozenset(obligations),
        stages=Stages(),
    )


class SectionResult(msgspec.Struct, frozen=True):
    """Why one section is open or closed for ordinary entries."""

    section: Section
    tier: Tier
    cell: Cell
    open: bool
    rule: str
    reason: str


_CELL_SENTENCE = {
    Cell.PERMIT: "the matrix permits this tier to the role",
    Cell.EXPLICIT: "this tier needs explicit consent or a best interests decision",
    Cell.BREAK_GLASS: "this tier opens in an emergency only",
    Cell.NAMED: "this tier opens only where a Consent of the person permits it to the caller by name",
    Cell.NEVER: "this tier is never open to the role",
}


_BY_CONDITION = "this tier is open by explicit consent, a best interests decision or emergency access"
_OPENED_SENTENCE = {
    **dict.fromkeys(Cell, _BY_CONDITION),
    Cell.NAMED: "a Consent of the person permits this tier to the caller by name",
}


def explain(decision: Decision, policy: AccessPolicy) -> dict[Section, SectionResult]:
    """Return for every section whether the decision opens it, and by which rule. `policy` is that of the decision."""
    return {section: _explain(section, decision, policy.letter_of(decision.role, section)) for section in Section}


def _explain(section: Section, decision: Decision, letter: Cell) -> SectionResult:
    own, stages = cells.own(section), decision.stages
    if not decision.permitted:
        rule, reason = decision.rule, decision.reason
    elif decision.open_cells & own:
        rule, reason = "3", _CELL_SENTENCE[Cell.PERMIT]
        if letter is not Cell.PERMIT:
            rule, reason = "3", _OPENED_SENTENCE[letter]
    elif not stages.matrix & own:
        rule, reason = "3", _CELL_SENTENCE[letter]
    elif not stages.consent & own:
        rule, reason = "5.1", "the person withholds this section, or no permission of theirs covers it"
    elif not stages.sflag & own:
        rule, reason = "2.6", "location is removed for a person whose whereabouts are protected"
    else:
        assert section in DECISION_GROUP
        rule, reason = "5.3", "a member of the decision group is withheld, so the whole group is"
    return SectionResult(section, TIER[section], letter, bool(decision.open_cells & own), rule, reason)


def enforceable(decision: Decision, known: frozenset[Obligation]) -> Decision:
    """Return the decision, or a refusal when it asks for something that the enforcing side cannot do (6).

    The refusal answers like an absent record, and keeps those obligations that can be performed without an answer.
    """
    if not decision.permitted or decision.obligations <= known:
        return decision
    kept = {Obligation.AUDIT, Obligation.NOTIFY_PRIVACY_OFFICER} & decision.obligations
    return Decision(
        id=decision.id,
        permitted=False,
        status=404,
        rule="6",
        reason="an obligation of this decision cannot be performed here, so nothing is released",
        role=decision.role,
        relationship=decision.relationship,
        open_cells=cells.NONE,
        obligations=frozenset(kept),
        consent_state=decision.consent_state,
        policy_id=decision.policy_id,
        policy_version=decision.policy_version,
        policy_hash=decision.policy_hash,
    )
