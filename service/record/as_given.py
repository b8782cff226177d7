"""`AnswerAsGiven`: an emergency answer exactly as it was given at a past time, for a privacy officer (rule 5.7).

Everybody else reads the past by today's rules. An officer names the entry of the access log; the record is put together
as it stood then, and the very decision is made again: for the same caller, relationship, time and policy. If it is not
the decision that the entry holds, nothing is shown, for it would not be what was given. Nor is it where the person's
whereabouts were protected since: what told of a place then would tell of it now. To look is an entry itself.

Within the officer's scope (`security.oversight`): records that an organisation of theirs holds, and what was given to
an organisation of theirs. Anything else is not here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from security.access_request import Basis, BreakGlass, Relationship, new_decision_id
from security.audit import AuditEntry
from security.clock import parse_instant
from security.decision import Decision
from security.oversight import Scope, decide_oversight
from security.principal import NamedPerson, Principal, Purpose
from security.release import HeldWhole, release, release_whole
from service.record.access import Access, Asked, Caller
from service.record.access_log import AccessLog
from service.record.as_of import as_of
from service.record.break_glass import INTERACTION as BREAK_GLASS
from service.record.errors import NotAsGiven, NotHere
from service.record.manifest import RecordKind
from service.record.read import BEHIND_POINTER, Answered, EmergencySummary
from service.record.records import OpenRecord
from service.record.relationship import Found
from service.record.urgent import Style

INTERACTION = "$answer-as-given"
_ANSWERS = frozenset({"$emergency-summary", BREAK_GLASS, BEHIND_POINTER})
_OTHER = "Only emergency answers can be shown as they were given."
_PROTECTED = "What was given may not be shown any more."
_POLICY = "The sharing policy is another by now, so what was given cannot be worked out again."
_DECISION = "The decision cannot be made again as it was, so what was given is not known exactly."


@dataclass(frozen=True, slots=True)
class AsGiven:
    """The answer made again, and the entry of the access log that it is about."""

    answered: Answered
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class AnswerAsGiven:
    """Makes them again."""

    access: Access
    log: AccessLog
    scope: Scope
    style: Style

    async def admit(self, caller: Caller) -> Decision:
        """Return the decision that lets a privacy officer ask, from the token alone (I4); raise Refused for others."""
        access = self.access
        allowed = decide_oversight(caller.principal, self.scope(caller.principal), access.policy, new_decision_id())
        if not allowed.permitted:
            await access.refuse(caller, allowed, Asked(INTERACTION), None)
        return allowed

    async def __call__(self, caller: Caller, patient: str, event: str) -> AsGiven:
        """Make an answer again: about `Patient/id`, of the entry `AuditEvent/id`.

        Raise NotHere for what is not there or not for this officer, NotAsGiven for what cannot be made again.
        """
        access = self.access
        allowed = await self.admit(caller)
        record, entry = await self._found(caller, patient, event)
        about = record if entry is not None else None
        await access.records.store.append_audit(access.entry(caller, allowed, Asked(INTERACTION, (event,)), about))
        if record is None or entry is None:
            raise NotHere
        if entry.interaction not in _ANSWERS or not entry.permitted or entry.references:
            raise NotAsGiven(_OTHER)
        return AsGiven(await self._again(record, entry), entry)

    async def _found(self, caller: Caller, patient: str, event: str) -> tuple[OpenRecord | None, AuditEntry | None]:
        """Return a record and an entry about it that this officer may see; as much is looked through for none (I3)."""
        records, watched = self.access.records, self.scope(caller.principal)
        record = await records.by_reference(patient)
        if record is not None and (record.manifest.kind is not RecordKind.PERSON or record.manifest.patient != patient):
            record = None
        about = record or await records.open(self.access.decoy)
        found = await self.log.entry(about, event.removeprefix("AuditEvent/"), caller.at or self.access.clock())
        if record is None or found is None:
            return None, None
        theirs = record.manifest.holder in watched or found.organisation in watched
        return (record, found) if theirs else (None, None)

    async def _again(self, record: OpenRecord, entry: AuditEntry) -> Answered:
        at = parse_instant(entry.time)
        then = await as_of(self.access.records, record, entry.sequence, at, self.style)
        if record.flagged and not then.flagged:
            raise NotAsGiven(_PROTECTED)  # what told of a place then tells of it still (rule 5.6)
        if self.access.governing(then).hash != entry.policy_hash:
            raise NotAsGiven(_POLICY)
        caller = replace(_caller(entry), at=at)
        related = caller.principal.organisation in then.manifest.relations
        kind = Relationship(entry.relationship or Relationship.NONE)
        by_incident = kind == Relationship.ESTABLISHED and not related and bool(entry.incident)
        decision = await self.access.weigh(caller, then, found=Found(kind, by_incident))
        made = (decision.rule, decision.reason, decision.status, then.manifest.consents.versions)
        if made != (entry.rule, entry.reason, entry.status, entry.consents):
            raise NotAsGiven(_DECISION)
        question = EmergencySummary(then.manifest.identity.nhs_number, at, self.style)
        selected = await question.select(self.access, then, decision)
        released = release_whole(decision, selected) if isinstance(selected, HeldWhole) else release(decision, selected)
        return Answered(then, decision, released)


def _caller(entry: AuditEntry) -> Caller:
    """Return whoever asked, as their entry tells."""
    principal = Principal(
        client_id=entry.client_id,
        organisation=entry.organisation,
        role=entry.role,
        purpose=Purpose(entry.purpose),
        registered_roles=frozenset({entry.role}),
        scopes=frozenset(),
        token_id="",
        issuer="",
        user=NamedPerson(entry.user_id, entry.user_name) if entry.user_id else None,
        assurance=entry.assurance,
        incident=entry.incident or None,
        self_claim_reason=entry.self_claim_reason or None,
    )
    glass = None
    if entry.break_glass_reason:
        basis = Basis(entry.break_glass_basis) if entry.break_glass_basis else None
        glass = BreakGlass(basis, entry.break_glass_reason, echo_matches=True)
    return replace(Caller(principal, ""), break_glass=glass, supposed=True)
