"""A lease that one process has at a time, and whether it is surely ours still."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from security.clock import Clock
from service.store.port import RecordStore

LASTS = timedelta(seconds=60)
RENEWED_EVERY = 10.0
SAFE = 25.0
"""Seconds after renewing for which it is surely ours, with the time of a request to spare."""
HOLDER = os.urandom(8)
"""Who this process is to others."""


@dataclass(slots=True)
class Lease:
    """One lease. `seconds` only goes forward; `turn` is 0 while it is another's. Turns only grow."""

    store: RecordStore
    name: bytes
    clock: Clock
    seconds: Callable[[], float]
    holder: bytes = HOLDER
    turn: int = 0
    _renewed: float = field(default=float("-inf"))

    async def hold(self) -> bool:
        """Take or renew it, if it is time to; say whether it is ours now and was not before."""
        now = self.seconds()
        if now - self._renewed < RENEWED_EVERY:
            return False
        self._renewed = now
        turn = await self.store.lease(self.name, self.holder, self.clock() + LASTS)
        before, self.turn = self.turn, turn or 0
        return bool(turn) and not before

    def still_ours(self) -> bool:
        """Say whether nobody else can have it for as long as one request may take."""
        return bool(self.turn) and self.seconds() < self._renewed + SAFE

    async def release(self) -> None:
        """Let others have it at once."""
        if self.turn:
            self.turn = 0
            await self.store.release(self.name, self.holder)
