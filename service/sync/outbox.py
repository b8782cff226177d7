"""What one Subscription was told, and is being told: the events with their numbers, on a small sealed page of its own.

A number is given once, before the event is sent, and stays with it: sent again after a crash it has the same, so that
a receiver takes it once. Numbers grow by one in the order in which events are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records


class Pending(msgspec.Struct, array_like=True, frozen=True):
    """An event that has a number and is not confirmed: of which record, when committed (FHIR instant), of what."""

    number: int
    record: bytes
    committed: str
    reference: str


class Outbox(msgspec.Struct, array_like=True):
    """`count` numbers were given. `pending` came out of the deliveries `covered`, which are done when it is empty.

    `turn` is the highest of the lease under which it was changed. The order of fields is the stored form: append only,
    with a default.
    """

    count: int = 0
    turn: int = 0
    pending: list[Pending] = []
    covered: list[bytes] = []

    def number(self, events: Sequence[Pending], deliveries: Iterable[bytes]) -> None:
        """Give events their numbers."""
        self.pending = [msgspec.structs.replace(one, number=self.count + place) for place, one in enumerate(events, 1)]
        self.count += len(events)
        self.covered = list(deliveries)

    def confirm(self, last: int) -> None:
        """Take out events up to a number."""
        self.pending = [one for one in self.pending if one.number > last]

    def forget(self) -> None:
        """Take out all; numbers that were given stay given."""
        self.pending, self.covered = [], []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Outbox).decode


class Overtaken(Exception):
    """Another process serves the subscription by now."""


@dataclass(frozen=True, slots=True)
class Outboxes:
    """Reads and changes them."""

    pages: Pages = field(repr=False)

    @classmethod
    def of(cls, records: Records) -> Outboxes:
        """Return those of a service."""
        return cls(Pages(records, RecordKind.SYNC))

    async def read(self, id: str) -> Outbox:
        """Return the outbox of `Subscription/id`; an empty one where there is none."""
        content = await self.pages.read(_name(id))
        return _decode(content) if content else Outbox()

    async def change(self, id: str, turn: int, edit: Callable[[Outbox], None]) -> Outbox:
        """Change one and return it. Raise Overtaken, and change nothing, when somebody with a later turn was there."""
        box = Outbox()

        def edited(page: OpenRecord, content: bytes) -> Edited:
            nonlocal box
            box = _decode(content) if content else Outbox()
            if box.turn > turn:
                raise Overtaken
            edit(box)
            box.turn = turn
            return Edited(_encode(box))

        await self.pages.change(_name(id), edited)
        return box


def _name(id: str) -> str:
    return f"outbox.{id}"
