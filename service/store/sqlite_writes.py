"""The writing half of the embedded store: one writer, whose groups are synced to disk before anybody hears of them.

All content is ciphertext; `secure_delete` also overwrites what is deleted.
"""

from __future__ import annotations

import sqlite3
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from security.audit_chain import Chain, ChainMark
from security.clock import Clock
from service.store.committer import Committer
from service.store.epochs import NUMBERS, StoredEpoch, start_of
from service.store.machine import MachineMark
from service.store.port import Commit, SealedEntry
from service.store.sqlite_audit import COLUMNS, file_rows, index_some
from service.store.sqlite_commit import apply, seconds
from service.store.sqlite_file import EPOCH, connect

LEASE = f"""INSERT INTO leases VALUES (?1, 1 + ({EPOCH}) * ?5, ?2, ?3)
  ON CONFLICT (name) DO UPDATE SET turn = turn + 1, holder = ?2, until = ?3 WHERE holder = ?2 OR until <= ?4
  RETURNING turn"""
RELEASE = "UPDATE leases SET turn = turn + 1, holder = x'', until = 0 WHERE name = ? AND holder = ?"
COUNT = "INSERT INTO counters VALUES (?, ?, 1) ON CONFLICT (key, until) DO UPDATE SET value = value + 1 RETURNING value"


class SqliteWrites:
    """Writes one SQLite file. Make it inside the running loop."""

    def __init__(self, path: Path, chain: Chain, clock: Clock) -> None:
        self._chain = chain
        self._clock = clock
        self._filing: list[Any] = []
        self._committer = Committer(
            lambda: connect(path),
            before=chain.mark,
            after=self._write_audit,
            rollback=self._take_back,
            each_second=MachineMark(path).beat,
        )

    async def commit(self, commit: Commit) -> None:
        """Make the change durable, or raise; a raised `StoreUnavailable` may leave it made, if a disk is too slow."""
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
            for entry in commit.audit:
                self._file(entry)

        await self._committer.submit(job)

    async def append_audit(self, entry: SealedEntry, known: bytes | None = None) -> None:
        """Make one audit entry durable."""
        await self.append_audits([(entry, known)])

    async def append_audits(self, entries: list[tuple[SealedEntry, bytes | None]]) -> None:
        """Make audit entries durable together, each with the token of the partner that it makes known, or None."""

        def job(connection: sqlite3.Connection) -> None:
            for entry, known in entries:
                self._file(entry)
                if known is not None:
                    connection.execute("INSERT OR IGNORE INTO known VALUES (?)", (known,))

        await self._committer.submit(job)

    async def spend_once(self, token: bytes, expires: datetime) -> bool:
        """Insert a token if absent, atomically."""

        def job(connection: sqlite3.Connection) -> bool:
            row = (token, seconds(expires) + 1)
            return connection.execute("INSERT OR IGNORE INTO spent VALUES (?, ?)", row).rowcount == 1

        return bool(await self._committer.submit(job))

    async def done(self, delivery: bytes) -> None:
        """Forget a delivery."""
        await self._run("DELETE FROM deliveries WHERE filed = ?", (int.from_bytes(delivery, "big"),))

    async def lease(self, name: bytes, holder: bytes, until: datetime) -> int | None:
        """Take or renew a lease; return its turn, None while somebody else has it."""
        row = (name, holder, until.timestamp(), self._clock().timestamp(), NUMBERS)
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

    async def begin_epoch(self, epoch: StoredEpoch) -> None:
        """Begin an epoch after a restore; repeating it changes nothing."""
        start = start_of(epoch.number)

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO epochs VALUES (?, ?)", (epoch.number, epoch.statement))
            connection.execute("UPDATE leases SET turn = ?1, holder = x'', until = 0 WHERE turn < ?1", (start,))
            # SQLite's own table of the highest id that a table with AUTOINCREMENT has given away
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'deliveries' AND seq < ?", (start,))
            connection.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT 'deliveries', ?"
                " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'deliveries')",
                (start,),
            )

        await self._committer.submit(job)

    async def tidy(self) -> None:
        """Forget what has expired, and index audit entries. A process that dies leaves nothing else behind."""
        now = seconds(self._clock())

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM spent WHERE expires < ?", (now,))
            connection.execute("DELETE FROM remembered WHERE expires < ?", (now,))
            connection.execute("DELETE FROM counters WHERE until < ?", (now,))

        await self._committer.submit(job)
        for _ in range(_INDEXED_IN_TURN):
            if not await self._committer.submit(index_some):
                break

    async def check_writes(self) -> None:
        """Raise StoreUnavailable when writes cannot be made durable."""
        # A statement that changes nothing reaches no disk: the row must be another one each time.
        await self._run("INSERT OR REPLACE INTO spent VALUES (x'', ?)", (time.time_ns(),))

    async def close_writes(self) -> None:
        """Finish what was accepted and close the file."""
        await self._committer.close()

    async def _run(self, statement: str, parameters: tuple[Any, ...]) -> Any:
        """Execute one statement durably; return the first row that it gives, or None."""

        def job(connection: sqlite3.Connection) -> Any:
            return connection.execute(statement, parameters).fetchone()

        return await self._committer.submit(job)

    def _file(self, entry: SealedEntry) -> None:
        """Give an audit entry its place in the chain; it is written with the others of its group."""
        linked = self._chain.link(entry.sealed)
        self._filing += (self._chain.chain_id, linked.seq, linked.mac, linked.sealed, entry.tokens)

    def _write_audit(self, connection: sqlite3.Connection) -> None:
        while self._filing:
            columns, self._filing = self._filing[:_MOST_AT_ONCE], self._filing[_MOST_AT_ONCE:]
            connection.execute(file_rows(len(columns) // COLUMNS), columns)

    def _take_back(self, mark: ChainMark) -> None:
        self._filing = []
        self._chain.rewind(mark)


_MOST_AT_ONCE = COLUMNS * 64
"""Columns of audit entries in one statement."""
_INDEXED_IN_TURN = 50
"""Batches of audit entries that one tidying indexes; others have their turn in between."""
