"""Each store behind one small harness, so that the contract can open it twice, look into it, and make it fail."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from security.audit_chain import Chain, ChainFault, Linked, verify_chain
from security.envelope import WrappedKey
from security.heads import Head
from service.store import sqlite, sqlite_file, sqlite_writes
from service.store.document_store import DocumentStore
from service.store.mongo import Limits, MongoDocuments
from service.store.port import Commit, Delivery, RecordStore, Remembered, SealedEntry, StoredPiece, StoredRecord
from service.store.sqlite_worker import SqliteWorkerStore
from service.store.writer_process import WriterProcess, socket_path
from tests.contracts.cable import Cable
from tests.contracts.collections import EXPIRING, chains_in, expire, meaning
from tests.contracts.memory_documents import Collections, MemoryDocuments
from tests.peers.mongo_servers import MongoServer

CHAIN_KEY = b"k" * 32
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

Tables = dict[str, list[tuple[Any, ...]]]


class Moment:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


class StoreHarness(Protocol):
    """What the contract needs of a store besides the port."""

    clock: Moment

    async def open(self) -> RecordStore:
        """Open the same database once more, as another process would, with a chain of its own."""

    async def alone(self) -> RecordStore:
        """Open the database as a restore does, while nothing else has it open."""

    def everything(self) -> Tables:
        """Return all that is durable, by table or collection, in a stable order."""

    def chains(self) -> dict[bytes, list[Linked]]:
        """Return the filed audit entries by chain, in the order in which they are stored."""

    def expire(self) -> None:
        """Do what the database does by itself from time to time: forget what carries a time that has passed."""

    def failing(self) -> Any:
        """Return a context in which no commit reaches the disk."""


class FailingConnection:
    """A connection whose COMMIT fails while `broken` is set, as it does on a full or dying disk."""

    def __init__(self, connection: sqlite3.Connection, harness: SqliteHarness) -> None:
        self._connection = connection
        self._harness = harness

    def execute(self, statement: str, *parameters: Any) -> Any:
        if statement == "COMMIT":
            self._harness.commits += 1
            if self._harness.broken:
                raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(statement, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class SqliteHarness:
    """The embedded store on a file of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "records.sqlite"
        self.clock = Moment()
        self.broken = False
        self.commits = 0
        connect = sqlite_file.connect
        for module in ("sqlite_reads", "sqlite_writes"):
            monkeypatch.setattr(f"service.store.{module}.connect", lambda path: FailingConnection(connect(path), self))

    async def open(self) -> RecordStore:
        return await self.alone()

    async def alone(self) -> RecordStore:
        return await sqlite.SqliteStore.open(self.path, new_chain(), self.clock)

    def everything(self) -> Tables:
        with self._look() as connection:
            names = [
                row[0]
                for row in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
                )
            ]
            return {name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in sorted(names)}

    def chains(self) -> dict[bytes, list[Linked]]:
        found: dict[bytes, list[Linked]] = {}
        with self._look() as connection:
            for chain, seq, mac, sealed in connection.execute(
                "SELECT chain, seq, mac, sealed FROM audit ORDER BY rowid"
            ):
                found.setdefault(chain, []).append(Linked(seq, mac, sealed))
        return found

    def expire(self) -> None:
        """SQLite forgets nothing by itself; `tidy` does that."""

    @contextmanager
    def failing(self) -> Iterator[None]:
        self.broken = True
        try:
            yield
        finally:
            self.broken = False

    @contextmanager
    def _look(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path)
        try:
            yield connection
        finally:
            connection.close()


class WorkersHarness(SqliteHarness):
    """The same file, written by one writer process for stores that only read it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        self._opened = 0
        self._stopped = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    async def open(self) -> RecordStore:
        if self._writer is None:
            sqlite.claim_file(self.path)
            self._stopped = asyncio.Event()
            writes = sqlite_writes.SqliteWrites(self.path, new_chain(), self.clock)
            self._writer = asyncio.create_task(WriterProcess(writes, socket_path(self.path)).serve(self._stopped))
            while not socket_path(self.path).exists():  # noqa: ASYNC110 - the product's clients ask again instead
                await asyncio.sleep(0)
        self._opened += 1
        return _Worker(self.path, self.clock, self._closed)

    async def _closed(self) -> None:
        self._opened -= 1
        if not self._opened and self._writer is not None:
            self._stopped.set()
            await self._writer
            self._writer = None


class _Worker(SqliteWorkerStore):
    def __init__(self, path: Path, clock: Moment, closed: Callable[[], Awaitable[None]]) -> None:
        super().__init__(path, clock)
        self._on_close: Callable[[], Awaitable[None]] | None = closed

    async def close(self) -> None:
        await super().close()
        closed, self._on_close = self._on_close, None
        if closed is not None:
            await closed()


class MemoryHarness:
    """The document store on documents in memory."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Moment()
        self.collections: Collections = {}
        self._opened: list[MemoryDocuments] = []

    async def open(self) -> RecordStore:
        return DocumentStore(await self.documents(), new_chain, self.clock)

    async def alone(self) -> RecordStore:
        return await self.open()

    async def documents(self) -> MemoryDocuments:
        documents = MemoryDocuments(self.collections)
        self._opened.append(documents)
        return documents

    def everything(self) -> Tables:
        return meaning(self.collections)

    def chains(self) -> dict[bytes, list[Linked]]:
        return chains_in(self.collections)

    def expire(self) -> None:
        expire(self.collections, self.clock())

    @contextmanager
    def failing(self) -> Iterator[None]:
        for documents in self._opened:
            documents.broken = True
        try:
            yield
        finally:
            for documents in self._opened:
                documents.broken = False


