"""Leases and counters in a document database, each a series: whoever inserts the next number has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from security.clock import Clock
from service.store.document_epochs import Epochs
from service.store.documents import Documents
from service.store.series import last, numbered

LEASES, LEASES_FROM, COUNTERS = "leases", "leases_from", "counters"
_PRUNED_EVERY = 32
"""Turns of a lease after which those older than as many are deleted."""


@dataclass(frozen=True, slots=True)
class Leases:
    """Who may do what only one process should do at a time.

    A turn is never taken over before its time is up, renewing is a turn like any other, and turns only grow: what was
    done under a lower turn can be told from what is done under the present one.
    """

    documents: Documents
    clock: Clock
    epochs: Epochs

    async def take(self, name: str, holder: bytes, until: datetime) -> int | None:
        """Take or renew a lease; return its turn, None while somebody else has it or takes it at the same time."""
        first = await self._first(name)
        turn, present = await last(self.documents, LEASES, name, first)
        if present is not None and present["holder"] != holder and present["until"] > self.clock():
            return None
        turn += 1
        if not await self.documents.insert(LEASES, {"_id": numbered(name, turn), "holder": holder, "until": until}):
            return None
        # Whoever slept while many turns went by may have taken one that was deleted long ago.
        if await self._first(name) > turn:
            return None
        if turn % _PRUNED_EVERY == 0:
            await self._prune(name, first, turn - _PRUNED_EVERY)
        return turn

    async def taken(self, name: str) -> bool:
        """Say whether somebody has a lease now."""
        _, present = await last(self.documents, LEASES, name, await self._first(name))
        return present is not None and bool(present["until"] > self.clock())

    async def release(self, name: str, holder: bytes) -> None:
        """Let go of a lease that `holder` has."""
        turn, present = await last(self.documents, LEASES, name, await self._first(name))
        if present is not None and present["holder"] == holder:
            document = {"_id": numbered(name, turn + 1), "holder": b"", "until": self.clock()}
            await self.documents.insert(LEASES, document)

    async def _first(self, name: str) -> int:
        """Return the turn to look from: the lowest of this epoch that may still be there, 0 where all may be."""
        found = await self.documents.find(LEASES_FROM, name)
        return max(0 if found is None else int(found["turn"]), await self.epochs.start())

    async def _prune(self, name: str, first: int, kept: int) -> None:
        if kept <= first:
            return
        await self.documents.advance(LEASES_FROM, {"_id": name, "turn": kept}, "turn")
        for turn in range(max(first, 1), kept):
            await self.documents.delete(LEASES, numbered(name, turn))


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts that are forgotten when their time is over."""

    documents: Documents
    _reached: dict[str, int] = field(default_factory=dict)

    async def count(self, key: str, until: datetime) -> int:
        """Count one more for the span that ends at `until`; return the count."""
        name = f"{key}:{int(until.timestamp())}"
        reached = self._reached.get(name, 0)
        while True:
            reached, _ = await last(self.documents, COUNTERS, name, reached)
            if await self.documents.insert(COUNTERS, {"_id": numbered(name, reached + 1), "expires": until}):
                break
        if len(self._reached) > 10_000:
            self._reached.clear()
        self._reached[name] = reached + 1
        return reached + 1
