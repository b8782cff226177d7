"""A `Commit` as rows of the SQLite file, inside the transaction of its group."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any

from service.store.epochs import NUMBERS
from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken
from service.store.port import Commit
from service.store.sqlite_file import EPOCH

MOVE_ON = f"""UPDATE records SET sequence = ?1, sealed = ?2
  WHERE record_id = ?3 AND max(sequence + 1, ({EPOCH}) * ?4) = ?1 RETURNING number"""


def apply(connection: sqlite3.Connection, commit: Commit, now: int) -> None:
    """Write a commit; raise SequenceTaken, ClaimTaken or AlreadyRemembered, then the caller rolls back."""
    record_id, sequence = commit.record_id, commit.sequence
    if commit.remembered is not None:
        key = commit.remembered.key
        connection.execute("DELETE FROM remembered WHERE token = ? AND expires < ?", (key, now))
        _insert(
            connection,
            "INSERT INTO remembered VALUES (?, ?, ?)",
            (key, seconds(commit.remembered.expires), commit.remembered.sealed),
            AlreadyRemembered,
        )
    if sequence == 1:
        number = _insert_record(connection, commit)
    else:
        moved = connection.execute(MOVE_ON, (sequence, commit.sealed, record_id, NUMBERS)).fetchone()
        if moved is None:
            raise SequenceTaken
        number = moved[0]
    for claim in commit.claims:
        _claim(connection, claim, number)
    head = commit.head
    connection.execute(
        "INSERT OR REPLACE INTO heads VALUES (?, ?, ?, ?)", (number, head.sequence, head.digest, head.mac)
    )
    if commit.replaced is not None:
        connection.execute("INSERT INTO versions VALUES (?, ?, ?)", (record_id, sequence, commit.replaced))
    connection.executemany(
        "INSERT INTO pieces VALUES (?, ?, ?, ?)",
        [(record_id, piece.piece_id, piece.chunk, piece.sealed) for piece in commit.pieces],
    )
    connection.executemany(
        "DELETE FROM claims WHERE token = ? AND number = ?", [(token, number) for token in commit.dropped_claims]
    )
    connection.executemany(
        "DELETE FROM tokens WHERE token = ? AND number = ?", [(token, number) for token in commit.dropped_tokens]
    )
    connection.executemany("INSERT OR IGNORE INTO tokens VALUES (?, ?)", [(token, number) for token in commit.tokens])
    connection.executemany(
        "INSERT INTO deliveries (lane, sealed) VALUES (?, ?)", [(one.lane, one.sealed) for one in commit.deliveries]
    )
    if commit.known is not None:
        connection.execute("INSERT OR IGNORE INTO known VALUES (?)", (commit.known,))


def _insert_record(connection: sqlite3.Connection, commit: Commit) -> int:
    """Insert the first state of a record and its key; return the number that its other rows go by."""
    if commit.key is None:
        raise ValueError("the first commit of a record brings its key")
    row = (commit.record_id, 1, commit.sealed)
    _insert(connection, "INSERT INTO records (record_id, sequence, sealed) VALUES (?, ?, ?)", row, SequenceTaken)
    number: int = connection.execute("SELECT last_insert_rowid()").fetchone()[0]
    key = commit.key
    connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?)", (number, key.dek_id, key.kek_id, key.blob))
    return number


def _claim(connection: sqlite3.Connection, claim: bytes, number: int) -> None:
    inserted = connection.execute("INSERT OR IGNORE INTO claims VALUES (?, ?)", (claim, number))
    if inserted.rowcount != 1:
        holder: tuple[int, bytes] = connection.execute(
            "SELECT number, record_id FROM claims JOIN records USING (number) WHERE token = ?", (claim,)
        ).fetchone()
        if holder[0] != number:
            raise ClaimTaken(holder[1])


def _insert(
    connection: sqlite3.Connection, statement: str, row: tuple[Any, ...], conflict: Callable[[], Exception]
) -> None:
    try:
        connection.execute(statement, row)
    except sqlite3.IntegrityError:
        raise conflict() from None


def seconds(moment: datetime) -> int:
    """Return a moment as this file stores it: whole seconds since 1970."""
    return int(moment.timestamp())
