"""What an audit entry says of one decision (sharing rules, section 8): who, for what, by which rule, about what."""

from __future__ import annotations

from datetime import datetime

from security.audit import AuditEntry, EventKind, Outcome, kind_of
from security.audit_tokens import TOKENS_FORM
from security.clock import instant
from security.decision import Decision
from service.record.caller import Asked, Caller
from service.record.records import OpenRecord

LEGAL_BASIS = "UK GDPR 6(1)(e), 9(2)(h); HSCA 2012 s251B"
"""The basis of every access here: individual care (sharing rules, section 3)."""


def entry_for(
    caller: Caller,
    decision: Decision,
    asked: Asked,
    record: OpenRecord | None,
    outcome: Outcome,
    time: datetime,
    makes: int = 0,
) -> AuditEntry:
    """Return the entry of a decision; `outcome` and `makes` as in `Access.entry`."""
    principal = caller.principal
    user, manifest = principal.user, None if record is None else record.manifest
    return AuditEntry(
        time=instant(time),
        kind=kind_of(asked.interaction) if decision.permitted else EventKind.DECISION,
        outcome=outcome if decision.permitted else Outcome.REFUSED,
        request_id=caller.request_id,
        interaction=asked.interaction,
        client_id=principal.client_id,
        organisation=principal.organisation,
        role=principal.role,
        user_id="" if user is None else user.id,
        user_name="" if user is None else user.name,
        assurance=principal.assurance,
        purpose=principal.purpose,
        relationship=decision.relationship,
        legal_basis=LEGAL_BASIS,
        token_id=principal.token_id,
        issuer=principal.issuer,
        device=caller.device,
        decision_id=decision.id,
        permitted=decision.permitted,
        status=decision.status,
        rule=decision.rule,
        reason=decision.reason,
        policy_id=decision.policy_id,
        policy_version=decision.policy_version,
        policy_hash=decision.policy_hash,
        consent_state=decision.consent_state or "",
        consents=() if manifest is None else manifest.consents.versions,
        incident=principal.incident or "",
        self_claim_reason=principal.self_claim_reason or "",
        break_glass_basis="" if caller.break_glass is None else caller.break_glass.basis or "",
        break_glass_reason="" if caller.break_glass is None else caller.break_glass.reason,
        obligations=tuple(sorted(decision.obligations)),
        patient="" if manifest is None else manifest.patient,
        record="" if record is None else record.record_id.hex(),
        sequence=0 if record is None else record.sequence,
        references=asked.references,
        search_parameters=asked.parameters,
        makes=makes,
        holder="" if manifest is None else manifest.holder,
        found_by=TOKENS_FORM,
        said=caller.said,
    )
