"""Audit entries in the SQLite file: how they are written, indexed and found by their look-up tokens.

An entry's tokens lie in its own row, so that writing them costs the group no statement and no further page. The index
is filled behind the writers, in batches: tokens are as good as random, and putting each into its place at once would
touch a page of the index for each, in the commit that an emergency waits for. What is not in the index yet (an
"unindexed" tail of half a minute, longer under load) is looked through row by row.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import lru_cache

from security.audit_tokens import split
from service.store.sqlite_walk import filed_entry
from service.store.walk import FiledEntry

COLUMNS = 5
"""Columns of an entry when it is written."""
_BATCH = 400
_LOOKED_THROUGH = 2_000
_INDEXED = "SELECT filed FROM audit_indexed"
_UNINDEXED = "SELECT filed, tokens FROM audit WHERE filed > ? ORDER BY filed LIMIT ?"
_ENTRIES = "SELECT filed, chain, seq, mac, sealed, tokens FROM audit WHERE filed IN ({}) ORDER BY filed DESC"
_NOWHERE = (1 << 63) - 1


@lru_cache(maxsize=64)
def file_rows(count: int) -> str:
    """Return the statement that writes `count` entries."""
    return "INSERT INTO audit (chain, seq, mac, sealed, tokens) VALUES " + ", ".join(["(?, ?, ?, ?, ?)"] * count)


def index_some(connection: sqlite3.Connection) -> bool:
    """Index a batch of entries; say whether there may be more."""
    (indexed,) = connection.execute(_INDEXED).fetchone()
    rows = connection.execute(_UNINDEXED, (indexed, _BATCH)).fetchall()
    if not rows:
        return False
    found = sorted((token, filed) for filed, tokens in rows for token in split(tokens))
    connection.executemany("INSERT OR IGNORE INTO audit_tokens VALUES (?, ?)", found)
    connection.execute("UPDATE audit_indexed SET filed = ?", (rows[-1][0],))
    return len(rows) == _BATCH


async def carrying(
    connection: sqlite3.Connection, tokens: Sequence[bytes], after: bytes, limit: int
) -> list[FiledEntry]:
    """Return entries that carry any of some tokens, newest first, behind the place `after`."""
    before = int.from_bytes(after, "big") if after else _NOWHERE
    # The mark is read first: what is indexed between the two reads is then found twice, never not at all.
    (mark,) = connection.execute(_INDEXED).fetchone()
    found = await _unindexed(connection, mark, frozenset(tokens), before)
    if len(found) < limit:
        places = ", ".join("?" * len(tokens))
        statement = f"SELECT DISTINCT filed FROM audit_tokens WHERE token IN ({places}) AND filed < ? AND filed <= ?"
        rows = connection.execute(f"{statement} ORDER BY filed DESC LIMIT ?", (*tokens, before, mark, limit)).fetchall()
        found += [filed for (filed,) in rows]
    wanted = sorted(found, reverse=True)[:limit]
    entries = connection.execute(_ENTRIES.format(", ".join("?" * len(wanted))), wanted).fetchall()
    return [filed_entry(row) for row in entries]


async def _unindexed(connection: sqlite3.Connection, mark: int, tokens: frozenset[bytes], before: int) -> list[int]:
    found: list[int] = []
    while rows := connection.execute(_UNINDEXED, (mark, _LOOKED_THROUGH)).fetchall():
        found += [filed for filed, stored in rows if filed < before and not tokens.isdisjoint(split(stored))]
        mark = rows[-1][0]
        await asyncio.sleep(0)  # after a busy half minute there are many, and others have their turn in between
    return found