class MongoHarness:
    """The document store on a server that speaks MongoDB's protocol: a database of its own, and a cable to cut."""

    def __init__(self, server: MongoServer) -> None:
        self.clock = Moment()
        self.server = server
        self.database = f"contract-{secrets.token_hex(6)}"
        self.cable = Cable(server.port)
        self.url = f"mongodb://127.0.0.1:{self.cable.port}/{self.database}?directConnection=true"

    async def open(self) -> RecordStore:
        return DocumentStore(await self.documents(), new_chain, self.clock)

    async def alone(self) -> RecordStore:
        return await self.open()

    async def documents(self) -> MongoDocuments:
        return await MongoDocuments.open(self.url, limits=Limits(find_server=1500, connect=500, operation=2000))

    def everything(self) -> Tables:
        return meaning(self._look())

    def chains(self) -> dict[bytes, list[Linked]]:
        return chains_in(self._look())

    def expire(self) -> None:
        """Not every such server forgets by itself, and none at once: so do what the index asks for."""
        with self.server.client() as client:
            for name in EXPIRING:
                for document in client[self.database][name].find():
                    if document.get("expires", self.clock()) < self.clock():
                        client[self.database][name].delete_one({"_id": document["_id"]})

    @contextmanager
    def failing(self) -> Iterator[None]:
        self.cable.cut()
        try:
            yield
        finally:
            self.cable.mend()

    def close(self) -> None:
        """Let go of the cable and the database."""
        self.cable.close()
        with self.server.client() as client:
            client.drop_database(self.database)

    def _look(self) -> Collections:
        with self.server.client() as client:
            database = client[self.database]
            return {
                name: {document["_id"]: document for document in database[name].find()}
                for name in database.list_collection_names()
            }


def new_chain() -> Chain:
    """Return the chain of one more process."""
    return Chain(CHAIN_KEY, secrets.token_bytes(16))


EMBEDDED: dict[str, type[MemoryHarness | SqliteHarness]] = {
    "memory": MemoryHarness,
    "sqlite": SqliteHarness,
    "sqlite-workers": WorkersHarness,
}
"""Every store that the contract holds for and that needs no server."""


def faults(harness: StoreHarness) -> list[ChainFault]:
    """Return what is wrong with any filed audit chain."""
    return [fault for chain, linked in harness.chains().items() for fault in verify_chain(CHAIN_KEY, chain, linked)]


def filed(harness: StoreHarness) -> list[bytes]:
    """Return the sealed audit entries of all chains; within a chain in filing order."""
    return [entry.sealed for linked in harness.chains().values() for entry in linked]


def record_id(number: int) -> bytes:
    """Return the id of a record, 16 bytes."""
    return number.to_bytes(16, "big")


def key_of(record: bytes) -> WrappedKey:
    """Return a wrapped key as a store sees it: bytes without meaning."""
    return WrappedKey(b"dek-" + record[-4:], "kek-1", b"wrapped " + record)


def commit(record: bytes, sequence: int, content: bytes = b"", **more: Any) -> Commit:
    """Return a commit; the first one of a record brings its key. Audit entries may be bytes, without tokens."""
    more["audit"] = tuple(SealedEntry(one) if isinstance(one, bytes) else one for one in more.get("audit", ()))
    sealed = content or b"sealed %d" % sequence
    key = key_of(record) if sequence == 1 else None
    return Commit(record, sequence, sealed, Head(sequence, b"digest " + sealed, b"mac"), **{"key": key, **more})


def stored(made: Commit) -> StoredRecord:
    """Return the record that a commit leaves behind."""
    return StoredRecord(made.record_id, made.sequence, made.sealed, made.head, key_of(made.record_id))


def token(word: str) -> bytes:
    """Return a token, 16 bytes."""
    return word.encode().ljust(16, b".")


def full_commit(record: bytes, sequence: int, content: bytes = b"all") -> Commit:
    """Return a commit that touches every table there is."""
    return commit(
        record,
        sequence,
        content,
        replaced=b"what was there before",
        pieces=(StoredPiece(token("piece"), 0, b"chunk 0"), StoredPiece(token("piece"), 1, b"chunk 1")),
        claims=frozenset({token("claim a"), token("claim b")}),
        dropped_claims=frozenset({token("claim old")}),
        tokens=frozenset({token("look-up a"), token("look-up b")}),
        dropped_tokens=frozenset({token("look-up old")}),
        audit=(b"audit one", b"audit two"),
        known=token("known"),
        remembered=Remembered(token("remembered"), b"answer", START + timedelta(hours=24)),
        deliveries=(Delivery(token("lane"), b"to be sent"),),
    )
