"""A SQLite file copied while it is in use, and put together again from its copy.

The copy is of one moment: everything is read in one transaction, while readers and the writer go on. It takes two
files, content and wrapped keys, so that keys can be kept apart and for a shorter time: without its key a record of the
content is erased. Both are SQLite files that only this program opens.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.store.errors import StoreUnavailable
from service.store.machine import MachineMark
from service.store.sqlite_file import ALL_INDEXED, MIGRATIONS, PAGE_BYTES, SCHEMA, SCHEMA_VERSION, connect

KEYS_SCHEMA = """
CREATE TABLE keys (record_id BLOB PRIMARY KEY, dek_id BLOB NOT NULL, kek_id TEXT NOT NULL, blob BLOB NOT NULL)
  WITHOUT ROWID;
"""
_LARGE = ("records", "versions", "pieces", "audit")
"""Tables copied a page after the other, so that it can be told how far the copy is."""
_SMALL = (
    *("heads", "claims", "tokens", "known", "spent", "remembered", "deliveries", "leases", "counters", "epochs"),
    *("audit_tokens", "audit_indexed"),
)
_ROWS = 5_000
_OF_RECORD = ("versions", "pieces")
_OF_NUMBER = ("heads", "claims", "tokens", "records")

Tell = Callable[[str, int, int], None]
"""Hears which table is copied, how many of its rows are, and how many there are (0: not known)."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied."""

    records: int
    entries: int


def copy_out(source: Path, content: Path, keys: Path, tell: Tell) -> Copied:
    """Copy a database that may be in use into two new files, synced to disk; raise StoreUnavailable when it fails."""
    with _translated(), closing(connect(source)) as connection:
        _check_schema(connection, "main")
        _make(content, SCHEMA + "DROP TABLE keys; DELETE FROM audit_indexed;")
        _make(keys, KEYS_SCHEMA)
        for name, path in (("content", content), ("keyed", keys)):
            connection.execute(f"ATTACH ? AS {name}", (str(path),))
            # a copy that a crash cuts short is thrown away, so nothing of it need be undone or synced on the way
            connection.execute(f"PRAGMA {name}.journal_mode=OFF")
            connection.execute(f"PRAGMA {name}.synchronous=OFF")
        connection.execute("BEGIN")
        for table in _LARGE:
            _copy_pages(connection, table, tell)
        for table in _SMALL:
            tell(table, 0, 0)
            connection.execute(f"INSERT INTO content.{table} SELECT * FROM main.{table}")
        connection.execute(
            "INSERT INTO keyed.keys SELECT r.record_id, k.dek_id, k.kek_id, k.blob"
            " FROM main.keys k JOIN main.records r ON r.number = k.number"
        )
        copied = Copied(*(_count(connection, f"main.{table}") for table in ("records", "audit")))
        connection.execute("COMMIT")
    for path in (content, keys):
        _sync(path)
    return copied


def put_together(content: Path, keys: Path, target: Path) -> list[bytes]:
    """Make a database of a copy's two files; return the ids of records that the content has and the keys have not.

    These are erased: nothing could open them, and nothing of them is put into the database.

    Raises:
        StoreUnavailable: a file cannot be read or written, or is of another schema than this program's.

    """
    with _translated():
        _make(target, SCHEMA + "DELETE FROM audit_indexed;")
        with closing(connect(target)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            for name, path in (("content", content), ("keyed", keys)):
                connection.execute(f"ATTACH ? AS {name}", (str(path),))
                _check_schema(connection, name, oldest=min(MIGRATIONS))
            connection.execute("BEGIN")
            for table in (*_LARGE, *_SMALL):
                if columns := _columns(connection, f"content.{table}"):
                    connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM content.{table}")
            connection.execute(ALL_INDEXED)
            connection.execute(
                "INSERT INTO main.keys SELECT r.number, k.dek_id, k.kek_id, k.blob"
                " FROM keyed.keys k JOIN main.records r ON r.record_id = k.record_id"
            )
            erased = connection.execute(
                "SELECT record_id, number FROM records WHERE number NOT IN (SELECT number FROM main.keys)"
            ).fetchall()
            for record_id, number in erased:
                for table in _OF_RECORD:
                    connection.execute(f"DELETE FROM main.{table} WHERE record_id = ?", (record_id,))
                for table in _OF_NUMBER:
                    connection.execute(f"DELETE FROM main.{table} WHERE number = ?", (number,))
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _sync(target)
    return sorted(record_id for record_id, _ in erased)


def move_into_place(made: Path, target: Path) -> None:
    """Rename a closed database to where the service opens it; raise StoreUnavailable when something is there."""
    with _translated():
        if any(path.exists() for path in files_of(target)):
            raise StoreUnavailable(f"{target}: there is a database; move it away first, with the files beside it")
        if any(path.exists() and path.stat().st_size for path in files_of(made)[1:]):
            raise StoreUnavailable(f"{made}: is still open, or was not closed in order")
        made.rename(target)
        remove(made)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove(database: Path) -> None:
    """Delete a database with all files beside it."""
    for path in (*files_of(database), MachineMark(database).path):
        path.unlink(missing_ok=True)


def files_of(database: Path) -> list[Path]:
    """Return the files that make up a database, whether they are there or not."""
    return [database.with_name(f"{database.name}{end}") for end in ("", "-wal", "-shm")]


def _make(path: Path, schema: str) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.executescript(f"BEGIN;{schema}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")


def _copy_pages(connection: sqlite3.Connection, table: str, tell: Tell) -> None:
    total, done, after = _count(connection, f"main.{table}"), 0, -1
    while True:
        tell(table, done, total)
        (last,) = connection.execute(
            f"SELECT max(rowid) FROM (SELECT rowid FROM main.{table} WHERE rowid > ? ORDER BY rowid LIMIT {_ROWS})",
            (after,),
        ).fetchone()
        if last is None:
            return
        rows = f"SELECT * FROM main.{table} WHERE rowid > ? AND rowid <= ?"
        done += connection.execute(f"INSERT INTO content.{table} {rows}", (after, last)).rowcount
        after = last


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def _columns(connection: sqlite3.Connection, table: str) -> str:
    """Return the columns that a table of a copy has; none where the copy is older than the table."""
    schema, _, name = table.partition(".")
    return ", ".join(row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({name})").fetchall())


def _check_schema(connection: sqlite3.Connection, name: str, oldest: int = SCHEMA_VERSION) -> None:
    (version,) = connection.execute(f"PRAGMA {name}.user_version").fetchone()
    if not oldest <= version <= SCHEMA_VERSION:
        raise StoreUnavailable(f"the database has schema version {version}, this program knows {SCHEMA_VERSION}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable("a file of the database or of its backup cannot be read or written") from error
