"""What a partner holds of a person, and what it sent of them: one small sealed record for each partner and person.

It is what makes sending repeatable: the difference between this and what the partner shall hold is what is sent, and
it is brought up to date with what the partner confirmed, whatever happened in between. It tells no content: references,
versions and digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from adapters.base import HeldThere, Receipt
from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records


class Taken(msgspec.Struct, array_like=True, frozen=True):
    """The newest version of a partner's resource that was taken in: what it is here, and which version it was.

    `ours` is '' where a companion became part of another resource. `digest` is of the partner's content in our words.
    """

    ours: str
    version: str
    sent: str
    digest: bytes


class LaneState(msgspec.Struct, array_like=True):
    """Of one partner and one person. `turn` is the highest turn of the partner's lease under which it was changed.

    `held` is by our reference, `taken` by the partner's. `sequence` is the commit that the partner was last brought to.
    `begun` are our references that the partner may hold, because a parcel with them was begun and not confirmed.
    The order of fields is the stored form: append only, with a default.
    """

    held: dict[str, HeldThere] = {}
    taken: dict[str, Taken] = {}
    sequence: int = 0
    turn: int = 0
    begun: list[str] = []
    prefilled: bool = False
    """Whether the partner was asked for all that it has of the person, when they began to share."""

    @property
    def known(self) -> dict[str, str]:
        """The partner's references by ours, of what it holds and of what it sent."""
        theirs = {taken.ours: reference for reference, taken in self.taken.items() if taken.ours}
        return theirs | {reference: there.theirs for reference, there in self.held.items() if there.theirs}

    @property
    def ours(self) -> dict[str, str]:
        """Our references by the partner's, of what it sent and of what it holds."""
        taken = {theirs: one.ours for theirs, one in self.taken.items() if one.ours}
        return taken | {there.theirs: reference for reference, there in self.held.items() if there.theirs}

    def take(self, taken: Mapping[str, Taken], held: Mapping[str, HeldThere | None]) -> None:
        """Take up what the partner sent, and what it holds of ours by that; None: it holds nothing of it any more."""
        self.taken |= taken
        for reference, there in held.items():
            if there is None:
                self.held.pop(reference, None)
            else:
                before = self.held.get(reference)
                made = before.made if before is not None else there.made
                self.held[reference] = HeldThere(there.theirs, there.version, there.digest, made)

    def confirm(self, receipts: Iterable[Receipt]) -> None:
        """Take up what the partner confirmed."""
        confirmed = {receipt.reference for receipt in receipts}
        self.begun = [reference for reference in self.begun if reference not in confirmed]
        for receipt in receipts:
            if receipt.there is None:
                self.held.pop(receipt.reference, None)
            else:
                self.held[receipt.reference] = receipt.there


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LaneState).decode


@dataclass(frozen=True, slots=True)
class LaneStates:
    """Reads and changes them."""

    pages: Pages

    @classmethod
    def of(cls, records: Records) -> LaneStates:
        """Return those of a service."""
        return cls(Pages(records, RecordKind.SYNC))

    async def read(self, lane: bytes) -> LaneState:
        """Return what is known of a lane; an empty one where nothing is."""
        content = await self.pages.read(_name(lane))
        return _decode(content) if content else LaneState()

    async def change(self, lane: bytes, turn: int, edit: Callable[[LaneState], None]) -> bool:
        """Change what is known of a lane; False, and nothing changed, when somebody with a later turn was there."""
        done = True

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            nonlocal done
            state = _decode(content) if content else LaneState()
            done = state.turn <= turn
            if not done:
                return None
            edit(state)
            state.turn = turn
            return Edited(_encode(state))

        await self.pages.change(_name(lane), edited)
        return done


def _name(lane: bytes) -> str:
    return f"lane.{lane.hex()}"
