"""Look-up tokens in a document database: the places of a token, one after the other, are a series.

A place leads to a record from the commit that took it until a later commit of that record marks it as ended. So two
records that carry one token have a place each, and whoever looks walks the places to the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from service.store.documents import Document, Documents
from service.store.series import numbered

TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class TokenPlaces:
    """The places of all tokens."""

    documents: Documents

    async def records(self, tokens: Sequence[str], limit: int) -> list[str]:
        """Return up to `limit` records that carry any of these tokens, each once."""
        first = await self.documents.find_each(TOKENS, [numbered(token, 1) for token in tokens])
        records: dict[str, None] = {}
        for token in tokens:
            async for _, place in self._places(token, first.get(numbered(token, 1))):
                if len(records) == limit:
                    return list(records)
                if not place.get("ended"):
                    records[place["record"]] = None
        return list(records)

    async def carries(self, record: str, token: str) -> bool:
        """Say whether a record carries a token."""
        first = await self.documents.find(TOKENS, numbered(token, 1))
        async for _, place in self._places(token, first):
            if place["record"] == record and not place.get("ended"):
                return True
        return False

    async def add(self, record: str, sequence: int, tokens: list[str]) -> None:
        """Give each token a place for this record. Nearly always the first place is free; all are tried at once."""
        place = {"record": record, "sequence": sequence}
        taken = await self.documents.insert_each(TOKENS, [{"_id": numbered(token, 1), **place} for token in tokens])
        for token in tokens:
            number = 1
            while numbered(token, number) in taken:
                other = await self.documents.find(TOKENS, numbered(token, number))
                ours = other is not None and other["record"] == record
                if other is not None and ours and (other["sequence"] >= sequence or not other.get("ended")):
                    break
                number += 1
                if not await self.documents.insert(TOKENS, {"_id": numbered(token, number), **place}):
                    taken.add(numbered(token, number))

    async def drop(self, record: str, sequence: int, token: str) -> None:
        """Mark that a record gave up a token in commit `sequence`."""
        first = await self.documents.find(TOKENS, numbered(token, 1))
        async for number, place in self._places(token, first):
            if place["record"] == record and place["sequence"] < sequence and not place.get("ended"):
                await self.documents.mark(TOKENS, numbered(token, number), {"ended": True})

    async def _places(self, token: str, first: Document | None) -> AsyncIterator[tuple[int, Document]]:
        number, place = 1, first
        while place is not None:
            yield number, place
            number += 1
            place = await self.documents.find(TOKENS, numbered(token, number))
