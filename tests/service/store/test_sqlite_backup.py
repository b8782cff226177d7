"""A copy is of one moment, whatever is written while it is made, and a failed one leaves nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from service.store.errors import StoreUnavailable
from service.store.port import StoredRecord
from service.store.sqlite import SqliteStore
from service.store.sqlite_backup import Copied, copy_out, files_of, move_into_place, put_together, remove
from tests.contracts.stores import Moment, commit, full_commit, new_chain, record_id
from tests.service.store.test_sqlite import OLDER

ONE, TWO, THREE = record_id(1), record_id(2), record_id(3)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "records.sqlite", new_chain(), Moment())
    await opened.commit(full_commit(ONE, 1))
    await opened.commit(commit(TWO, 1))
    yield opened
    await opened.close()


def silent(table: str, done: int, total: int) -> None:
    """Tell nobody."""


def places(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("place*"))


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in sorted(names)}


async def test_what_is_committed_while_it_is_made_is_not_in_it_by_halves(store: SqliteStore, tmp_path: Path) -> None:
    loop, told = asyncio.get_running_loop(), list[str]()
    sequences = iter(range(2, 100))
    before = tables(tmp_path / "records.sqlite")

    def tell(table: str, done: int, total: int) -> None:
        told.append(table)
        asyncio.run_coroutine_threadsafe(_change(store, next(sequences)), loop).result()

    content, keys, target = tmp_path / "content", tmp_path / "keys", tmp_path / "target.sqlite"
    # The first call comes after the copy has begun to read, so nothing of what is written meanwhile may be seen.
    copied = await asyncio.to_thread(copy_out, tmp_path / "records.sqlite", content, keys, tell)
    assert set(told) >= {"records", "versions", "audit", "tokens", "epochs"}
    assert copied == Copied(len(before["records"]), len(before["audit"]))
    assert await asyncio.to_thread(put_together, content, keys, target) == []
    after = tables(target)
    for name in before:
        if name != "sqlite_sequence":
            assert after[name] == before[name], name


async def _change(store: SqliteStore, sequence: int) -> None:
    """Commit a version of one record, and another record with a look-up token."""
    await store.commit(commit(ONE, sequence, replaced=b"before", audit=(b"%d" % sequence,)))
    await store.commit(commit(record_id(1000 + sequence), 1, tokens=frozenset({b"%016d" % sequence}), audit=(b"new",)))


async def test_keys_lie_in_a_file_of_their_own(store: SqliteStore, tmp_path: Path) -> None:
    content, keys = tmp_path / "content", tmp_path / "keys"
    copy_out(tmp_path / "records.sqlite", content, keys, silent)
    assert "keys" not in tables(content)
    assert set(tables(keys)) == {"keys"}
    assert [row[0] for row in tables(keys)["keys"]] == [ONE, TWO]
    assert content.stat().st_mode & 0o777 == keys.stat().st_mode & 0o777 == 0o600


async def test_a_record_without_a_key_leaves_nothing_behind(store: SqliteStore, tmp_path: Path) -> None:
    content, keys, target = tmp_path / "content", tmp_path / "keys", tmp_path / "target.sqlite"
    copy_out(tmp_path / "records.sqlite", content, keys, silent)
    with closing(sqlite3.connect(keys)) as connection, connection:
        connection.execute("DELETE FROM keys WHERE record_id = ?", (ONE,))
    assert put_together(content, keys, target) == [ONE]
    left = tables(target)
    for name in ("records", "heads", "keys", "claims", "tokens", "versions", "pieces"):
        assert len(left[name]) == (1 if name in ("records", "heads", "keys") else 0), name
    assert len(left["audit"]) == 2, "the audit stays"
    opened = await SqliteStore.open(target, new_chain(), Moment())
    found = await opened.fetch(TWO)
    assert isinstance(found, StoredRecord)
    assert await opened.fetch(ONE) is None
    await opened.close()


async def test_a_file_that_cannot_be_used_is_said(store: SqliteStore, tmp_path: Path) -> None:
    content, keys = tmp_path / "content", tmp_path / "keys"
    copy_out(tmp_path / "records.sqlite", content, keys, silent)
    with pytest.raises(StoreUnavailable):
        copy_out(tmp_path / "records.sqlite", content, tmp_path / "keys two", silent)
    with closing(sqlite3.connect(keys)) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StoreUnavailable, match="schema version 99"):
        put_together(content, keys, tmp_path / "target.sqlite")
    content.write_bytes(b"no database" * 100)
    with pytest.raises(StoreUnavailable):
        put_together(content, keys, tmp_path / "another.sqlite")


async def test_a_database_is_moved_where_none_is(store: SqliteStore, tmp_path: Path) -> None:
    content, keys, target = tmp_path / "content", tmp_path / "keys", tmp_path / "target.sqlite"
    copy_out(tmp_path / "records.sqlite", content, keys, silent)
    put_together(content, keys, target)
    for beside in files_of(tmp_path / "place.sqlite"):
        beside.write_bytes(b"")
        with pytest.raises(StoreUnavailable, match="there is a database"):
            move_into_place(target, tmp_path / "place.sqlite")
        beside.unlink()
    unfinished = files_of(target)[1]
    unfinished.write_bytes(b"not yet in the file")
    with pytest.raises(StoreUnavailable, match="still open"):
        move_into_place(target, tmp_path / "place.sqlite")
    unfinished.unlink()
    move_into_place(target, tmp_path / "place.sqlite")
    assert places(tmp_path) == ["place.sqlite"]
    assert not target.exists()
    remove(tmp_path / "place.sqlite")
    assert places(tmp_path) == []
    assert (tmp_path / "records.sqlite").exists()


async def test_a_copy_of_the_version_before_can_be_put_together(store: SqliteStore, tmp_path: Path) -> None:
    content, keys, target = tmp_path / "content", tmp_path / "keys", tmp_path / "target.sqlite"
    copy_out(tmp_path / "records.sqlite", content, keys, silent)
    with closing(sqlite3.connect(content)) as connection:
        connection.executescript(OLDER)
    with closing(sqlite3.connect(keys)) as connection:
        connection.execute("PRAGMA user_version=3")
    assert put_together(content, keys, target) == []
    left = tables(target)
    assert left["audit_indexed"] == [(2,)], "its entries have no tokens to look for"
    assert [row[-1] for row in left["audit"]] == [b"", b""]
    opened = await SqliteStore.open(target, new_chain(), Moment())
    assert await opened.fetch(ONE) is not None
    await opened.close()
