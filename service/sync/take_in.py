"""Taking in what a partner sent: kept as it came, put into our words, and written as the partner's own system writes.

Nothing gets in beside `WriteRecord`: the same validation, decision and rules as for everybody. What came before changes
nothing, what is older than what came is history, and what both sides changed is shown to a person. A decision that does
not know of ours is accepted and stands beside it as a conflict (hazard H3). What cannot be taken is parked whole; the
caller tells the partner that a message is settled only after this returned.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from adapters.base import Adapter, Arrived, HeldThere, Message, Untranslatable
from adapters.look_again import TellsOfPeople
from security.clock import instant
from service import tracing
from service.plan.decisions import kind_of
from service.record.access import Access, Refused
from service.record.changes import Change, Method
from service.record.decoded import decode_slice
from service.record.errors import (
    InvalidContent,
    NotAllowedToWrite,
    Problem,
    RepeatedKey,
    RivalDecision,
    TooBusy,
    VersionConflict,
)
from service.record.kept import Idempotency
from service.record.locks import KeyedLocks
from service.record.records import OpenRecord
from service.record.select import complete
from service.record.write import WriteRecord, Written
from service.sync import ours
from service.sync.board import Board, Trouble, Way
from service.sync.differences import digest_of
from service.sync.due import Dues
from service.sync.earlier import Outcome, newer, ours_of, outcome_before
from service.sync.held import LaneState, LaneStates, Taken
from service.sync.inbox import Inbox
from service.sync.late import LateVersion
from service.sync.look_again import LookAgain, NotConfirmed
from service.sync.members import Member
from service.sync.settling import to_settle
from service.sync.shared_with import SharedWith

INTERACTION = "transaction"
_TRIES = 3
_OTHER_PERSON = "The NHS number of this message belongs here to somebody with another name or birth date."
_BOTH_CHANGED = "It was changed here and at the partner, neither knowing of the other."
_NOT_OURS = "Nothing here is known of this person, or nothing may be taken from this partner for them."


class Parked(Exception):
    """A person has to look; `why` is a plain sentence without content."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Takes messages in."""

    access: Access
    write_record: WriteRecord
    shared_with: SharedWith
    states: LaneStates
    board: Board
    inbox: Inbox
    dues: Dues
    locks: KeyedLocks
    """One lock for each lane, which sending holds too: what is being sent is not known yet to have come from us."""
    look_again: LookAgain
    """For sources that tell of people, instead of sending anything to be written."""

    async def __call__(self, member: Member, adapter: Adapter, message: Message, turn: int) -> Outcome:
        """Take one message in, all of it or parked. Raise NotNow, or what the store raises: it is to be tried again."""
        with tracing.span("take-in", partner=member.name) as span:
            outcome = await self._taken_in(member, adapter, message, turn)
            span.set(outcome=outcome.value)
            return outcome

    async def _taken_in(self, member: Member, adapter: Adapter, message: Message, turn: int) -> Outcome:
        subject, outcomes = "", list[Outcome]()
        try:
            if isinstance(adapter, TellsOfPeople):
                return await self._looked_again(member, adapter, message)
            for arrived in adapter.arrived(message):
                record = await self._person(member, arrived)
                if record is None:
                    outcomes.append(Outcome.NOT_OURS)
                    continue
                subject = self.dues.subject(member.name, record.record_id)
                outcomes.append(await self._one(member, message, arrived, record, turn))
        except Untranslatable as untranslatable:
            return await self._park(member, message, subject, untranslatable.why)
        except Parked as parked:
            return await self._park(member, message, subject, parked.why)
        await self.board.settled(member.name, self.inbox.id_of(member.name, message), Way.IN)
        order = (Outcome.TAKEN, Outcome.LATE, Outcome.SEEN, Outcome.NOT_OURS)
        return next((outcome for outcome in order if outcome in outcomes), Outcome.NOT_OURS)

    async def _looked_again(self, member: Member, source: TellsOfPeople, message: Message) -> Outcome:
        try:
            outcome = await self.look_again(member, source, message)
        except NotConfirmed as unconfirmed:
            subject = self.dues.subject(member.name, unconfirmed.record)
            return await self._park(member, message, subject, unconfirmed.why)
        if outcome is not Outcome.WAITING:
            await self.board.settled(member.name, self.inbox.id_of(member.name, message), Way.IN)
        return outcome

    async def _person(self, member: Member, arrived: Arrived) -> OpenRecord | None:
        """Return the record of the person whom a message names, compared by name and birth date (hazard H2)."""
        record = await self.access.records.by_nhs_number(arrived.whom.nhs_number)
        if record is None:
            return None
        decision = await self.access.weigh(member.caller("looking"), record)
        if not decision.permitted:
            return None
        known, said = record.manifest.identity, arrived.whom
        if (known.family.casefold(), known.birth_date) != (said.family.casefold(), said.birth_date):
            raise Parked(_OTHER_PERSON)
        return record

    async def _one(self, member: Member, message: Message, arrived: Arrived, record: OpenRecord, turn: int) -> Outcome:
        lane = self.dues.lane(member.name, record.record_id)
        async with self.locks.hold(lane):
            for attempt in range(_TRIES):
                state = await self.states.read(lane)
                outcome = outcome_before(arrived, state)
                if outcome is Outcome.LATE or (outcome is None and attempt == 0):
                    await self.inbox.keep(member.name, message)
                try:
                    if outcome is Outcome.LATE:
                        return await self._file(member, message, arrived, record, state)
                    if outcome is not None:
                        return outcome
                    return await self._write(member, message, arrived, record, state, lane, turn)
                except VersionConflict:
                    stored = await self.access.records.store.fetch(record.record_id)
                    if stored is None:
                        raise Parked(_NOT_OURS) from None
                    record = await self.access.records.open(stored)
            raise TooBusy

    async def _write(
        self,
        member: Member,
        message: Message,
        arrived: Arrived,
        record: OpenRecord,
        state: LaneState,
        lane: bytes,
        turn: int,
    ) -> Outcome:
        reference = ours_of(arrived, member.name, state, record)
        entry = record.entry(reference) if reference else None
        if arrived.resource is None:
            if entry is None or entry.deleted:
                # Remembered all the same: an older version that comes late must not bring it back.
                gone = Taken(reference, arrived.version, arrived.sent, b"")
                await self._remember(lane, turn, {arrived.theirs: gone}, {reference: None} if reference else {})
                return Outcome.SEEN
            reason = f"Deleted at {member.description.title}"
            changes = [
                Change(Method.DELETE, entry.type, entry.type, id=entry.id, if_match=entry.version, reason=reason)
            ]
            digest = b""
        else:
            prepared = ours.translated(arrived, member.name, record.manifest.patient, state.ours)
            digest = digest_of(arrived.resource)
            taken = state.taken.get(arrived.theirs)
            if taken is not None and taken.digest == digest:
                await self._remember(lane, turn, {arrived.theirs: newer(taken, arrived)}, {})
                return Outcome.SEEN
            changes = [*prepared.companions, await self._change(member, message, arrived, record, state, prepared)]
        written = await self._written(member, message, arrived, changes, record)
        await self._remember_written(member, arrived, written, digest, lane, turn)
        return Outcome.TAKEN

    async def _file(
        self, member: Member, message: Message, arrived: Arrived, record: OpenRecord, state: LaneState
    ) -> Outcome:
        """File what came late among the past versions, where there is a place for it; it is in the inbox besides."""
        entry = record.entry(ours_of(arrived, member.name, state, record))
        late = None if entry is None else LateVersion(arrived, entry)
        if late is None or not late.has_a_place:
            return Outcome.LATE
        change = late.change(member.name, record, state.ours)
        if await late.was_here(self.access.records, record, change):
            return Outcome.SEEN
        with suppress(Parked):
            await self._written(member, message, arrived, [change], record)
        return Outcome.LATE

    async def _change(
        self,
        member: Member,
        message: Message,
        arrived: Arrived,
        record: OpenRecord,
        state: LaneState,
        prepared: ours.Translated,
    ) -> Change:
        """Return the change that a resource asks for: a new one, or the next version of what is here."""
        resource = prepared.resource
        kind = resource["resourceType"]
        reference = ours_of(arrived, member.name, state, record)
        entry = record.entry(reference) if reference else None
        if kind == "Patient":
            return await self._of_person(member, record, resource)
        if entry is None or entry.deleted or await self._written_before(member, message, arrived):
            return Change(Method.CREATE, kind, kind, resource)  # written before: it only is answered again
        if await self._changed_here(member, record, state, reference):
            if kind_of(resource) is None:
                raise Parked(_BOTH_CHANGED)
            # A decision made there on top of one that is no longer ours: both are shown, as a conflict.
            return Change(Method.CREATE, kind, kind, ours.disagreeing(resource, [reference]))
        before = decode_slice(record, entry)
        fresh = ours.with_labels_of(ours.with_relations_of(resource, before), before)
        return Change(Method.UPDATE, kind, kind, {**fresh, "id": entry.id}, id=entry.id, if_match=entry.version)

    async def _of_person(self, member: Member, record: OpenRecord, said: dict[str, Any]) -> Change:
        """Return the change of the Patient: only elements that the description lets this partner change (`person`)."""
        entry = record.entries[record.manifest.patient]
        elements = member.description.person
        if not elements:
            raise Parked("The description of this partner lets it change nothing of the person themselves.")
        patient = await complete(self.access.records, record, entry)
        for element in elements:
            if element in said:
                patient[element] = said[element]
        return Change(Method.UPDATE, "Patient", "Patient", patient, id=entry.id, if_match=entry.version)

    async def _changed_here(self, member: Member, record: OpenRecord, state: LaneState, reference: str) -> bool:
        """Say whether what the partner holds of a resource is not what it would be given now.

        Where it was given nothing: whether the newest version is not its own.
        """
        held = state.held.get(reference)
        if held is None:
            return record.entries[reference].author.client != member.client.client_id
        decision = await self.access.weigh(member.caller("looking"), record)
        if not decision.permitted:
            return True
        now = {one.reference: one.digest for one in await self.shared_with.wanted(member, record, decision)}
        return reference in now and now[reference] != held.digest

    async def _written(
        self, member: Member, message: Message, arrived: Arrived, changes: list[Change], record: OpenRecord
    ) -> Written:
        caller = member.caller(secrets.token_hex(16))
        idempotency = _idempotency(message, arrived)
        try:
            try:
                # A copy, because a write makes ids and references of what it is given its own.
                return await self.write_record(caller, deepcopy(changes), INTERACTION, idempotency)
            except RivalDecision as rival:
                changed = changes[-1]
                assert changed.resource is not None
                changed.resource = ours.disagreeing(changed.resource, rival.rivals)
                settle = to_settle(record, changed, self.access.clock())
                return await self.write_record(caller, [*changes, settle], INTERACTION, idempotency)
        except (VersionConflict, TooBusy):
            raise
        except Refused:
            raise Parked(_NOT_OURS) from None
        except (InvalidContent, NotAllowedToWrite) as refused:
            first = refused.issues[0]
            where = f" ({first.expression})" if first.expression else ""
            raise Parked(f"{first.text}{where}") from None
        except Problem as problem:
            raise Parked(f"It was refused here: {type(problem).__name__}.") from None

    async def _remember_written(
        self,
        member: Member,
        arrived: Arrived,
        written: Written,
        digest: bytes,
        lane: bytes,
        turn: int,
    ) -> None:
        """Remember what the partner's resource is here, and that the partner holds it as it would be given.

        The write may be one that was answered again, after a death between it and this: what was changed here since
        is not what the partner holds.
        """
        kind = arrived.theirs.partition("/")[0] if arrived.resource is None else arrived.resource["resourceType"]
        reference = [one.reference for one in written.results if one.reference.startswith(f"{kind}/")][-1]
        taken = {arrived.theirs: Taken(reference, arrived.version, arrived.sent, digest)}
        for result in written.results:
            if result.reference == reference:
                continue
            entry = written.record.entries[result.reference]
            theirs = "" if entry.deleted else ours.theirs_of(decode_slice(written.record, entry), member.name)
            if theirs:
                taken[theirs] = Taken(result.reference, "", arrived.sent, b"")
        versions = {result.reference: result.version for result in written.results}
        held: dict[str, HeldThere | None] = {}
        record, theirs_by_ours = written.record, {one.ours: theirs for theirs, one in taken.items()}
        if arrived.resource is None:
            held[reference] = None
        else:
            decision = await self.access.weigh(member.caller("looking"), record)
            shared = await self.shared_with.wanted(member, record, decision) if decision.permitted else []
            for one in shared:
                moved_on = record.entries[one.reference].version != versions.get(one.reference)
                if one.reference in theirs_by_ours and not moved_on:
                    theirs = theirs_by_ours[one.reference]
                    version = arrived.version if theirs == arrived.theirs else ""
                    held[one.reference] = HeldThere(theirs, version, one.digest, made=False)
        await self._remember(lane, turn, taken, held)

    async def _remember(
        self, lane: bytes, turn: int, taken: dict[str, Taken], held: dict[str, HeldThere | None]
    ) -> None:
        await self.states.change(lane, turn, lambda state: state.take(taken, held))

    async def _written_before(self, member: Member, message: Message, arrived: Arrived) -> bool:
        """Say whether this very message was written, and the process died before it was remembered beside the lane."""
        try:
            principal = member.caller("looking").principal
            return await self.write_record.kept.answered(principal, _idempotency(message, arrived)) is not None
        except RepeatedKey:
            raise Parked("The partner sent another content under the same id and version before.") from None

    async def _park(self, member: Member, message: Message, subject: str, why: str) -> Outcome:
        id = await self.inbox.keep(member.name, message)
        now = instant(self.access.clock())
        await self.board.trouble(member.name, Trouble(id, Way.IN, subject, "message", why, now, now))
        return Outcome.PARKED


def _idempotency(message: Message, arrived: Arrived) -> Idempotency:
    """Return what makes a message one write, however often and after whatever it is translated."""
    return Idempotency.of(f"{message.id}|{arrived.theirs}|{arrived.version}", message.original)
