"""The embedded store: one SQLite file, write-ahead log, every acknowledged write synced to disk.

Point reads run on the event loop's own connection: they take 10 to 20 microseconds, a thread hop takes more. Writes go
through the `Committer`. All content is ciphertext; `secure_delete` also overwrites what is deleted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from security.audit_chain import Chain, ChainMark
from security.clock import Clock
from security.envelope import WrappedKey
from security.heads import Head
from service.store.committer import Committer
from service.store.errors import StoreUnavailable
from service.store.port import Commit, StoredDelivery, StoredRecord
from service.store.sqlite_commit import apply, seconds
from service.store.sqlite_file import connect, prepare

_COLUMNS = "r.record_id, r.sequence, r.sealed, h.sequence, h.digest, h.mac, k.dek_id, k.kek_id, k.blob"
_HEAD_AND_KEY = "LEFT JOIN heads h ON h.number = r.number LEFT JOIN keys k ON k.number = r.number"
_OF_TOKEN = f"LEFT JOIN records r ON r.number = t.number {_HEAD_AND_KEY} WHERE t.token = ?"
FETCH = f"SELECT {_COLUMNS} FROM records r {_HEAD_AND_KEY} WHERE r.record_id = ?"
CLAIMED = f"SELECT {_COLUMNS} FROM claims t {_OF_TOKEN}"
HOLDING = f"SELECT {_COLUMNS} FROM tokens t {_OF_TOKEN} LIMIT ?"
HEAD = """SELECT NULL, NULL, NULL, h.sequence, h.digest, h.mac, NULL, NULL, NULL
  FROM claims t LEFT JOIN heads h ON h.number = t.number WHERE t.token = ?"""
CLAIMED_AND_HEAD = f"SELECT 1, {CLAIMED[7:]} UNION ALL SELECT 2, {HEAD[7:]}"


WAITING = "SELECT filed, lane, sealed FROM deliveries WHERE filed > ? ORDER BY filed LIMIT ?"
LEASE = """INSERT INTO leases VALUES (?1, 1, ?2, ?3)
  ON CONFLICT (name) DO UPDATE SET turn = turn + 1, holder = ?2, until = ?3 WHERE holder = ?2 OR until <= ?4
  RETURNING turn"""
RELEASE = "UPDATE leases SET turn = turn + 1, holder = x'', until = 0 WHERE name = ? AND holder = ?"
COUNT = "INSERT INTO counters VALUES (?, ?, 1) ON CONFLICT (key, until) DO UPDATE SET value = value + 1 RETURNING value"


_NO_ANSWER = "the database does not answer"
_NOT_WHOLE = "a record is not whole"


class SqliteStore:
    """`RecordStore` on one SQLite file. Open it with `await SqliteStore.open(...)` inside the running loop."""

    def __init__(self, path: Path, chain: Chain, clock: Clock) -> None:
        self._path = path
        self._chain = chain
        self._clock = clock
        self._reader = connect(path)
        self._filing: list[Any] = []
        self._committer = Committer(
            lambda: connect(path), before=chain.mark, after=self._write_audit, rollback=self._take_back
        )

    @classmethod
    async def open(cls, path: Path, chain: Chain, clock: Clock) -> SqliteStore:
        """Open or create the file; raise StoreUnavailable when that cannot be done or the schema is not ours."""
        with _translated():
            prepare(path)
            return cls(path, chain, clock)

    async def fetch(self, record_id: bytes) -> StoredRecord | None:
        """Return the record, or None."""
        return self._one(FETCH, (record_id,))

    async def claimed(self, claim: bytes) -> StoredRecord | None:
        """Return the record that holds a unique token, or None."""
        return self._one(CLAIMED, (claim,))

    async def claimed_and_head(self, claim: bytes, other: bytes) -> tuple[StoredRecord | None, Head | None]:
        """Return the record that holds `claim`, and the head of the one that holds `other`."""
        try:
            rows = self._reader.execute(CLAIMED_AND_HEAD, (claim, other)).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(_NO_ANSWER) from error
        stored, head = None, None
        for row in rows:
            if row[0] == 1:
                stored = _stored(row[1:])
            else:
                head = _head(row[4:7])
        return stored, head

    async def holding(self, token: bytes, limit: int) -> list[StoredRecord]:
        """Return up to `limit` records that carry a look-up token."""
        with _translated():
            return [_stored(row) for row in self._reader.execute(HOLDING, (token, limit)).fetchall()]

    async def replaced(self, record_id: bytes, sequence: int) -> bytes | None:
        """Return what commit `sequence` replaced, sealed."""
        return self._value("SELECT sealed FROM versions WHERE record_id = ? AND sequence = ?", (record_id, sequence))

    async def piece(self, record_id: bytes, piece_id: bytes, chunk: int) -> bytes | None:
        """Return one sealed chunk of a large element."""
        return self._value(
            "SELECT sealed FROM pieces WHERE record_id = ? AND piece_id = ? AND chunk = ?", (record_id, piece_id, chunk)
        )

    async def commit(self, commit: Commit) -> None:
        """Make the change durable, or raise and change nothing."""
        now = seconds(self._clock())

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("SAVEPOINT one")
            try:
                apply(connection, commit, now)
            except BaseException:
                connection.execute("ROLLBACK TO one")
                raise
            finally:
                connection.execute("RELEASE one")
            for sealed in commit.audit:
                self._file(sealed)

        await self._committer.submit(job)

    async def append_audit(self, sealed: bytes, known: bytes | None = None) -> None:
        """Make one audit entry durable."""

        def job(connection: sqlite3.Connection) -> None:
            self._file(sealed)
            if known is not None:
                connection.execute("INSERT OR IGNORE INTO known VALUES (?)", (known,))

        await self._committer.submit(job)

    async def is_known(self, token: bytes) -> bool:
        """Say whether a known-partner token was ever written."""
        return self._value("SELECT 1 FROM known WHERE token = ?", (token,)) is not None

    async def spend_once(self, token: bytes, expires: datetime) -> bool:
        """Insert a token if absent, atomically."""

        def job(connection: sqlite3.Connection) -> bool:
            row = (token, seconds(expires) + 1)
            return connection.execute("INSERT OR IGNORE INTO spent VALUES (?, ?)", row).rowcount == 1

        return bool(await self._committer.submit(job))

    async def remembered(self, key: bytes) -> bytes | None:
        """Return the sealed answer remembered under a key that has not expired."""
        return self._value(
            "SELECT sealed FROM remembered WHERE token = ? AND expires >= ?", (key, seconds(self._clock()))
        )

    async def waiting(self, after: bytes, limit: int) -> list[StoredDelivery]:
        """Return up to `limit` deliveries that are not done, with ids behind `after`, in order of id."""
        with _translated():
            rows = self._reader.execute(WAITING, (int.from_bytes(after, "big"), limit)).fetchall()
        return [StoredDelivery(filed.to_bytes(8, "big"), lane, sealed) for filed, lane, sealed in rows]

    async def done(self, delivery: bytes) -> None:
        """Forget a delivery."""
        await self._run("DELETE FROM deliveries WHERE filed = ?", (int.from_bytes(delivery, "big"),))

    async def lease(self, name: bytes, holder: bytes, until: datetime) -> int | None:
        """Take or renew a lease; return its turn, None while somebody else has it."""
        row = (name, holder, until.timestamp(), self._clock().timestamp())
        taken = await self._run(LEASE, row)
        return None if taken is None else int(taken[0])

    async def release(self, name: bytes, holder: bytes) -> None:
        """Let go of a lease, if `holder` has it."""
        await self._run(RELEASE, (name, holder))

    async def count(self, key: bytes, until: datetime) -> int:
        """Count one more under `key` for the span of time that ends at `until`, and return the count."""
        counted = await self._run(COUNT, (key, seconds(until)))
        return int(counted[0])

    async def keep(self, key: bytes, sealed: bytes, expires: datetime) -> None:
        """Keep a sealed text until it expires."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO remembered VALUES (?, ?, ?)", (key, seconds(expires), sealed))

        await self._committer.submit(job)

    async def tidy(self) -> None:
        """Forget what has expired. A process that dies leaves nothing else behind."""
        now = seconds(self._clock())

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM spent WHERE expires < ?", (now,))
            connection.execute("DELETE FROM remembered WHERE expires < ?", (now,))
            connection.execute("DELETE FROM counters WHERE until < ?", (now,))

        await self._committer.submit(job)

    async def ready(self) -> None:
        """Raise StoreUnavailable when reads or durable writes cannot be served."""
        with _translated():
            self._reader.execute("SELECT 1 FROM records LIMIT 1").fetchone()

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM spent WHERE expires < 0")

        await self._committer.submit(job)

    async def close(self) -> None:
        """Finish what was accepted and close the file."""
        await self._committer.close()
        self._reader.close()

    async def _run(self, statement: str, parameters: tuple[Any, ...]) -> Any:
        """Execute one statement durably; return the first row that it gives, or None."""

        def job(connection: sqlite3.Connection) -> Any:
            return connection.execute(statement, parameters).fetchone()

        return await self._committer.submit(job)

    def _file(self, sealed: bytes) -> None:
        """Give an audit entry its place in the chain; it is written with the others of its group."""
        linked = self._chain.link(sealed)
        self._filing += (self._chain.chain_id, linked.seq, linked.mac, linked.sealed)

    def _write_audit(self, connection: sqlite3.Connection) -> None:
        while self._filing:
            columns, self._filing = self._filing[:_MOST_AT_ONCE], self._filing[_MOST_AT_ONCE:]
            connection.execute(_file_rows(len(columns) // 4), columns)

    def _take_back(self, mark: ChainMark) -> None:
        self._filing = []
        self._chain.rewind(mark)

    def _one(self, query: str, parameters: tuple[Any, ...]) -> StoredRecord | None:
        try:
            row = self._reader.execute(query, parameters).fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailable(_NO_ANSWER) from error
        return None if row is None else _stored(row)

    def _value(self, query: str, parameters: tuple[Any, ...]) -> bytes | None:
        with _translated():
            row: tuple[bytes] | None = self._reader.execute(query, parameters).fetchone()
        return None if row is None else row[0]


_MOST_AT_ONCE = 4 * 64
"""Columns of audit entries in one statement."""


@lru_cache(maxsize=64)
def _file_rows(count: int) -> str:
    return "INSERT INTO audit (chain, seq, mac, sealed) VALUES " + ", ".join(["(?, ?, ?, ?)"] * count)


def _stored(row: tuple[Any, ...]) -> StoredRecord:
    if None in row:
        # A token or record whose other rows are gone is damage. It must not look like a person without a plan.
        raise StoreUnavailable(_NOT_WHOLE)
    return StoredRecord(row[0], row[1], row[2], Head(row[3], row[4], row[5]), WrappedKey(row[6], row[7], row[8]))


def _head(row: tuple[Any, ...]) -> Head:
    if None in row:
        raise StoreUnavailable(_NOT_WHOLE)
    return Head(*row)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(_NO_ANSWER) from error
