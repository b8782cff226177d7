"""A partner that watches: it takes things as a receiver is told to, and writes down whatever it should not have seen.

A receiver is told to set aside what is older than what it has of a person (`Parcel.sequence`): a request may be on its
way for longer than the lease of whoever sent it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.base import Arrived, HeldThere, Message, Parcel, Polled, Put, Receipt, Removal
from adapters.errors import OutsideError
from tests.service.sync.fate import Fate
from tests.service.sync.partner import Place

Json = dict[str, Any]


@dataclass(slots=True)
class StrictPartner:
    """What it has is in `here`, by our references. `faults` come one for each effect, before it or after it."""

    here: dict[str, Json] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    last_version: dict[str, int] = field(default_factory=dict)
    effects: int = 0
    repeated: int = 0
    stale: int = 0
    wrong: list[str] = field(default_factory=list)
    faults: deque[tuple[str, OutsideError]] = field(default_factory=deque)
    down: OutsideError | None = None
    quick: asyncio.Event = field(default_factory=asyncio.Event)
    outbox: list[Message] = field(default_factory=list)

    def takes(self, parcel: Parcel, effect: Put | Removal) -> Receipt:
        """Let an effect happen, and confirm it."""
        self._fail("before")
        put = effect if isinstance(effect, Put) else None
        receipt = Receipt(effect.reference, None if put is None else HeldThere("", "", put.digest))
        if parcel.sequence < self.newest.get(parcel.subject, 0):
            self.stale += 1
            return receipt
        self.newest[parcel.subject] = parcel.sequence
        if put is None:
            self.repeated += effect.reference not in self.here
            self.effects += self.here.pop(effect.reference, None) is not None
        else:
            self._put(put)
        self._fail("after")
        return receipt

    def _put(self, put: Put) -> None:
        version = int(put.resource["meta"]["versionId"])
        if version < self.last_version.get(put.reference, 0):
            self.wrong.append(f"{put.reference}: version {version} after {self.last_version[put.reference]}")
        if put.there is not None and put.there.digest and put.reference not in self.here:
            self.wrong.append(f"{put.reference}: said to be here, and is not")
        self.last_version[put.reference] = version
        if self.here.get(put.reference) == put.resource:
            self.repeated += 1
        else:
            self.here[put.reference] = put.resource
            self.effects += 1

    def _fail(self, when: str) -> None:
        if self.down is not None:
            raise self.down
        if self.faults and self.faults[0][0] == when:
            raise self.faults.popleft()[1]


@dataclass(slots=True)
class Towards:
    """The adapter of one process towards the partner. `settled` messages are counted by nobody: they come again."""

    partner: StrictPartner
    fate: Fate
    reads: Place = field(default_factory=Place)

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Carry a parcel over, effect by effect."""
        effects: list[Put | Removal] = [*parcel.puts, *parcel.removals]
        for effect in effects:
            await self._reach()
            receipt = self.partner.takes(parcel, effect)
            await self.fate.after()
            yield receipt

    async def poll(self, cursor: str) -> Polled:
        """Return all that the partner wants to say, in its order of the moment."""
        await self._reach()
        if self.partner.down is not None:
            raise self.partner.down
        return Polled(list(self.partner.outbox), cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Read a message."""
        return self.reads.arrived(message)

    async def settled(self, message: Message) -> None:
        """Say that it is settled."""
        await self._reach()

    async def close(self) -> None:
        """Let go."""

    async def _reach(self) -> None:
        await self.fate.before()
        if not self.partner.quick.is_set():
            await self.fate.wait_for(self.partner.quick)
            if self.fate.dead:
                await self.fate.before()
