"""Bringing commits forward: from the one document that made a commit to the places where readers look.

A commit is made by one insert and is true from then on. Filing it is idempotent and may be done by anyone, at any time,
by several at once, and again by somebody slow: the writer itself, a reader who meets it, a process that cleans up after
one that died. In this order, so that nothing is found before what it needs:

    replaced versions, tokens, holders of unique names, audit entries, deliveries, the copy that readers fetch

and then the commit before it is slimmed. The newest commit of a record is never slimmed. So even a copy that a slow
filer took back to an older state, on a database that lets that happen, is only behind, never a loss.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from service.store.claims import COMMITS, Claims
from service.store.commit_documents import Newest, entry_of, slimmed
from service.store.document_epochs import Epochs
from service.store.documents import Document, Documents
from service.store.errors import StoreUnavailable
from service.store.grouped_audit import KNOWN, Entry, GroupedAudit
from service.store.series import numbered
from service.store.token_places import TokenPlaces

_TRIES = 16
"""Times that a record is looked at while others move it on; a newest commit that is slim for longer is damage."""

RECORDS, VERSIONS, DELIVERIES, UNFILED = "records", "versions", "deliveries", "unfiled"


@dataclass(frozen=True, slots=True)
class Filing:
    """Finds the newest state of a record, and files what is not filed yet."""

    documents: Documents
    audit: GroupedAudit
    claims: Claims
    remembered: Claims
    epochs: Epochs
    tokens: TokenPlaces

    async def newest(self, record: str) -> Newest | None:
        """Return the newest committed state of a record, filing what it meets on the way; None when there is none."""
        for _ in range(_TRIES):
            copy = await self.documents.find(RECORDS, record)
            newest = None if copy is None else Newest.of(record, copy, max(copy["next"], await self.epochs.start()))
            number = 1 if newest is None else newest.next
            found: list[Document] = []
            while (commit := await self.documents.find(COMMITS, numbered(record, number))) is not None:
                found.append(commit)
                number += 1
            if found and "slim" in found[-1]:
                continue  # a later one is there by now
            for commit in found:
                newest = await self.file(record, commit, newest)
            return newest
        raise StoreUnavailable("a record is not whole")

    async def newest_of(self, records: Sequence[str]) -> dict[str, Newest | None]:
        """Return by record what `newest` returns for each, with two questions for all of them together.

        A record that somebody has moved on, and has not filed, is looked up again by itself.
        """
        copies, start = await self.documents.find_each(RECORDS, records), await self.epochs.start()
        seen = {
            record: None if copy is None else Newest.of(record, copy, max(copy["next"], start))
            for record in records
            for copy in [copies.get(record)]
        }
        behind = {record: numbered(record, 1 if one is None else one.next) for record, one in seen.items()}
        moved = await self.documents.find_each(COMMITS, list(behind.values()))
        return {record: await self.newest(record) if behind[record] in moved else seen[record] for record in records}

    async def file(self, record: str, commit: Document, before: Newest | None) -> Newest | None:
        """File one commit whose forerunners are filed; return the record's newest state after it."""
        if "slim" in commit:
            return before
        sequence = commit["sequence"]
        if "void" in commit:
            after = (
                None if before is None else Newest(record, before.sequence, before.sealed, before.head, sequence + 1)
            )
        else:
            after = Newest.of(record, commit, sequence + 1)
            await self._file_parts(record, commit)
        if after is not None:
            await self.documents.advance(RECORDS, after.copy(), "next")
        if before is not None and "void" not in commit:
            await self._slim(record, before.sequence)
        await self.documents.delete(UNFILED, commit["_id"])
        return after

    async def _file_parts(self, record: str, commit: Document) -> None:
        sequence = commit["sequence"]
        versions: Document = {name: commit[name] for name in ("replaced", "replaced_at") if name in commit}
        if versions:
            await self.documents.insert(VERSIONS, {"_id": commit["_id"], **versions})
        await self.tokens.add(record, sequence, commit["tokens"])
        for token in commit["dropped_tokens"]:
            await self.tokens.drop(record, sequence, token)
        for token in commit["claims"]:
            await self.claims.confirm(token, record, sequence)
        for token in commit["dropped_claims"]:
            await self.claims.drop(token, record, sequence)
        for key in commit["remembered"]:
            await self.remembered.confirm(key, record, sequence, {"answer": commit["answer"]})
        if commit["known"] is not None:
            await self.documents.insert(KNOWN, {"_id": commit["known"]})
        entries = [Entry(*entry_of(one), f"{commit['_id']}:{place}") for place, one in enumerate(commit["audit"])]
        await asyncio.gather(*[self.audit.append(entry) for entry in entries])
        await self._file_deliveries(record, sequence, commit["deliveries"])

    async def _file_deliveries(self, record: str, sequence: int, deliveries: list[Document]) -> None:
        """Put deliveries where they wait; those that are done by now have left their ids behind."""
        await self.documents.insert_each(
            DELIVERIES,
            [{"_id": f"{record}:{sequence:012d}:{place:04d}", **delivery} for place, delivery in enumerate(deliveries)],
        )

    async def _slim(self, record: str, sequence: int) -> None:
        forerunner = await self.documents.find(COMMITS, numbered(record, sequence))
        if forerunner is not None and "slim" not in forerunner:
            await self.documents.slim(COMMITS, slimmed(forerunner))
