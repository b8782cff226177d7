"""Carrying removal requests on: one process at a time finds out whom to ask, and follows what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from service.store.port import RecordStore
from service.sync.due import Due
from service.sync.lease import Lease
from service.sync.removals import Removals

_FOLLOWED_EVERY = 15.0


@dataclass(slots=True)
class Removing:
    """See the module. `seconds` only goes forward."""

    removals: Removals
    lease: Lease
    store: RecordStore
    seconds: Callable[[], float]
    _waiting: dict[bytes, Due] = field(default_factory=dict)
    _followed: float = field(default=float("-inf"))

    def add(self, delivery: bytes, due: Due) -> None:
        """Take up a change of what is shared; it is the same however often it is told of."""
        self._waiting[delivery] = due

    async def step(self) -> bool:
        """Do what is to be done; say whether the lease has just become ours, so that what waits has to be read."""
        taken = await self.lease.hold()
        if not self.lease.still_ours():
            self._waiting.clear()
            return False
        while self._waiting:
            delivery, due = next(iter(self._waiting.items()))
            await self.removals.find(due)
            await self.store.done(delivery)
            del self._waiting[delivery]
            self._followed = float("-inf")
        if self.seconds() - self._followed >= _FOLLOWED_EVERY:
            self._followed = self.seconds()
            await self.removals.follow()
        return taken
