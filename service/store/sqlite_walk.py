"""What a verifier asks of the SQLite file, damage included; see `walk`.

A page is read in one statement, so a record, its head and its key are of one moment. Pages are small: they are read on
the event loop of a service that answers meanwhile.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

from security.audit_batch import ChainHead
from security.audit_chain import Linked
from security.envelope import WrappedKey
from security.heads import Head
from service.store.walk import FiledEntry, FoundRecord

_RECORDS = """SELECT r.record_id, r.sequence, r.sealed, h.sequence, h.digest, h.mac, k.dek_id, k.kek_id, k.blob
  FROM records r LEFT JOIN heads h ON h.number = r.number LEFT JOIN keys k ON k.number = r.number"""
BEHIND = f"{_RECORDS} WHERE r.record_id > ? ORDER BY r.record_id LIMIT ?"
FOUND = f"{_RECORDS} WHERE r.record_id = ?"
AUDIT = "SELECT filed, chain, seq, mac, sealed, tokens FROM audit WHERE filed > ? ORDER BY filed LIMIT ?"
LINKS = "SELECT filed, chain, seq, mac FROM audit WHERE filed > ? ORDER BY filed LIMIT ?"
_PAGE = 500


def records_behind(connection: sqlite3.Connection, record_id: bytes, limit: int) -> list[FoundRecord]:
    """Return a page of records."""
    return [_found(row) for row in connection.execute(BEHIND, (record_id, limit)).fetchall()]


def found(connection: sqlite3.Connection, record_id: bytes) -> FoundRecord | None:
    """Return one record."""
    row = connection.execute(FOUND, (record_id,)).fetchone()
    return None if row is None else _found(row)


def leading(
    connection: sqlite3.Connection, record_id: bytes, claims: Sequence[bytes], tokens: Sequence[bytes]
) -> tuple[set[bytes], set[bytes]]:
    """Return which claims and tokens lead to a record: one statement, for there are dozens."""
    number = "(SELECT number FROM records WHERE record_id = ?)"
    statement = (
        f"SELECT 1, token FROM claims WHERE token IN ({_places(claims)}) AND number = {number} "
        f"UNION ALL SELECT 2, token FROM tokens WHERE token IN ({_places(tokens)}) AND number = {number}"
    )
    rows = connection.execute(statement, (*claims, record_id, *tokens, record_id)).fetchall()
    return {token for kind, token in rows if kind == 1}, {token for kind, token in rows if kind == 2}


def audit_behind(connection: sqlite3.Connection, place: bytes, limit: int) -> list[FiledEntry]:
    """Return a page of the audit, in the order in which it was filed."""
    rows = connection.execute(AUDIT, (int.from_bytes(place, "big"), limit)).fetchall()
    return [filed_entry(row) for row in rows]


def filed_entry(row: tuple[Any, ...]) -> FiledEntry:
    """Return a row of the audit (filed, chain, seq, mac, sealed, tokens)."""
    filed, chain, seq, mac, sealed, tokens = row
    return FiledEntry(filed.to_bytes(8, "big"), chain, Linked(seq, mac, sealed), tokens)


class ChainHeads:
    """The last entry of every chain, kept from one time to the next: only what was filed since is looked at."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._filed = 0
        self._heads: dict[bytes, ChainHead] = {}

    async def now(self) -> list[ChainHead]:
        """Return them as they are now."""
        while rows := self._connection.execute(LINKS, (self._filed, _PAGE)).fetchall():
            for filed, chain, seq, mac in rows:
                self._filed = filed
                known = self._heads.get(chain)
                if known is None or known.seq < seq:
                    self._heads[chain] = ChainHead(chain, seq, mac)
            await asyncio.sleep(0)  # the first time all of the audit is walked; others have their turn in between
        return [self._heads[chain] for chain in sorted(self._heads)]


def _places(values: Sequence[bytes]) -> str:
    return ", ".join("?" * len(values))


def _found(row: tuple[Any, ...]) -> FoundRecord:
    head = None if row[3] is None else Head(row[3], row[4], row[5])
    key = None if row[6] is None else WrappedKey(row[6], row[7], row[8])
    return FoundRecord(row[0], row[1], row[2], head, key)
