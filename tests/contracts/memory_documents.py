"""`Documents` in memory: what a database without atomic updates would do, one operation at a time, in an order of ours.

Each operation first waits for its turn, which a test can give in any order, and then happens as a whole, but for
`advance`: it looks and writes in two turns, as a database does that does not join the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy

from service.store.documents import Document
from service.store.errors import StoreUnavailable

Collections = dict[str, dict[str, Document]]
Turn = Callable[[], Awaitable[None]]


async def _at_once() -> None:
    await asyncio.sleep(0)


class MemoryDocuments:
    """One connection to collections that several may share. Nothing is written while `broken` is set."""

    def __init__(self, collections: Collections, turn: Turn = _at_once) -> None:
        self.collections = collections
        self.turn = turn
        self.broken = False
        self.asked: list[tuple[str, str]] = []
        """Every operation as (its name, the collection), for tests of what is asked of a database."""

    async def find(self, collection: str, id: str, *fields: str) -> Document | None:
        found = (await self._reached("find", collection)).get(id)
        if found is None:
            return None
        return deepcopy({name: value for name, value in found.items() if not fields or name in {"_id", *fields}})

    async def find_each(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        found = {}
        for id in ids:  # one after the other: a database need not look at all of them in one moment
            there = await self._reached("find_each", collection)
            if id in there:
                found[id] = deepcopy(there[id])
        return found

    async def insert(self, collection: str, document: Document) -> bool:
        there = await self._written("insert", collection)
        if document["_id"] in there:
            return False
        there[document["_id"]] = deepcopy(document)
        return True

    async def insert_each(self, collection: str, documents: Sequence[Document]) -> set[str]:
        there = await self._written("insert_each", collection)
        taken = {document["_id"] for document in documents if document["_id"] in there}
        there.update({document["_id"]: deepcopy(document) for document in documents if document["_id"] not in taken})
        return taken

    async def insert_in_order(self, collection: str, documents: Sequence[Document]) -> int:
        there = await self._written("insert_in_order", collection)
        for number, document in enumerate(documents):
            if document["_id"] in there:
                return number
            there[document["_id"]] = deepcopy(document)
        return len(documents)

    async def mark(self, collection: str, id: str, facts: Document) -> None:
        there = await self._written("mark", collection)
        if id in there:
            there[id] |= deepcopy(facts)

    async def advance(self, collection: str, document: Document, by: str) -> None:
        there = await self._written("advance", collection)
        present = there.get(document["_id"])
        if present is None or present[by] < document[by]:
            await self.turn()
            there[document["_id"]] = deepcopy(document)

    async def slim(self, collection: str, document: Document) -> None:
        there = await self._written("slim", collection)
        if document["_id"] in there:
            there[document["_id"]] = deepcopy(document)

    async def delete(self, collection: str, id: str) -> None:
        (await self._written("delete", collection)).pop(id, None)

    async def walk(self, collection: str, after: str, limit: int) -> list[Document]:
        there = await self._reached("walk", collection)
        return [deepcopy(there[id]) for id in sorted(there) if id > after][:limit]

    async def trail(
        self, collection: str, first: str, then: str, after: tuple[bytes, int, str] | None, limit: int
    ) -> list[Document]:
        there = list((await self._reached("trail", collection)).values())
        there.sort(key=lambda one: (one[then], one["_id"]))
        there.sort(key=lambda one: one[first], reverse=True)
        if after is not None:
            there = [
                one
                for one in there
                if one[first] < after[0] or (one[first] == after[0] and (one[then], one["_id"]) > after[1:])
            ]
        return deepcopy(there[:limit])

    async def carrying(
        self, collection: str, field: str, values: Sequence[str], after: tuple[bytes, int, str] | None, limit: int
    ) -> list[Document]:
        there = (await self._reached("carrying", collection)).values()
        found = [one for one in there if not set(values).isdisjoint(one.get(field, ()))]
        found.sort(key=lambda one: (one["chain"], one["seq"], one["_id"]), reverse=True)
        return deepcopy(
            [one for one in found if after is None or (one["chain"], one["seq"], one["_id"]) < after][:limit]
        )

    async def last_of_next(self, collection: str, first: str, then: str, above: bytes | None) -> Document | None:
        there = (await self._reached("last_of_next", collection)).values()
        behind = [one for one in there if above is None or one[first] > above]
        lowest = min((one[first] for one in behind), default=None)
        of_lowest = [one for one in behind if one[first] == lowest]
        return deepcopy(max(of_lowest, key=lambda one: (one[then], one["_id"]), default=None))

    async def ready(self) -> None:
        await self._written("ready", "meta")

    async def close(self) -> None:
        return None

    async def _reached(self, operation: str, collection: str) -> dict[str, Document]:
        await self.turn()
        self.asked.append((operation, collection))
        return self.collections.setdefault(collection, {})

    async def _written(self, operation: str, collection: str) -> dict[str, Document]:
        there = await self._reached(operation, collection)
        if self.broken:
            raise StoreUnavailable("broken")
        return there
