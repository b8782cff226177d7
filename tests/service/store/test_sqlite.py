"""What is particular to the embedded store: its file, its settings, and what it says when the file cannot be used."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from security.audit_chain import Chain
from service.store import sqlite_file
from service.store.errors import StoreUnavailable
from service.store.port import SealedEntry, StoredPiece
from service.store.sqlite import SqliteStore
from service.store.sqlite_file import SCHEMA_VERSION
from tests.contracts.stores import CHAIN_KEY, Moment, commit, record_id, token

ONE = record_id(1)


def files_of(folder: Path) -> list[Path]:
    """Return the files in a folder that hold something: not the machine's mark, which comes and goes."""
    return [file for file in folder.iterdir() if "-machine" not in file.name]


async def opened(path: Path) -> SqliteStore:
    return await SqliteStore.open(path, Chain(CHAIN_KEY, b"c" * 16), Moment())


async def test_the_file_is_made_with_its_folder_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "records.sqlite"
    store = await opened(path)
    await store.commit(commit(ONE, 1))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files_of(path.parent)}
    await store.close()
    assert modes == dict.fromkeys(("records.sqlite", "records.sqlite-wal", "records.sqlite-shm"), 0o600)


async def test_after_closing_one_file_holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    store = await opened(path)
    await store.commit(commit(ONE, 1))
    await store.close()
    assert [file.name for file in files_of(tmp_path)] == ["records.sqlite"]
    store = await opened(path)
    assert await store.fetch(ONE) is not None
    await store.close()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),  # FULL: each commit is synced before it returns
        ("wal_autocheckpoint", 0),
        ("secure_delete", 1),
        ("temp_store", 2),  # MEMORY: nothing is spilled into a temporary file
    ],
)
async def test_every_connection_is_durable_and_keeps_nothing_in_temporary_files(
    tmp_path: Path, pragma: str, value: object
) -> None:
    store = await opened(tmp_path / "records.sqlite")
    connection = sqlite_file.connect(tmp_path / "records.sqlite")
    assert connection.execute(f"PRAGMA {pragma}").fetchone()[0] == value
    connection.close()
    await store.close()


async def test_a_schema_of_another_version_is_refused_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    await (await opened(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(StoreUnavailable, match=f"version {SCHEMA_VERSION + 1}"):
        await opened(path)


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"these are somebody's holiday pictures" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable):
        await opened(path)
    assert path.read_bytes() == before


async def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").mkdir()
    with pytest.raises(StoreUnavailable):
        await opened(tmp_path / "records.sqlite")


async def test_a_broken_database_never_looks_like_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    store = await opened(path)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE heads RENAME TO gone")
        connection.execute("ALTER TABLE versions RENAME TO gone_too")
    connection.close()
    with pytest.raises(StoreUnavailable):
        await store.fetch(ONE)
    with pytest.raises(StoreUnavailable):
        await store.replaced(ONE, 2)
    with pytest.raises(StoreUnavailable):
        await store.commit(commit(ONE, 1))
    await store.close()


async def test_deleted_rows_are_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    store = await opened(path)
    await store.commit(commit(ONE, 1, b"first sealed state", pieces=(StoredPiece(token("piece"), 0, b"piece"),)))
    await store.commit(commit(ONE, 2, b"second"))
    await store.close()
    assert b"first sealed state" not in path.read_bytes()
    assert b"second" in path.read_bytes()


OLDER = """ALTER TABLE audit DROP COLUMN tokens; DROP TABLE audit_tokens; DROP TABLE audit_indexed;
PRAGMA user_version=3;"""


async def test_a_file_of_the_version_before_is_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    store = await opened(path)
    await store.commit(commit(record_id(1), 1, audit=(b"before",)))
    await store.close()
    with sqlite3.connect(path) as connection:
        connection.executescript(OLDER)
    connection.close()
    again = await opened(path)
    assert await again.fetch(record_id(1)) is not None
    await again.append_audit(SealedEntry(b"after", token("of one")))
    await again.tidy()
    assert [one.linked.sealed for one in await again.audit_behind(b"", 10)] == [b"before", b"after"]
    assert [one.linked.sealed for one in await again.audit_carrying([token("of one")], b"", 10)] == [b"after"]
    await again.close()
    await (await opened(path)).close()


async def test_the_index_takes_up_everything_in_batches(tmp_path: Path) -> None:
    store = await opened(tmp_path / "records.sqlite")
    entries = [SealedEntry(b"%d" % number, token(f"of {number % 7}") + token("all")) for number in range(1_000)]
    await asyncio.gather(*map(store.append_audit, entries))
    before = await store.audit_carrying([token("of 3")], b"", 2_000)
    await store.tidy()
    with sqlite3.connect(tmp_path / "records.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM audit_tokens").fetchone() == (2_000,)
        assert connection.execute("SELECT filed FROM audit_indexed").fetchall() == [(1_000,)]
    connection.close()
    assert await store.audit_carrying([token("of 3")], b"", 2_000) == before
    assert len(before) == 143
    await store.close()
