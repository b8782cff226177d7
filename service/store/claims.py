"""Names of which at most one commit is the holder, in a document database: unique tokens, and keys of one request.

The holders of a name, one after the other, are a series. A holder is written down before the commit that takes the
name, and holds it from that commit on:

    pending    the commit that it names does not exist yet
    confirmed  the commit exists and takes the name
    dead       the commit exists and is void, or does not take the name: whoever wrote this down lost a race
    ended      marked: dead, given up, or dropped by a later commit; or its time is over

Whoever wants a name whose holder stays pending for longer than `patience` takes the holder's commit away, by inserting
a void one in its place. So a writer that was only slow loses like any other, and one that died blocks nobody for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from security.clock import Clock
from service.store.documents import Document, Documents
from service.store.series import numbered

COMMITS = "commits"
_PAUSE_SECONDS = 0.005

BringForward = Callable[[str], Awaitable[object]]
"""Files whatever commits of a record are not filed yet."""


class Holding(Enum):
    """How a holder stands to its name."""

    PENDING = auto()
    CONFIRMED = auto()
    DEAD = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to make commit `sequence` of a record; `id` tells it from others for the same sequence."""

    record: str
    sequence: int
    id: bytes


class NameTaken(Exception):
    """A name has another holder, `record`."""

    def __init__(self, record: str) -> None:
        super().__init__()
        self.record = record


@dataclass(frozen=True, slots=True)
class Claims:
    """The holders in one collection; `listed` is the field of a commit that lists the names it takes there."""

    documents: Documents
    collection: str
    listed: str
    clock: Clock
    bring_forward: BringForward
    patience: float
    """Seconds for which a pending holder is waited for before its commit is taken away."""
    by_record: bool
    """A later commit of the holding record may take its name again; a name that is not by record is one commit's."""

    async def take(self, name: str, attempt: Attempt, more: Document | None = None) -> None:
        """Write an attempt down as holder. Raise NameTaken when the name is another record's, or another request's."""
        number, waited = 1, 0.0
        holder = {"record": attempt.record, "sequence": attempt.sequence, "attempt": attempt.id, **(more or {})}
        while not await self.documents.insert(self.collection, {"_id": numbered(name, number), **holder}):
            other = await self.documents.find(self.collection, numbered(name, number))
            holding = Holding.ENDED if other is None else await self._holding(name, other)
            if other is None or holding is Holding.ENDED:
                number += 1
            elif holding is Holding.DEAD:
                await self._end(name, number)
            elif holding is Holding.CONFIRMED:
                if self.by_record and other["record"] == attempt.record:
                    return
                await self.bring_forward(other["record"])
                again = await self.documents.find(self.collection, numbered(name, number))
                if again is not None and not again.get("ended"):
                    raise NameTaken(other["record"])
            elif waited < self.patience:
                await asyncio.sleep(_PAUSE_SECONDS)
                waited += _PAUSE_SECONDS
            else:
                await self.documents.insert(COMMITS, void(other["record"], other["sequence"]))

    async def holder(self, name: str) -> Document | None:
        """Return the confirmed holder of a name, or None."""
        number = 1
        while (holder := await self.documents.find(self.collection, numbered(name, number))) is not None:
            holding = await self._holding(name, holder)
            if holding is Holding.PENDING:
                return None
            if holding is Holding.CONFIRMED:
                if holder.get("confirmed"):
                    return holder
                await self.bring_forward(holder["record"])
                holder = await self.documents.find(self.collection, numbered(name, number))
                if holder is not None and not holder.get("ended"):
                    return holder
            number += 1
        return None

    async def holders(self, names: Sequence[str]) -> list[Document | None]:
        """Return what `holder` returns for each of several names, nearly always with one question for all of them.

        The first holder of a name is nearly always the one that has it for good; any other state is looked at by
        itself.
        """
        first = await self.documents.find_each(self.collection, [numbered(name, 1) for name in names])
        found = [first.get(numbered(name, 1)) for name in names]
        return [
            one if one is None or self._settled(one) else await self.holder(name)
            for name, one in zip(names, found, strict=True)
        ]

    def _settled(self, holder: Document) -> bool:
        """Say whether a holder has its name beyond question."""
        return bool(holder.get("confirmed")) and not self._over(holder)

    async def confirm(self, name: str, record: str, sequence: int, more: Document | None = None) -> None:
        """Mark as holder for good what was written down for a commit that is there."""
        async for number, holder in self._holders(name):
            if (holder["record"], holder["sequence"]) == (record, sequence) and not holder.get("ended"):
                await self.documents.mark(self.collection, numbered(name, number), {"confirmed": True, **(more or {})})

    async def drop(self, name: str, record: str, sequence: int) -> None:
        """Mark that a record gave up a name in commit `sequence`, however it took it before."""
        async for number, holder in self._holders(name):
            if holder["record"] == record and holder["sequence"] < sequence and not holder.get("ended"):
                await self._end(name, number)

    async def give_up(self, name: str, attempt: Attempt) -> None:
        """Mark what was written down for an attempt that came to nothing."""
        async for number, holder in self._holders(name):
            if holder["attempt"] == attempt.id:
                await self._end(name, number)

    async def _end(self, name: str, number: int) -> None:
        await self.documents.mark(self.collection, numbered(name, number), {"ended": True})

    async def _holders(self, name: str) -> AsyncIterator[tuple[int, Document]]:
        number = 1
        while (holder := await self.documents.find(self.collection, numbered(name, number))) is not None:
            yield number, holder
            number += 1

    def _over(self, holder: Document) -> bool:
        return bool(holder.get("ended")) or ("expires" in holder and holder["expires"] < self.clock())

    async def _holding(self, name: str, holder: Document) -> Holding:
        if self._over(holder):
            return Holding.ENDED
        if holder.get("confirmed"):
            return Holding.CONFIRMED
        commit = await self.documents.find(COMMITS, numbered(holder["record"], holder["sequence"]))
        if commit is None:
            return Holding.PENDING
        ours = commit.get("attempt") == holder["attempt"] and name in commit[self.listed]
        return Holding.CONFIRMED if ours else Holding.DEAD


def void(record: str, sequence: int) -> Document:
    """Return a commit that changes nothing and keeps its number from everybody else."""
    return {"_id": numbered(record, sequence), "sequence": sequence, "void": True, "claims": [], "remembered": []}
