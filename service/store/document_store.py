"""`RecordStore` on a document database: every promise of the port from inserts that one wins, and queries by `_id`.

A commit is one insert (`commits`); see `filing` for what becomes of it, `claims` for unique values, `series` for the
way in which a race is decided. A read fetches a record's copy and asks for the commit after it, so no read that starts
after a commit returned is stale, whoever filed it or did not.

Before a commit's own insert come its names, its pieces, the record's key and a note in `unfiled`. None of them means
anything without the commit. A process that dies leaves at most a commit that is made and not filed, or such remains;
`tidy` finishes the one and takes the place of the other, so that it can never come late.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from security.audit_chain import Chain
from security.clock import Clock
from security.envelope import WrappedKey
from security.heads import Head
from service.store.claims import COMMITS, Attempt, Claims, NameTaken, void
from service.store.commit_documents import LARGEST, Newest, document_of, piece_name, remembered_holder
from service.store.document_epochs import Epochs
from service.store.document_walk import DocumentWalk
from service.store.documents import Document, Documents
from service.store.epochs import StoredEpoch
from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken, StoreUnavailable
from service.store.filing import DELIVERIES, UNFILED, VERSIONS, Filing
from service.store.grouped_audit import KNOWN, Entry, GroupedAudit
from service.store.port import Commit, SealedEntry, StoredDelivery, StoredRecord
from service.store.series import numbered
from service.store.token_places import TokenPlaces
from service.store.turns import Counters, Leases

KEYS, PIECES, SPENT, KEPT = "keys", "pieces", "spent", "kept"
ABANDONED_AFTER = timedelta(minutes=1)
"""A commit that was announced and is not there after this long will never be: its number is taken away."""
_WALKED = 200
_DONE_KEPT = timedelta(days=1)
_Result = TypeVar("_Result")


class DocumentStore(DocumentWalk):
    """See the module."""

    deliveries_in_order = False  # their ids begin with that of their record

    def __init__(
        self, documents: Documents, new_chain: Callable[[], Chain], clock: Clock, *, patience: float = 1.0
    ) -> None:
        """`patience`: see `Claims`."""
        self._documents = documents
        self._clock = clock
        self._audit = GroupedAudit(documents, new_chain)
        parts = (clock, self._newest, patience)
        self._claims = Claims(documents, "claims", "claims", *parts, by_record=True)
        self._remembered = Claims(documents, "remembered", "remembered", *parts, by_record=False)
        self._epochs = Epochs(documents)
        self._tokens = TokenPlaces(documents)
        self._filing = Filing(documents, self._audit, self._claims, self._remembered, self._epochs, self._tokens)
        self._leases = Leases(documents, clock, self._epochs)
        self._counters = Counters(documents)
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def fetch(self, record_id: bytes) -> StoredRecord | None:
        """Return the record, or None."""
        self._open()
        return await self._stored(record_id.hex())

    async def claimed(self, claim: bytes) -> StoredRecord | None:
        """Return the record that holds a unique token, or None."""
        self._open()
        holder = await self._claims.holder(claim.hex())
        return None if holder is None else await self._stored(holder["record"])

    async def claimed_and_head(self, claim: bytes, other: bytes) -> tuple[StoredRecord | None, Head | None]:
        """Return the record that holds `claim`, and the head of the one that holds `other`.

        It answers every emergency and asks little: for both claims at once, for both copies at once while the key is
        fetched, then for the commits behind both copies.
        """
        self._open()
        holders = await self._claims.holders([claim.hex(), other.hex()])
        record, beside = ["" if one is None else one["record"] for one in holders]
        newest, key = await asyncio.gather(
            self._filing.newest_of([one for one in (record, beside) if one]), self._documents.find(KEYS, record)
        )
        head = newest.get(beside)
        return await self._whole(newest.get(record), key), None if head is None else head.head

    async def holding(self, token: bytes, limit: int) -> list[StoredRecord]:
        """Return up to `limit` records that carry a look-up token."""
        return await self.carrying([token], limit)

    async def carrying(self, tokens: Sequence[bytes], limit: int) -> list[StoredRecord]:
        """Return up to `limit` records that carry any of several look-up tokens, each once."""
        self._open()
        found = [await self._stored(one) for one in await self._tokens.records([one.hex() for one in tokens], limit)]
        return [stored for stored in found if stored is not None]

    async def replaced(self, record_id: bytes, sequence: int) -> bytes | None:
        """Return what commit `sequence` replaced, sealed."""
        self._open()
        versions = await self._documents.find(VERSIONS, numbered(record_id.hex(), sequence))
        if versions is not None and "replaced_at" in versions:
            versions = await self._documents.find(VERSIONS, versions["replaced_at"])
        return None if versions is None else versions["replaced"]

    async def piece(self, record_id: bytes, piece_id: bytes, chunk: int) -> bytes | None:
        """Return one sealed chunk of a large element."""
        self._open()
        piece = await self._documents.find(PIECES, piece_name(record_id, piece_id, chunk))
        return None if piece is None else piece["sealed"]

    async def commit(self, commit: Commit) -> None:
        """Make the change durable and file it, or raise; a raised `StoreUnavailable` may leave it made."""
        self._open()
        # A caller that goes away in the middle must not leave half of it to somebody else.
        await self._finished(self._commit(commit))

    async def append_audit(self, entry: SealedEntry, known: bytes | None = None) -> None:
        """Make one audit entry durable."""
        self._open()
        await self._audit.append(Entry(entry.sealed, entry.tokens, known=None if known is None else known.hex()))

    async def is_known(self, token: bytes) -> bool:
        """Say whether a known-partner token was ever written."""
        self._open()
        return await self._documents.find(KNOWN, token.hex()) is not None

    async def spend_once(self, token: bytes, expires: datetime) -> bool:
        """Insert a token if absent, atomically."""
        self._open()
        return await self._documents.insert(SPENT, {"_id": token.hex(), "expires": expires})

    async def remembered(self, key: bytes) -> bytes | None:
        """Return the sealed answer remembered under a key that has not expired."""
        self._open()
        kept = await self._documents.find(KEPT, key.hex())
        if kept is None:
            kept = await self._remembered.holder(key.hex())
        if kept is None or kept["expires"] < _second(self._clock()):
            return None
        answer: bytes = kept["answer"]
        return answer

    async def waiting(self, after: bytes, limit: int) -> list[StoredDelivery]:
        """Return up to `limit` deliveries that are not done, with ids behind `after`, in order of id."""
        self._open()
        found: list[StoredDelivery] = []
        start = after.decode()
        while len(found) < limit and (walked := await self._documents.walk(DELIVERIES, start, _WALKED)):
            found += [
                StoredDelivery(one["_id"].encode(), one["lane"], one["sealed"]) for one in walked if "done" not in one
            ]
            start = walked[-1]["_id"]
        return found[:limit]

    async def done(self, delivery: bytes) -> None:
        """Forget a delivery. Its id stays for a day, so that a slow filer cannot bring it back."""
        self._open()
        done = {"_id": delivery.decode(), "done": True, "expires": self._clock() + _DONE_KEPT}
        await self._documents.slim(DELIVERIES, done)

    async def lease(self, name: bytes, holder: bytes, until: datetime) -> int | None:
        """Take or renew a lease; return its turn, None while somebody else has it."""
        self._open()
        return await self._leases.take(name.hex(), holder, until)

    async def leased(self, name: bytes) -> bool:
        """Say whether somebody has a lease now."""
        self._open()
        return await self._leases.taken(name.hex())

    async def release(self, name: bytes, holder: bytes) -> None:
        """Let go of a lease, if `holder` has it."""
        self._open()
        await self._leases.release(name.hex(), holder)

    async def count(self, key: bytes, until: datetime) -> int:
        """Count one more under `key` for the span of time that ends at `until`, and return the count."""
        self._open()
        return await self._counters.count(key.hex(), until)

    async def keep(self, key: bytes, sealed: bytes, expires: datetime) -> None:
        """Keep a sealed text until it expires."""
        self._open()
        await self._documents.insert(KEPT, {"_id": key.hex(), "answer": sealed, "expires": expires})

    async def begin_epoch(self, epoch: StoredEpoch) -> None:
        """Begin an epoch after a restore; repeating it changes nothing."""
        self._open()
        # Readers look for commits of the new epoch alone: those of the old one must be filed, and none may come late.
        await self._tidy_all(timedelta.min)
        await self._epochs.begin(epoch)

    async def tidy(self) -> None:
        """File what processes that died left unfiled, and take the place of what they only announced."""
        self._open()
        await self._epochs.look()
        await self._tidy_all(ABANDONED_AFTER)

    async def ready(self) -> None:
        """Raise StoreUnavailable when reads or durable writes cannot be served."""
        self._open()
        await self._documents.ready()

    async def close(self) -> None:
        """Finish what was accepted and let go of connections."""
        if self._closed:
            return
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        await self._audit.finish()
        await self._documents.close()

    def _open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    async def _finished(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _newest(self, record: str) -> Newest | None:
        return await self._filing.newest(record)

    async def _stored(self, record: str) -> StoredRecord | None:
        return await self._whole(*await asyncio.gather(self._filing.newest(record), self._documents.find(KEYS, record)))

    async def _whole(self, newest: Newest | None, key: Document | None) -> StoredRecord | None:
        """Join a record's newest state and its key."""
        if newest is None:
            return None
        record = newest.record
        if key is None:  # a key is there before its record; this one was asked for too early
            key = await self._documents.find(KEYS, record)
        if key is None:
            raise StoreUnavailable("a record is not whole")
        wrapped = WrappedKey(key["dek_id"], key["kek_id"], key["blob"])
        skipped = newest.next - newest.sequence - 1
        return StoredRecord(bytes.fromhex(record), newest.sequence, newest.sealed, newest.head, wrapped, skipped)

    async def _commit(self, commit: Commit) -> None:
        record = commit.record_id.hex()
        before = await self._filing.newest(record)
        if commit.sequence != (1 if before is None else before.next):
            raise SequenceTaken
        attempt = Attempt(record, commit.sequence, os.urandom(12))
        try:
            await self._take_names(commit, attempt)
            document = document_of(commit, attempt.id, await self._lay_out(commit, attempt))
            made = await self._made(document, attempt)
        except (SequenceTaken, NameTaken, AlreadyRemembered) as lost:
            await self._give_up(commit, attempt)
            if isinstance(lost, NameTaken):
                raise ClaimTaken(bytes.fromhex(lost.record)) from None
            raise
        if not made:
            await self._give_up(commit, attempt)
            raise SequenceTaken
        await self._filing.file(record, document, before)

    async def _take_names(self, commit: Commit, attempt: Attempt) -> None:
        for claim in sorted(commit.claims):
            await self._claims.take(claim.hex(), attempt)
        if commit.remembered is not None:
            try:
                await self._remembered.take(commit.remembered.key.hex(), attempt, remembered_holder(commit.remembered))
            except NameTaken:
                raise AlreadyRemembered from None

    async def _lay_out(self, commit: Commit, attempt: Attempt) -> str | None:
        """Write what the commit needs beside it; return where its replaced versions lie, if they are too large."""
        pieces = [
            {"_id": piece_name(commit.record_id, piece.piece_id, piece.chunk), "sealed": piece.sealed}
            for piece in commit.pieces
        ]
        for piece in pieces:
            await self._documents.insert(PIECES, piece)
        replaced_at = None
        if commit.replaced is not None and len(commit.sealed) + len(commit.replaced) > LARGEST:
            replaced_at = f"{numbered(attempt.record, attempt.sequence)}:{attempt.id.hex()}"
            await self._documents.insert(VERSIONS, {"_id": replaced_at, "replaced": commit.replaced})
        if commit.sequence == 1:
            await self._bring_key(commit)
        note = {"_id": numbered(attempt.record, attempt.sequence), "made": self._clock()}
        await self._documents.insert(UNFILED, note)
        return replaced_at

    async def _bring_key(self, commit: Commit) -> None:
        key = commit.key
        if key is None:
            raise ValueError("the first commit of a record brings its key")
        brought: Document = {
            "_id": commit.record_id.hex(),
            "dek_id": key.dek_id,
            "kek_id": key.kek_id,
            "blob": key.blob,
        }
        if (
            not await self._documents.insert(KEYS, brought)
            and await self._documents.find(KEYS, brought["_id"]) != brought
        ):
            raise SequenceTaken

    async def _made(self, document: Document, attempt: Attempt) -> bool:
        """Make the commit; find out whether it was made when the database did not say."""
        try:
            if await self._documents.insert(COMMITS, document):
                return True
        except StoreUnavailable:
            if await self._documents.insert(COMMITS, void(attempt.record, attempt.sequence)):
                raise
        there = await self._documents.find(COMMITS, document["_id"], "attempt")
        return there is not None and there.get("attempt") == attempt.id

    async def _give_up(self, commit: Commit, attempt: Attempt) -> None:
        for claim in commit.claims:
            await self._claims.give_up(claim.hex(), attempt)
        if commit.remembered is not None:
            await self._remembered.give_up(commit.remembered.key.hex(), attempt)

    async def _tidy_all(self, abandoned_after: timedelta) -> None:
        after = ""
        while notes := await self._documents.walk(UNFILED, after, _WALKED):
            for note in notes:
                await self._tidy(note, abandoned_after)
            after = notes[-1]["_id"]

    async def _tidy(self, note: Document, abandoned_after: timedelta) -> None:
        record, _, sequence = note["_id"].rpartition(":")
        commit = await self._documents.find(COMMITS, note["_id"])
        if commit is None:
            if self._clock() - note["made"] < abandoned_after:
                return
            await self._documents.insert(COMMITS, void(record, int(sequence)))
        await self._filing.newest(record)
        await self._documents.delete(UNFILED, note["_id"])


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
