"""What the document store asks of a database: documents found by their `_id`, written so that `_id` is unique.

Ways to write, chosen so that a database without multi-document transactions, and without atomic updates beyond one
insert, still keeps every promise of the port:

- `insert` decides every race: of two that insert one `_id`, one wins and the other is told. `insert_each` is many.
- `insert_in_order` stops at the first `_id` that is taken; what came before it is there.
- `mark` adds facts that are true for ever once they are true, so that marking twice, or late, changes nothing.
- `advance` replaces a document by a newer state of itself and never by an older one.
- `slim` replaces a document by what is left of it, which is the same whoever does it and when.
- `delete` is for what nobody looks for any more.

Every read names an `_id`, or a few (`find_each`), or walks ids in order; so a cluster can be sharded by hashed `_id`
alone. Three reads go by other fields: `trail` and `last_of_next` walk the order of the audit's chains, for who looks at
all of it, and no request waits for them; `carrying` finds audit entries by their look-up tokens, for who reads a
log. All of them have an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

Document = dict[str, Any]


class Documents(Protocol):
    """See the module. Every method may raise `StoreUnavailable`; writes are durable on a majority when they return.

    After `StoreUnavailable` a write may have happened or not, or may still happen.
    """

    async def find(self, collection: str, id: str, *fields: str) -> Document | None:
        """Return the newest state of a document, of all its fields or of those named; None when there is none."""

    async def find_each(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        """Return by id the newest state of each document that is there.

        Each is as new as if it were asked for alone. Two of them need never have been in these states at one moment.
        Emergencies wait for this question, so a deployment may have it asked in a way that is surer and slower.
        """

    async def insert(self, collection: str, document: Document) -> bool:
        """Insert a document; False when its `_id` is taken."""

    async def insert_each(self, collection: str, documents: Sequence[Document]) -> set[str]:
        """Insert those whose `_id` is free; return the ids that are taken."""

    async def insert_in_order(self, collection: str, documents: Sequence[Document]) -> int:
        """Insert one after the other up to the first whose `_id` is taken; return how many were inserted."""

    async def mark(self, collection: str, id: str, facts: Document) -> None:
        """Add fields to a document, if it is there."""

    async def advance(self, collection: str, document: Document, by: str) -> None:
        """Insert a document, or replace the one with its `_id` whose field `by` is lower."""

    async def slim(self, collection: str, document: Document) -> None:
        """Replace the document with this `_id`, if it is there, by what is left of it."""

    async def delete(self, collection: str, id: str) -> None:
        """Delete a document, if it is there."""

    async def walk(self, collection: str, after: str, limit: int) -> list[Document]:
        """Return up to `limit` documents with an `_id` behind `after`, in order of `_id`."""

    async def trail(
        self, collection: str, first: str, then: str, after: tuple[bytes, int, str] | None, limit: int
    ) -> list[Document]:
        """Return up to `limit` documents from the highest `first` down; those with the same one by `then`, then `_id`.

        `after` holds the three fields of the document to go on behind.
        """

    async def carrying(
        self, collection: str, field: str, values: Sequence[str], after: tuple[bytes, int, str] | None, limit: int
    ) -> list[Document]:
        """Return up to `limit` documents whose list `field` holds any of `values`, each once.

        They come from the highest `chain` down, those of one by `seq` from the highest down, then by `_id`; `after`
        holds these fields of the document to go on behind.
        """

    async def last_of_next(self, collection: str, first: str, then: str, above: bytes | None) -> Document | None:
        """Return, of the lowest `first` above `above` (None: of all), the document with the highest `then`."""

    async def ready(self) -> None:
        """Raise StoreUnavailable when reads or durable writes cannot be served."""

    async def close(self) -> None:
        """Let go of connections."""
