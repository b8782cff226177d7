"""The reading half of the embedded store.

Point reads run on the event loop's own connection: they take 10 to 20 microseconds, a thread hop takes more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from security.audit_batch import ChainHead
from security.clock import Clock
from security.envelope import WrappedKey
from security.heads import Head
from service.store import sqlite_audit, sqlite_walk
from service.store.epochs import StoredEpoch, next_after
from service.store.errors import StoreUnavailable
from service.store.port import StoredDelivery, StoredRecord
from service.store.sqlite_commit import seconds
from service.store.sqlite_file import EPOCH, connect
from service.store.walk import FiledEntry, FoundRecord

_COLUMNS = "r.record_id, r.sequence, r.sealed, h.sequence, h.digest, h.mac, k.dek_id, k.kek_id, k.blob"
_HEAD_AND_KEY = "LEFT JOIN heads h ON h.number = r.number LEFT JOIN keys k ON k.number = r.number"
_OF_TOKEN = f"LEFT JOIN records r ON r.number = t.number {_HEAD_AND_KEY} WHERE t.token = ?"
FETCH = f"SELECT {_COLUMNS} FROM records r {_HEAD_AND_KEY} WHERE r.record_id = ?"
CLAIMED = f"SELECT {_COLUMNS} FROM claims t {_OF_TOKEN}"
HOLDING = f"SELECT {_COLUMNS} FROM tokens t {_OF_TOKEN} LIMIT ?"
CARRYING = f"""SELECT {_COLUMNS} FROM (SELECT DISTINCT number FROM tokens WHERE token IN ({{}}) LIMIT ?) t
  LEFT JOIN records r ON r.number = t.number {_HEAD_AND_KEY}"""
HEAD = """SELECT NULL, NULL, NULL, h.sequence, h.digest, h.mac, NULL, NULL, NULL
  FROM claims t LEFT JOIN heads h ON h.number = t.number WHERE t.token = ?"""
CLAIMED_AND_HEAD = f"SELECT 1, {CLAIMED[7:]} UNION ALL SELECT 2, {HEAD[7:]}"
WAITING = "SELECT filed, lane, sealed FROM deliveries WHERE filed > ? ORDER BY filed LIMIT ?"
EPOCHS = "SELECT number, statement FROM epochs ORDER BY number"
_NO_ANSWER = "the database does not answer"
_NOT_WHOLE = "a record is not whole"


class SqliteReads:
    """Reads one SQLite file."""

    deliveries_in_order = True
    """One writer numbers them as it commits."""

    def __init__(self, path: Path, clock: Clock) -> None:
        with translated():
            self._reader = connect(path)
            (self._epoch,) = self._reader.execute(EPOCH).fetchone()
        self._clock = clock
        self._chain_heads = sqlite_walk.ChainHeads(self._reader)

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
                stored = self._stored(row[1:])
            else:
                head = _head(row[4:7])
        return stored, head

    async def holding(self, token: bytes, limit: int) -> list[StoredRecord]:
        """Return up to `limit` records that carry a look-up token."""
        with translated():
            return [self._stored(row) for row in self._reader.execute(HOLDING, (token, limit)).fetchall()]

    async def carrying(self, tokens: Sequence[bytes], limit: int) -> list[StoredRecord]:
        """Return up to `limit` records that carry any of several look-up tokens, each once."""
        with translated():
            rows = self._reader.execute(CARRYING.format(", ".join("?" * len(tokens))), (*tokens, limit)).fetchall()
        return [self._stored(row) for row in rows]

    async def replaced(self, record_id: bytes, sequence: int) -> bytes | None:
        """Return what commit `sequence` replaced, sealed."""
        return self._value("SELECT sealed FROM versions WHERE record_id = ? AND sequence = ?", (record_id, sequence))

    async def piece(self, record_id: bytes, piece_id: bytes, chunk: int) -> bytes | None:
        """Return one sealed chunk of a large element."""
        return self._value(
            "SELECT sealed FROM pieces WHERE record_id = ? AND piece_id = ? AND chunk = ?", (record_id, piece_id, chunk)
        )

    async def is_known(self, token: bytes) -> bool:
        """Say whether a known-partner token was ever written."""
        return self._value("SELECT 1 FROM known WHERE token = ?", (token,)) is not None

    async def remembered(self, key: bytes) -> bytes | None:
        """Return the sealed answer remembered under a key that has not expired."""
        return self._value(
            "SELECT sealed FROM remembered WHERE token = ? AND expires >= ?", (key, seconds(self._clock()))
        )

    async def leased(self, name: bytes) -> bool:
        """Say whether somebody has a lease now."""
        now = self._clock().timestamp()
        return self._value("SELECT 1 FROM leases WHERE name = ? AND until > ?", (name, now)) is not None

    async def waiting(self, after: bytes, limit: int) -> list[StoredDelivery]:
        """Return up to `limit` deliveries that are not done, with ids behind `after`, in order of id."""
        with translated():
            rows = self._reader.execute(WAITING, (int.from_bytes(after, "big"), limit)).fetchall()
        return [StoredDelivery(filed.to_bytes(8, "big"), lane, sealed) for filed, lane, sealed in rows]

    def _one(self, query: str, parameters: tuple[Any, ...]) -> StoredRecord | None:
        try:
            row = self._reader.execute(query, parameters).fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailable(_NO_ANSWER) from error
        return None if row is None else self._stored(row)

    def _value(self, query: str, parameters: tuple[Any, ...]) -> bytes | None:
        with translated():
            row: tuple[bytes] | None = self._reader.execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def _stored(self, row: tuple[Any, ...]) -> StoredRecord:
        if None in row:
            # A token or record whose other rows are gone is damage. It must not look like a person without a plan.
            raise StoreUnavailable(_NOT_WHOLE)
        head, key = Head(row[3], row[4], row[5]), WrappedKey(row[6], row[7], row[8])
        skipped = next_after(row[1], self._epoch) - row[1] - 1 if self._epoch else 0
        return StoredRecord(row[0], row[1], row[2], head, key, skipped)

    def check_reads(self) -> None:
        """Raise StoreUnavailable when reads cannot be served."""
        with translated():
            self._reader.execute("SELECT 1 FROM records LIMIT 1").fetchone()

    def close_reads(self) -> None:
        """Let go of the file."""
        self._reader.close()

    async def records_behind(self, record_id: bytes, limit: int) -> list[FoundRecord]:
        """Return up to `limit` records with ids behind `record_id`, whole or not."""
        with translated():
            return sqlite_walk.records_behind(self._reader, record_id, limit)

    async def found(self, record_id: bytes) -> FoundRecord | None:
        """Return a record, whole or not."""
        with translated():
            return sqlite_walk.found(self._reader, record_id)

    async def leading(
        self, record_id: bytes, claims: Sequence[bytes], tokens: Sequence[bytes]
    ) -> tuple[set[bytes], set[bytes]]:
        """Return those of some claims, and of some look-up tokens, that lead to a record."""
        with translated():
            return sqlite_walk.leading(self._reader, record_id, claims, tokens)

    async def audit_behind(self, place: bytes, limit: int) -> list[FiledEntry]:
        """Return up to `limit` audit entries behind `place`, in the order in which they were filed."""
        with translated():
            return sqlite_walk.audit_behind(self._reader, place, limit)

    async def audit_carrying(self, tokens: Sequence[bytes], after: bytes, limit: int) -> list[FiledEntry]:
        """Return up to `limit` audit entries that carry any of some look-up tokens, newest first."""
        with translated():
            return await sqlite_audit.carrying(self._reader, tokens, after, limit)

    async def epochs(self) -> list[StoredEpoch]:
        """Return the epochs that began with a restore, in order."""
        with translated():
            return [StoredEpoch(*row) for row in self._reader.execute(EPOCHS).fetchall()]

    async def chain_heads(self) -> list[ChainHead]:
        """Return the last entry of every audit chain, in order of chain."""
        with translated():
            return await self._chain_heads.now()


def _head(row: tuple[Any, ...]) -> Head:
    if None in row:
        raise StoreUnavailable(_NOT_WHOLE)
    return Head(*row)


@contextmanager
def translated() -> Iterator[None]:
    """Raise StoreUnavailable for what SQLite and the file system raise."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(_NO_ANSWER) from error
