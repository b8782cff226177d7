"""Epochs of a document database: one small document each, read once and then remembered."""

from __future__ import annotations

from dataclasses import dataclass

from service.store.documents import Documents
from service.store.epochs import MOST, StoredEpoch, start_of

EPOCHS = "epochs"


@dataclass(slots=True)
class Epochs:
    """Which epoch it is. A process that was open when one began learns of it when it cleans up (`look`)."""

    documents: Documents
    _start: int | None = None

    async def all(self) -> list[StoredEpoch]:
        """Return every epoch, in order."""
        found = await self.documents.walk(EPOCHS, "", MOST)
        return [StoredEpoch(int(one["_id"]), one["statement"]) for one in found]

    async def begin(self, epoch: StoredEpoch) -> None:
        """Write an epoch down; nothing happens when it is there."""
        start_of(epoch.number)
        await self.documents.insert(EPOCHS, {"_id": f"{epoch.number:03d}", "statement": epoch.statement})
        await self.look()

    async def start(self) -> int:
        """Return the first number of the present epoch; 0 for a database that was never restored."""
        return await self.look() if self._start is None else self._start

    async def look(self) -> int:
        """Ask the database, and return the first number of the present epoch."""
        self._start = start_of(max((one.number for one in await self.all()), default=0))
        return self._start
