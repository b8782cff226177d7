"""Audit entries in a document database: appended in groups, each process in a chain of its own.

A group is whatever has gathered while the group before it was written: one majority write makes all of it durable. An
entry that a commit caused has the commit's id as its own, so that whoever files the commit, and however often, there is
one entry. It stands in the chain of whoever filed it first.

When a group may or may not have been written, its chain ends there and a new one begins: a chain never has a gap
because the network had one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from security.audit_chain import Chain
from security.audit_tokens import split
from service.store.documents import Document, Documents
from service.store.gathering import Gathering

AUDIT, KNOWN, TOKENS = "audit", "known", "tokens"


@dataclass(frozen=True, slots=True)
class Entry:
    """A sealed audit entry; `source` is the id of the commit's own entry, empty for what no commit caused.

    `known` is the token of a partner that the event makes known, or None.
    """

    sealed: bytes
    tokens: bytes = b""
    source: str = ""
    known: str | None = None


class GroupedAudit:
    """The appender of one process."""

    def __init__(self, documents: Documents, new_chain: Callable[[], Chain]) -> None:
        self._documents = documents
        self._new_chain = new_chain
        self._chain = new_chain()
        self._gathering = Gathering(self._write_group)

    def append(self, entry: Entry) -> asyncio.Future[None]:
        """Take an entry; the future resolves when it is durable."""
        return self._gathering.append(entry)

    async def finish(self) -> None:
        """Wait until everything that was taken is durable or failed."""
        await self._gathering.finish()

    async def _write_group(self, entries: list[Entry]) -> None:
        if known := {entry.known for entry in entries if entry.known is not None}:
            await self._documents.insert_each(KNOWN, [{"_id": token} for token in sorted(known)])
        # What others may have filed stands in front: where one of it is left out, nothing behind it is there yet.
        waiting = sorted(entries, key=lambda entry: entry.source == "")
        while waiting:
            mark = self._chain.mark()
            documents = [self._linked(entry) for entry in waiting]
            try:
                inserted = await self._documents.insert_in_order(AUDIT, documents)
            except Exception:
                self._chain = self._new_chain()
                raise
            self._chain.rewind(mark)
            for entry in waiting[:inserted]:
                self._linked(entry)
            waiting = waiting[inserted + 1 :]

    def _linked(self, entry: Entry) -> Document:
        linked, chain = self._chain.link(entry.sealed), self._chain.chain_id
        id = entry.source or f"{chain.hex()}:{linked.seq}"
        return {
            "_id": id,
            "chain": chain,
            "seq": linked.seq,
            "mac": linked.mac,
            "sealed": linked.sealed,
            TOKENS: [token.hex() for token in split(entry.tokens)],
        }
