"""Bringing one partner up to date on one person: decide, compare, write down, send, remember what was confirmed.

The order is what makes it safe to be killed anywhere. The decision is of this moment; the audit entry is durable before
the first byte leaves (architecture, section 7), and so is what the partner may hold from then on; what it confirms is
remembered as far as it came, so that the next try sends the rest; and what was sent without a confirmation is sent
again, with the same key while it is the same state, or removed when it is not to be there any more.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

import msgspec

from adapters.base import Adapter, Cause, HeldThere, OnlyAsked, Parcel, Put, Receipt, Whom
from security.decision import Decision
from service.record.access import Access, Asked
from service.record.caller import Caller
from service.record.locks import KeyedLocks
from service.record.manifest import SECTIONS
from service.record.records import OpenRecord
from service.sync import ours
from service.sync.differences import Difference, Wanted, difference
from service.sync.due import Due, Dues
from service.sync.held import LaneState, LaneStates
from service.sync.members import Member
from service.sync.naming import name_whom
from service.sync.shared_with import SharedWith

SENT = "$sync-send"
"""The interaction that audit entries name when something of a person is sent to a partner."""
REMOVAL_ASKED = "$sync-remove"
"""The same when a partner is only asked to remove what it holds."""
_OVERALL = 4.0
"""Times the limit of one request that a whole parcel may take at least."""


class Overtaken(Exception):
    """Nothing more of it is sent from here: the partner may be another process's by now, or something urgent came."""


@dataclass(frozen=True, slots=True)
class Given:
    """What became of it: how many effects the partner confirmed, how many of them removals, and whether it may have
    anything at all. `whom`: the person, where the partner may know them."""

    effects: int
    removed: int
    permitted: bool
    whom: Whom | None = None


class Give(Protocol):
    """Does what a lane waits for. Called for one lane at a time."""

    async def __call__(
        self, member: Member, adapter: Adapter, due: Due, cause: Cause, turn: int, go_on: Callable[[], bool]
    ) -> Given:
        """Do it. Raise an OutsideError, Overtaken, or what the store raises.

        `due` is the newest that waits, `cause` the most urgent. `go_on` says before each effect whether to go on:
        whether the partner's lease holds, and nothing more urgent waits.
        """


