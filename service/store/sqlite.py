"""The embedded store: one SQLite file, write-ahead log, every acknowledged write synced to disk.

Point reads run on the event loop's own connection: they take 10 to 20 microseconds, a thread hop takes more. Writes go
through the `Committer`. All content is ciphertext; `secure_delete` also overwrites what is deleted.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
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
from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken, StoreUnavailable
from service.store.port import Commit, StoredRecord

SCHEMA_VERSION = 1
PAGE_BYTES = 8192
CACHE_KIB = 16 * 1024

SCHEMA = """
CREATE TABLE records (record_id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE TABLE heads (record_id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, digest BLOB NOT NULL, mac BLOB NOT NULL)
  WITHOUT ROWID;
CREATE TABLE keys (record_id BLOB PRIMARY KEY, dek_id BLOB NOT NULL, kek_id TEXT NOT NULL, blob BLOB NOT NULL)
  WITHOUT ROWID;
CREATE TABLE versions (record_id BLOB NOT NULL, sequence INTEGER NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (record_id, sequence));
CREATE TABLE pieces (record_id BLOB NOT NULL, piece_id BLOB NOT NULL, chunk INTEGER NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (record_id, piece_id, chunk));
CREATE TABLE claims (token BLOB PRIMARY KEY, record_id BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE tokens (token BLOB NOT NULL, record_id BLOB NOT NULL, PRIMARY KEY (token, record_id)) WITHOUT ROWID;
CREATE TABLE known (token BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE audit (filed INTEGER PRIMARY KEY, chain BLOB NOT NULL, seq INTEGER NOT NULL, mac BLOB NOT NULL,
  sealed BLOB NOT NULL);
CREATE TABLE spent (token BLOB PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE remembered (token BLOB PRIMARY KEY, expires INTEGER NOT NULL, sealed BLOB NOT NULL);
CREATE INDEX spent_expires ON spent (expires);
CREATE INDEX remembered_expires ON remembered (expires);
"""

_COLUMNS = "r.record_id, r.sequence, r.sealed, h.sequence, h.digest, h.mac, k.dek_id, k.kek_id, k.blob"
_WITH_ITS = """LEFT JOIN heads h ON h.record_id = r.record_id LEFT JOIN keys k ON k.record_id = r.record_id"""
FETCH = f"SELECT {_COLUMNS} FROM records r {_WITH_ITS} WHERE r.record_id = ?"
_BY_TOKEN = f"LEFT JOIN records r ON r.record_id = t.record_id {_WITH_ITS} WHERE t.token = ?"
HOLDING = f"SELECT {_COLUMNS} FROM tokens t {_BY_TOKEN} LIMIT ?"


_NO_ANSWER = "the database does not answer"


class SqliteStore:
    """`RecordStore` on one SQLite file. Open it with `await SqliteStore.open(...)` inside the running loop."""

    def __init__(self, path: Path, chain: Chain, clock: Clock) -> None:
        self._path = path
        self._chain = chain
        self._clock = clock
        self._reader = _connect(path)
        self._filing: list[Any] = []
        self._committer = Committer(
            lambda: _connect(path), before=chain.mark, after=self._write_audit, rollback=self._take_back
        )

    @classmethod
    async def open(cls, path: Path, chain: Chain, clock: Clock) -> SqliteStore:
        """Open or create the file; raise StoreUnavailable when that cannot be done or the schema is not ours."""
        with _translated():
            _prepare(path)
            return cls(path, chain, clock)

    async def fetch(self, record_id: bytes) -> StoredRecord | None:
        """Return the record, or None."""
        return self._one(FETCH, (record_id,))

    async def claimed(self, *claims: bytes) -> list[StoredRecord | None]:
        """Return, for each unique token, the record that holds it, or None."""
        try:
            rows = self._reader.execute(_claimed(len(claims)), claims).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(_NO_ANSWER) from error
        found = {row[9]: _stored(row) for row in rows}
        return [found.get(claim) for claim in claims]

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
        now = _seconds(self._clock())

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("SAVEPOINT one")
            try:
                _apply(connection, commit, now)
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
        now = _seconds(self._clock())

        def job(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM spent WHERE expires < ?", (now,))
            row = (token, _seconds(expires) + 1)
            return connection.execute("INSERT OR IGNORE INTO spent VALUES (?, ?)", row).rowcount == 1

        return bool(await self._committer.submit(job))

    async def remembered(self, key: bytes) -> bytes | None:
        """Return the sealed answer remembered under a key that has not expired."""
        return self._value(
            "SELECT sealed FROM remembered WHERE token = ? AND expires >= ?", (key, _seconds(self._clock()))
        )

    async def keep(self, key: bytes, sealed: bytes, expires: datetime) -> None:
        """Keep a sealed text until it expires."""
        now = _seconds(self._clock())

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM remembered WHERE expires < ?", (now,))
            connection.execute("INSERT OR REPLACE INTO remembered VALUES (?, ?, ?)", (key, _seconds(expires), sealed))

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


@lru_cache(maxsize=8)
def _claimed(count: int) -> str:
    """Return the query for so many claims. A union of point look-ups: `IN` would build a table for its list first."""
    return " UNION ALL ".join([f"SELECT {_COLUMNS}, t.token FROM claims t {_BY_TOKEN}"] * count)


def _apply(connection: sqlite3.Connection, commit: Commit, now: int) -> None:
    record_id, sequence = commit.record_id, commit.sequence
    if commit.remembered is not None:
        connection.execute("DELETE FROM remembered WHERE expires < ?", (now,))
        _insert(
            connection,
            "INSERT INTO remembered VALUES (?, ?, ?)",
            (commit.remembered.key, _seconds(commit.remembered.expires), commit.remembered.sealed),
            AlreadyRemembered,
        )
    for claim in commit.claims:
        _claim(connection, claim, record_id)
    if sequence == 1:
        if commit.key is None:
            raise ValueError("the first commit of a record brings its key")
        _insert(connection, "INSERT INTO records VALUES (?, ?, ?)", (record_id, 1, commit.sealed), SequenceTaken)
        connection.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?)",
            (record_id, commit.key.dek_id, commit.key.kek_id, commit.key.blob),
        )
    else:
        moved = connection.execute(
            "UPDATE records SET sequence = ?, sealed = ? WHERE record_id = ? AND sequence = ?",
            (sequence, commit.sealed, record_id, sequence - 1),
        )
        if moved.rowcount != 1:
            raise SequenceTaken
    head = commit.head
    connection.execute(
        "INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", (record_id, head.sequence, head.digest, head.mac)
    )
    if commit.replaced is not None:
        connection.execute("INSERT INTO versions VALUES (?, ?, ?)", (record_id, sequence, commit.replaced))
    connection.executemany(
        "INSERT INTO pieces VALUES (?, ?, ?, ?)",
        [(record_id, piece.piece_id, piece.chunk, piece.sealed) for piece in commit.pieces],
    )
    connection.executemany(
        "DELETE FROM claims WHERE token = ? AND record_id = ?", [(token, record_id) for token in commit.dropped_claims]
    )
    connection.executemany(
        "DELETE FROM tokens WHERE token = ? AND record_id = ?", [(token, record_id) for token in commit.dropped_tokens]
    )
    connection.executemany(
        "INSERT OR IGNORE INTO tokens VALUES (?, ?)", [(token, record_id) for token in commit.tokens]
    )
    if commit.known is not None:
        connection.execute("INSERT OR IGNORE INTO known VALUES (?)", (commit.known,))


def _claim(connection: sqlite3.Connection, claim: bytes, record_id: bytes) -> None:
    inserted = connection.execute("INSERT OR IGNORE INTO claims VALUES (?, ?)", (claim, record_id))
    if inserted.rowcount != 1:
        holder: bytes = connection.execute("SELECT record_id FROM claims WHERE token = ?", (claim,)).fetchone()[0]
        if holder != record_id:
            raise ClaimTaken(holder)


def _insert(
    connection: sqlite3.Connection, statement: str, row: tuple[Any, ...], conflict: Callable[[], Exception]
) -> None:
    try:
        connection.execute(statement, row)
    except sqlite3.IntegrityError:
        raise conflict() from None


def _stored(row: tuple[Any, ...]) -> StoredRecord:
    if None in row:
        # A token or record whose other rows are gone is damage. It must not look like a person without a plan.
        raise StoreUnavailable("a record is not whole")
    return StoredRecord(row[0], row[1], row[2], Head(row[3], row[4], row[5]), WrappedKey(row[6], row[7], row[8]))


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=128)
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "wal_autocheckpoint=0",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "busy_timeout=5000",
        f"cache_size=-{CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _prepare(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StoreUnavailable(f"the database has schema version {version}, this program knows {SCHEMA_VERSION}")
    finally:
        connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(_NO_ANSWER) from error
