"""Who asks for what, the decision on an opened record, and its audit entry: the steps every use case shares.

Nothing about a person answers before its audit entry is durable, refusals included (sharing rules, section 2 step 10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

import msgspec

from security.access_policy import AccessPolicy
from security.access_request import AccessRequest, Relationship, new_decision_id
from security.audit import AuditSealer, Outcome
from security.audit_tokens import tokens_of
from security.clock import Clock
from security.consent import admit, decide
from security.decision import REGISTER_RULE, Decision, Obligation, enforceable, guess_limit_reached, impersonal
from security.decision_group import kept_whole
from security.localities import Policies
from service.record.caller import Asked, Caller, Echo
from service.record.entries import entry_for
from service.record.errors import Problem
from service.record.facts import facts_of
from service.record.guessing import GUESS_LIMIT, GuessLimit, TooManyGuesses
from service.record.manifest import places
from service.record.records import OpenRecord, Records, SeenRegister
from service.record.register import Register
from service.record.relationship import SENT_THERE, Found, relationship_of
from service.store.port import SealedEntry, StoredRecord

__all__ = ["Access", "Asked", "Caller", "Echo", "Refused"]

PERFORMED = frozenset(
    {
        Obligation.AUDIT,
        Obligation.MASK_LOCATION,
        Obligation.REDACTED_FLAG,
        Obligation.CRITICAL_WITHHELD_WARNING,
        Obligation.PROMPT_CONSENT_DISCUSSION,
        Obligation.DEATH_UNCONFIRMED_WARNING,
        Obligation.DECEASED_BANNER,
        Obligation.STATIC_WITHHOLDING_NOTICE,
        # What follows is carried out by the audit entry that names it (the person's log; the officer's alert, which
        # asks for a review), by the grant's own end (`break_glass`), and by the words of the answer.
        Obligation.NOTIFY_PRIVACY_OFFICER,
        Obligation.PATIENT_LOG_ENTRY,
        Obligation.REVIEW_TASK,
        Obligation.TTL_24H,
        Obligation.TTL_BREAK_GLASS,
        Obligation.DISSENT_OVERRIDDEN,
    }
)
"""Obligations that this service carries out. A decision with any other becomes a refusal (rule 6)."""

MOST_KNOWN = 100_000
"""How many partners of records are remembered as written down already; the store knows them all."""

_AT_THE_GRANT = frozenset({Obligation.NOTIFY_PRIVACY_OFFICER, Obligation.REVIEW_TASK})
"""What is due once for emergency access, when it is given, and not again for each thing that is read by it (I8)."""

SELF_CLAIM_LASTS = timedelta(hours=24)


class Refused(Problem):
    """The decision was no; its audit entry is durable.

    `explained`: the sentence for a known partner, and `explained_by` the version of the policy that it stands in (9a).
    Both are the deployment's own: which locality's policy governs would tell where the person is.
    """

    def __init__(self, decision: Decision, *, explained: str = "", explained_by: str = "") -> None:
        super().__init__(decision.rule)
        self.decision = decision
        self.explained = explained
        self.explained_by = explained_by


@dataclass(frozen=True, slots=True)
class Access:
    """Decides and writes down. One per service."""

    records: Records
    policies: Policies
    sealer: AuditSealer
    clock: Clock
    register: Register
    decoy: StoredRecord
    """A sealed record of nobody, which is opened wherever somebody is absent, so that absence costs as much time."""
    guesses: GuessLimit
    _known: set[tuple[str, bytes]] = field(default_factory=set, repr=False)

    @property
    def policy(self) -> AccessPolicy:
        """The deployment's own policy: for what is asked before anybody is looked up, and for what is of nobody."""
        return self.policies.base

    def governing(self, record: OpenRecord | None) -> AccessPolicy:
        """Return the policy that governs a record: that of the person's place of care (rules section 1)."""
        return self.policies.base if record is None else self.policies.governing(record.manifest.places_of_care)

    async def admit(self, caller: Caller, asked: Asked) -> AccessRequest:
        """Apply steps 1 to 4, which look at the token and the request alone; return the request. Raise Refused."""
        request = self.request_of(caller)
        decision = admit(request, self.policy)
        if decision is not None:
            await self.refuse(caller, decision, asked, None)
        return request

    def request_of(self, caller: Caller) -> AccessRequest:
        """Return the request before anybody was looked up: its relationship is what the caller claims.

        Who asks for emergency access claims one by that, with the same reason, if that is switched on.
        """
        principal = caller.principal
        claims = principal.self_claim_reason is not None or caller.break_glass is not None
        request = AccessRequest.of(principal, Relationship.SELF_CLAIMED if claims else None, caller.break_glass)
        if caller.break_glass is not None and principal.self_claim_reason is None:
            request = msgspec.structs.replace(request, self_claim_reason=caller.break_glass.reason)
        return request

    async def decide(
        self,
        caller: Caller,
        record: OpenRecord | None,
        admitted: AccessRequest | None = None,
        *,
        sent_there: bool = False,
        by_reference: bool = False,
    ) -> Decision:
        """Apply steps 5 to 9 to a record, or to its absence.

        `admitted` is the request as `admit` let it through, without which the decision gets an id of its own.
        `sent_there`: as if the incident that the crew attends were about this person; nothing of the record may leave
        by such a decision. `by_reference`: it was looked for by a reference, so one that is there was looked into.
        """
        now = caller.at or self.clock()
        if record is None:
            await self._as_if_there(caller, admitted, now, looked_into=by_reference)
            absent = msgspec.structs.replace(admitted or self.request_of(caller), relationship=Relationship.NONE)
            return enforceable(decide(absent, None, self.policy, now), PERFORMED)
        decision = await self.weigh(caller, record, admitted, sent_there=sent_there)
        if caller.granted and caller.break_glass is not None:
            decision = msgspec.structs.replace(decision, obligations=decision.obligations - _AT_THE_GRANT)
        elif Obligation.TTL_24H in decision.obligations:
            decision = await self._claimed_before(caller, decision, record, now)
        return decision

    async def weigh(
        self,
        caller: Caller,
        record: OpenRecord,
        admitted: AccessRequest | None = None,
        *,
        sent_there: bool = False,
        found: Found | None = None,
    ) -> Decision:
        """Return the decision on a record that is there; nothing is done by it and nothing remembered.

        `found`: the relationship, where it is known already.
        """
        now = caller.at or self.clock()
        if found is None:
            found = SENT_THERE if sent_there else await self._relationship(caller, record, now)
        request = msgspec.structs.replace(
            admitted or self.request_of(caller), relationship=found.kind, by_incident=found.by_incident
        )
        if request.break_glass is not None:
            request = msgspec.structs.replace(request, break_glass=caller.glass_for(record))
        facts = facts_of(caller.principal, record.manifest, now)
        policy = self.governing(record)
        # What the deployment's own policy refuses is a 403, with a record and without; what a locality's does, a 404.
        own = policy is self.policies.base
        if not own and (refused := admit(_before_look_up(request), self.policy)) is not None:
            return refused
        decided = kept_whole(decide(request, facts, policy, now, admitted=not own), places(record.manifest.critical))
        return enforceable(decided, PERFORMED)

    async def refuse(self, caller: Caller, decision: Decision, asked: Asked, record: OpenRecord | None) -> NoReturn:
        """Write the refusal down, then raise Refused."""
        explained = ""
        if decision.status == 404:
            # Looked up for absent people too, so that the two cost the same (rule 9a).
            known = await self.records.store.is_known(self.known_token(caller, record))
            if known and decision.known_partner_notice:
                explained = self.policy.texts.not_shared_with_you
        await self.records.store.append_audit(self.entry(caller, decision, asked, record))
        if asked.guessable and decision.status == 404:
            await self.guessed(caller)
        raise Refused(decision, explained=explained, explained_by=self.policy.version if explained else "")

    def unless_guessing(self, caller: Caller, decision: Decision) -> Decision:
        """Return the decision, or a refusal for a caller who guessed too often, unless the relationship is established.

        That of a crew with a registered open incident is, so nothing here blocks its emergency answer (hazard H8).
        Emergency access has a lock of its own, and takes a birth date besides the number.
        """
        if (
            not decision.permitted
            or decision.relationship == Relationship.ESTABLISHED
            or caller.break_glass is not None
        ):
            return decision
        if not self.guesses.locked(caller.principal, caller.at or self.clock()):
            return decision
        return guess_limit_reached(decision, (Obligation.AUDIT,))

    def check_guessing(self, caller: Caller) -> None:
        """Raise TooManyGuesses for a caller who guessed too often."""
        if seconds := self.guesses.locked(caller.principal, caller.at or self.clock()):
            raise TooManyGuesses(seconds)

    async def guessed(self, caller: Caller) -> None:
        """Count a look-up that found nobody for this caller; raise TooManyGuesses for one too many.

        The first one too many leaves an audit entry of its own, which calls for an alert.
        """
        self.check_guessing(caller)
        principal, now = caller.principal, caller.at or self.clock()
        counted = await self.guesses.count(principal, now)
        if counted.reached:
            decision = impersonal(REGISTER_RULE, principal.role, self.policy, new_decision_id())
            decision = guess_limit_reached(decision, (Obligation.AUDIT, Obligation.NOTIFY_PRIVACY_OFFICER))
            await self.records.store.append_audit(self.entry(caller, decision, Asked(GUESS_LIMIT), None))
        if counted.over:
            self.check_guessing(caller)

    async def permit(self, caller: Caller, decision: Decision, asked: Asked, record: OpenRecord) -> None:
        """Write a permitted read down; it is durable when this returns."""
        known = (caller.principal.organisation, record.record_id)
        token = None if known in self._known else self.known_token(caller, record)
        await self.records.store.append_audit(self.entry(caller, decision, asked, record), token)
        if token is not None and len(self._known) < MOST_KNOWN:
            self._known.add(known)

    async def turned_down(self, caller: Caller, asked: Asked, record: OpenRecord) -> None:
        """Write down a write that broke a rule of a record: what the refusal says of its versions is an answer too."""
        decision = await self.decide(caller, record)
        await self.records.store.append_audit(self.entry(caller, decision, asked, record, Outcome.REFUSED))

    def known_token(self, caller: Caller, record: OpenRecord | None) -> bytes:
        """Return the blind token of this organisation and record; of nothing in particular for an absent one."""
        whose = "absent" if record is None else record.record_id.hex()
        return self.records.index.token("known-partner", f"{caller.principal.organisation}|{whose}")

    def entry(
        self,
        caller: Caller,
        decision: Decision,
        asked: Asked,
        record: OpenRecord | None,
        outcome: Outcome = Outcome.SUCCESS,
        *,
        makes: int = 0,
    ) -> SealedEntry:
        """Return the sealed audit entry of a decision, with its look-up tokens.

        `outcome` is that of what it permitted; `makes` the sequence that a commit makes, which carries the entry.
        """
        entry = entry_for(caller, decision, asked, record, outcome, caller.at or self.clock(), makes)
        sealed = self.sealer.seal(entry)
        return SealedEntry(sealed, tokens_of(self.records.index, entry, sealed))

    async def _relationship(self, caller: Caller, record: OpenRecord, now: datetime) -> Found:
        return await relationship_of(caller, record, self.register, self.governing(record), now)

    async def _as_if_there(
        self, caller: Caller, admitted: AccessRequest | None, now: datetime, *, looked_into: bool
    ) -> None:
        """Do for an absent person what is done for one who is there and refused: open, compare, decide (I3)."""
        record = await self.records.open(self.decoy)
        if looked_into:
            record.entry(record.manifest.patient)
        else:  # by number, the register is looked up in the same breath as the record
            record.register = SeenRegister(b"", None)
        found = await self._relationship(caller, record, now)
        request = msgspec.structs.replace(
            admitted or self.request_of(caller), relationship=found.kind, by_incident=found.by_incident
        )
        decide(request, facts_of(caller.principal, record.manifest, now), self.policy, now)

    async def _claimed_before(self, caller: Caller, decision: Decision, record: OpenRecord, now: datetime) -> Decision:
        """Return the decision without a second alert for the same claim: one holds for 24 hours (rule 1, `lr`)."""
        user = caller.principal.user
        who = f"{caller.principal.organisation}|{'' if user is None else user.id}|{record.record_id.hex()}"
        claim = self.records.index.token("self-claim", who)
        if decision.rule == "4" or await self.records.store.lease(claim, decision.id.encode(), now + SELF_CLAIM_LASTS):
            return decision
        return msgspec.structs.replace(decision, obligations=decision.obligations - _AT_THE_GRANT)


def _before_look_up(request: AccessRequest) -> AccessRequest:
    claimed = request.relationship == Relationship.SELF_CLAIMED
    return request if claimed else msgspec.structs.replace(request, relationship=None)
