"""A restore is told from a database that was put back, and what an attacker makes of the statements is named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.backup.epoch import next_number
from service.backup.errors import BackupRefused
from service.store.epochs import StoredEpoch
from service.store.errors import StoreUnavailable
from service.verify.exported import Exported
from service.verify.findings import Finding
from tests.service.record.house import begin_epoch, house, note, update
from tests.service.verify.conftest import Past, Verifier, lived, put_back, rows, snapshot


@dataclass
class Restored:
    """A house after a restore: its verifier, and the database as it was before the restore, newer than the backup."""

    verifier: Verifier
    past: Past
    before: bytes
    backup: bytes


@pytest.fixture
async def restored(keys_home: Path, tmp_path: Path) -> AsyncIterator[Restored]:
    path, heads = tmp_path / "records.sqlite", tmp_path / "heads.jsonl"
    async with house(keys_home, path) as opened:
        past = await lived(opened)
        await Verifier(opened, tmp_path).exporter().export()
        backup = snapshot(path)
        await opened.write(update(past.note, 3, note(past.subject, "after the backup")))
        await opened.emergency(past.number)
        await Verifier(opened, tmp_path).exporter(clock=opened.opened.clock).finish()
        exporter = Verifier(opened, tmp_path).exporter()
        await exporter.export()
        await exporter.finish()
    before = snapshot(path)
    put_back(path, backup)
    async with house(keys_home, path) as opened:
        await begin_epoch(opened, 1, heads)
    async with house(keys_home, path) as opened:
        yield Restored(Verifier(opened, tmp_path), past, before, backup)


def epochs(number: int, what: str) -> Finding:
    return Finding("epochs", place=f"epoch {number}", what=what)


async def test_a_restore_is_no_alarm_and_says_how_much_it_left_behind(restored: Restored) -> None:
    verifier = restored.verifier
    verification = verifier.of(verifier.house.opened.store, verifier.heads_file)
    assert await verification.run() == []
    assert [epoch.number for epoch in verification.epochs] == [1]
    assert verification.left_behind == 2
    await verifier.house.write(update(restored.past.note, 3, note(restored.past.subject, "after the restore")))
    assert await verifier.findings(verifier.heads_file) == []
    assert await verifier.findings() == [], "without exported heads it is none either"


async def test_what_is_cut_off_after_a_restore_shows_as_ever(restored: Restored) -> None:
    verifier = restored.verifier
    verifier.house.tamper(lambda c: c.execute("DELETE FROM audit WHERE seq > 7"))
    (found,) = await verifier.findings(verifier.heads_file)
    assert (found.table, found.place, found.what) == (
        "audit",
        "8 to 9",
        "the chain ends before a head that was exported",
    )


@pytest.mark.parametrize("which", ["the backup", "what was there before the restore"])
async def test_a_database_put_back_to_before_the_restore_shows(
    restored: Restored, keys_home: Path, tmp_path: Path, which: str
) -> None:
    await restored.verifier.house.opened.store.close()
    put_back(tmp_path / "records.sqlite", restored.backup if which == "the backup" else restored.before)
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        found = await Verifier(opened, tmp_path).findings(tmp_path / "heads.jsonl")
    assert epochs(1, "is missing: the database is older than its last restore") in found


async def test_a_statement_in_the_database_that_nobody_exported_or_signed_is_named(restored: Restored) -> None:
    verifier = restored.verifier
    (statement,) = [row[0] for row in rows(verifier.house.path, "SELECT statement FROM epochs")]
    altered = json.loads(statement)
    altered["number"] = 2
    unsigned = json.dumps(altered).encode()
    verifier.house.tamper(
        lambda c: c.executemany("INSERT INTO epochs VALUES (?, ?)", [(2, unsigned), (3, statement), (4, b"nonsense")])
    )
    not_ours = "is not a statement of this deployment"
    assert await verifier.findings(verifier.heads_file) == [epochs(number, not_ours) for number in (2, 3, 4)]
    verifier.house.tamper(lambda c: c.execute("DELETE FROM epochs WHERE number > 1"))
    lines = verifier.heads_file.read_bytes().splitlines()
    elsewhere = verifier.folder / "elsewhere.jsonl"
    elsewhere.write_bytes(b"\n".join(line for line in lines if b'"epoch"' not in line))
    found = await verifier.findings(elsewhere)
    assert epochs(1, "is not among the exported heads") in found
    assert any(one.what == "the batch before this one is missing" for one in found)


async def test_a_statement_made_up_outside_is_not_believed(restored: Restored) -> None:
    verifier = restored.verifier
    lines = verifier.heads_file.read_bytes().splitlines()
    (genuine,) = [line for line in lines if b'"epoch"' in line]
    forged = json.loads(genuine)
    forged["number"], forged["began"] = 9, "2027-01-01T00:00:00.000Z"
    verifier.heads_file.write_bytes(b"\n".join([*lines, json.dumps(forged).encode()]) + b"\n")
    verifier.house.tamper(lambda c: c.execute("DELETE FROM audit WHERE seq > 7"))
    found = await verifier.findings(verifier.heads_file)
    assert [one.what for one in found] == [
        "the chain ends before a head that was exported",
        "is not signed with the key of this deployment",
    ]


async def test_a_service_does_not_start_on_a_restore_that_nobody_signed(
    restored: Restored, keys_home: Path, tmp_path: Path
) -> None:
    restored.verifier.house.tamper(lambda c: c.execute("UPDATE epochs SET statement = x'00'"))
    with pytest.raises(StoreUnavailable, match="last restore"):
        async with house(keys_home, tmp_path / "records.sqlite"):
            pass


async def test_records_that_were_erased_by_the_time_of_a_restore_are_not_missing(
    keys_home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "records.sqlite"
    async with house(keys_home, path) as opened:
        past = await lived(opened)

        def erase(connection: sqlite3.Connection) -> None:
            (number,) = connection.execute("SELECT number FROM records WHERE record_id = ?", (past.other,)).fetchone()
            for table in ("records", "heads", "keys", "claims", "tokens"):
                connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))

        opened.tamper(erase)
        await begin_epoch(opened, 1, tmp_path / "heads.jsonl")
        (found,) = await Verifier(opened, tmp_path).findings(tmp_path / "heads.jsonl")
        assert found.record == past.other.hex()
        await begin_epoch(opened, 2, tmp_path / "heads.jsonl", past.other)
        assert await Verifier(opened, tmp_path).findings(tmp_path / "heads.jsonl") == []


def test_the_number_of_an_epoch_is_above_every_one_that_is_known_or_said() -> None:
    stored, heads = [StoredEpoch(3, b"")], Exported(batches=1)
    assert next_number([], heads, None) == 1
    assert next_number(stored, heads, None) == 4
    assert next_number(stored, Exported(), 5) == 5
    for of, exported, given in (([], Exported(), None), (stored, heads, 3), (stored, heads, 1000)):
        with pytest.raises(BackupRefused):
            next_number(of, exported, given)
