"""What must hold before glass may be broken, as far as the token and the request can tell (sharing rules 4)."""

from __future__ import annotations

from security import cells
from security.access_policy import AccessPolicy
from security.access_request import AccessRequest, Basis, BreakGlass, Relationship
from security.decision import Decision, Obligation
from security.principal import CLINICAL_ROLES, Purpose

MINIMUM_REASON = 10
MINIMUM_ASSURANCE = 2


def locked(request: AccessRequest, policy: AccessPolicy) -> Decision:
    """Return the refusal of a caller who was refused emergency access too often, whomever they ask for (I4)."""
    return Decision(
        id=request.id,
        permitted=False,
        status=403,
        rule="4",
        reason="emergency access is locked for this caller after tries that were refused",
        role=request.role,
        relationship=request.relationship or "",
        open_cells=cells.NONE,
        obligations=frozenset({Obligation.AUDIT, Obligation.NOTIFY_PRIVACY_OFFICER}),
        consent_state=None,
        policy_id=policy.id,
        policy_version=policy.version,
        policy_hash=policy.hash,
    )


def preconditions_fail(request: AccessRequest, asked: BreakGlass, policy: AccessPolicy) -> str | None:
    """Return why emergency access cannot be given, as a sentence, or None when every precondition holds.

    The identity echo is not among them: it is compared after the look-up, and a mismatch answers as an absent record.
    """
    if not policy.gates.break_glass:
        return "emergency access is not switched on"
    if request.role not in CLINICAL_ROLES:
        return "emergency access is for clinical roles"
    if request.purpose not in (Purpose.TREAT, Purpose.ETREAT):
        return "emergency access is for treatment"
    if request.relationship is Relationship.NONE:
        return "emergency access needs a relationship, established or claimed"
    if not (request.user or "").strip():
        return "emergency access needs a named person"
    if request.assurance < MINIMUM_ASSURANCE:
        return "emergency access needs a sign-in with two factors"
    if len(asked.reason.strip()) < MINIMUM_REASON:
        return f"emergency access needs a reason of at least {MINIMUM_REASON} characters"
    if not isinstance(asked.basis, Basis):
        return "this is not a basis for emergency access"
    if asked.basis is Basis.PUBLIC_INTEREST and not (asked.senior or "").strip():
        return "the public interest needs a named senior approver"
    return None