@dataclass(frozen=True, slots=True)
class GiveToPartner:
    """Does it, for one lane at a time. `dues` name subjects."""

    access: Access
    shared_with: SharedWith
    states: LaneStates
    dues: Dues
    locks: KeyedLocks

    async def __call__(
        self, member: Member, adapter: Adapter, due: Due, cause: Cause, turn: int, go_on: Callable[[], bool]
    ) -> Given:
        """Bring the partner to the newest state of the record."""
        async with self.locks.hold(self.dues.lane(member.name, due.record)):
            return await self._give(member, adapter, due, cause, turn, go_on)

    async def _give(
        self, member: Member, adapter: Adapter, due: Due, cause: Cause, turn: int, go_on: Callable[[], bool]
    ) -> Given:
        lane = self.dues.lane(member.name, due.record)
        caller = member.caller(secrets.token_hex(16))
        state = await self.states.read(lane)
        stored = await self.access.records.store.fetch(due.record)
        record = None if stored is None else await self.access.records.open(stored)
        decision = await self.shared_with.decide(caller, record)
        permitted = decision is not None and decision.permitted
        whom = None
        if permitted and record is not None:
            identity = record.manifest.identity
            whom = Whom(identity.nhs_number, identity.family, identity.birth_date)
        if isinstance(adapter, OnlyAsked):
            return Given(0, 0, permitted, whom)
        wanted: list[Wanted] = []
        if record is not None and decision is not None and decision.permitted:
            wanted = await self.shared_with.wanted(member, record, decision)
        held = _adopted(member, wanted, state) | state.held
        change = difference(wanted, held, _its_own(member, record), state.begun)
        name_whom(change.puts, wanted)
        if not change:
            return Given(0, 0, permitted, whom)
        await asyncio.gather(self._write_down(caller, decision, change, record), self._begin(lane, turn, change, state))
        parcel = self._parcel(member, due, cause, record, state, wanted, change)
        receipts: list[Receipt] = []
        try:
            within = member.description.limits.timeout * (_OVERALL + len(change.puts) + len(change.removals))
            async with asyncio.timeout(within), aclosing(_guarded(adapter, parcel, go_on)) as confirmed:
                async for receipt in confirmed:
                    receipts.append(receipt)
            effects, removed = len(receipts), sum(receipt.there is None for receipt in receipts)
            receipts += _not_carried(change, receipts)
        finally:
            await asyncio.shield(self._remember(lane, turn, receipts, parcel.sequence))
        return Given(effects, removed, permitted, whom)

    async def _begin(self, lane: bytes, turn: int, change: Difference, state: LaneState) -> None:
        """Remember what the partner may hold from now on, or may not, until it confirms.

        What is new there has to be removed one day even if no answer ever comes; and what was asked to be removed has
        to be sent again when it may be there after all.
        """
        new = {put.reference for put in change.puts if put.there is None} - set(state.begun)
        going = {one.reference for one in change.removals if one.there.digest}
        if not new and not going:
            return

        def begin(state: LaneState) -> None:
            state.begun += sorted(new)
            for reference in going & state.held.keys():
                state.held[reference] = msgspec.structs.replace(state.held[reference], digest=b"")

        if not await self.states.change(lane, turn, begin):
            raise Overtaken

    async def _write_down(
        self, caller: Caller, decision: Decision | None, change: Difference, record: OpenRecord | None
    ) -> None:
        if record is None or decision is None:
            return  # The record was erased: there is nobody left to write about, only copies to be removed.
        versions = tuple(f"{put.reference}/_history/{record.entries[put.reference].version}" for put in change.puts)
        if change.puts:
            await self.access.permit(caller, decision, Asked(SENT, versions), record)
        else:
            removed = tuple(removal.reference for removal in change.removals)
            entry = self.access.entry(caller, decision, Asked(REMOVAL_ASKED, removed), record)
            await self.access.records.store.append_audit(entry)

    def _parcel(
        self,
        member: Member,
        due: Due,
        cause: Cause,
        record: OpenRecord | None,
        state: LaneState,
        wanted: list[Wanted],
        change: Difference,
    ) -> Parcel:
        sequence = due.sequence if record is None else record.sequence
        subject = self.dues.subject(member.name, due.record)
        patient = next((one.resource for one in wanted if one.reference.startswith("Patient/")), None)
        return Parcel(
            key=f"{subject}-{sequence}",
            subject=subject,
            sequence=sequence,
            cause=cause,
            committed=due.committed,
            patient=patient,
            puts=change.puts,
            removals=change.removals,
            known=state.known,
            notes=() if record is None else _notes(change, record),
            plan=tuple(one.resource for one in wanted),
            address=self.dues.address(member.name, due.record),
        )

    async def _remember(self, lane: bytes, turn: int, receipts: list[Receipt], sequence: int) -> None:
        if not receipts:
            return

        def confirm(state: LaneState) -> None:
            state.confirm(receipts)
            state.sequence = max(state.sequence, sequence)

        if not await self.states.change(lane, turn, confirm):
            raise Overtaken


async def _guarded(adapter: Adapter, parcel: Parcel, go_on: Callable[[], bool]) -> AsyncGenerator[Receipt, None]:
    """Yield receipts, but begin no effect once there is a reason not to."""
    if not go_on():
        raise Overtaken
    async with aclosing(adapter.give(parcel)) as confirmed:
        async for receipt in confirmed:
            yield receipt
            if not go_on():
                raise Overtaken


def _not_carried(change: Difference, receipts: list[Receipt]) -> list[Receipt]:
    """Return receipts for what the partner's dialect has no place for: it is not tried again until it changes.

    What was carried before stays what it is there: it still has to be removed one day.
    """
    confirmed = {receipt.reference for receipt in receipts}
    nothing = HeldThere("", "", b"", made=False)
    return [
        Receipt(put.reference, msgspec.structs.replace(put.there or nothing, digest=put.digest))
        for put in change.puts
        if put.reference not in confirmed
    ]


def _adopted(member: Member, wanted: list[Wanted], state: LaneState) -> dict[str, HeldThere]:
    """Return what came from the partner and is not remembered beside the lane: it has that, in whichever version."""
    return {
        one.reference: HeldThere(theirs, "", b"", made=False)
        for one in wanted
        if one.reference not in state.held and (theirs := ours.theirs_of(one.resource, member.name))
    }


def _its_own(member: Member, record: OpenRecord | None) -> frozenset[str]:
    """Return what the partner's own system wrote last: it knows, also while that is not remembered beside the lane."""
    if record is None:
        return frozenset()
    client = member.client.client_id
    return frozenset(entry.reference for entry in record.entries.values() if entry.author.client == client)


def _notes(change: Difference, record: OpenRecord) -> tuple[str, ...]:
    """Say in plain words what changed; who wrote something is part of that, and no change of its own."""
    puts = [put for put in change.puts if not record.entries[put.reference].follows]
    return tuple(dict.fromkeys(_noted(put, record) for put in puts))


def _noted(put: Put, record: OpenRecord) -> str:
    words = SECTIONS[record.entries[put.reference].section].value.replace("_", " ")
    return f"{'New' if put.there is None else 'Changed'}: {words}"
