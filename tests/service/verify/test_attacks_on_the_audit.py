"""Entries removed, changed, moved, repeated, cut off, and whole databases put back."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from security.audit_chain import Chain
from service.verify.findings import Finding
from tests.service.record.house import House, house, note, person, update
from tests.service.verify.conftest import Past, Verifier, lived, put_back, rows, snapshot

LAST = 9
"""Entries that `lived` leaves in the only chain."""


def audit(chain: str, place: str, what: str) -> Finding:
    return Finding("audit", chain=chain, place=place, what=what)


@pytest.fixture
def chain(verifier: Verifier, past: Past) -> str:
    ((found,),) = rows(verifier.house.path, "SELECT DISTINCT chain FROM audit")
    return bytes(found).hex()


HIDDEN = "its look-up tokens are not those of the entry: it is missing in the log of a person or an organisation"
MISSING, EDIT = "entries are missing", "is not what was filed in this place"
ATTACKS: dict[str, tuple[list[str], list[tuple[str, str]]]] = {
    "deleted": (["DELETE FROM audit WHERE seq IN (3, 4)"], [("3 to 4", MISSING)]),
    "deleted from the front": (["DELETE FROM audit WHERE seq < 3"], [("1 to 2", MISSING)]),
    "altered": (["UPDATE audit SET sealed = zeroblob(length(sealed)) WHERE seq = 5"], [("5", EDIT)]),
    "mac altered": (["UPDATE audit SET mac = zeroblob(32) WHERE seq = 5"], [("5", EDIT)]),
    "another's content": (
        ["UPDATE audit SET sealed = (SELECT sealed FROM audit WHERE seq = 7) WHERE seq = 2"],
        [("2", EDIT)],
    ),
    "rows reordered": (
        [f"UPDATE audit SET filed = {after} WHERE filed = {before}" for before, after in ((4, 99), (5, 4), (99, 5))],
        [("4", "stands behind a later entry")],
    ),
    "numbers exchanged": (
        [f"UPDATE audit SET seq = {after} WHERE seq = {before}" for before, after in ((4, 99), (5, 4), (99, 5))],
        [("4 to 6", EDIT), ("4", "stands behind a later entry")],
    ),
    "repeated": (
        ["INSERT INTO audit (chain, seq, mac, sealed) SELECT chain, seq, mac, sealed FROM audit WHERE seq = 3"],
        [("3", "another entry has this place")],
    ),
    "made up": (
        ["INSERT INTO audit (chain, seq, mac, sealed) SELECT chain, 10, zeroblob(32), sealed FROM audit WHERE seq = 3"],
        [("10", EDIT)],
    ),
    "moved to another chain": (
        [f"UPDATE audit SET chain = x'{'77' * 16}'"],
        [("1 to 9", EDIT)],
    ),
    "hidden from a log": (["UPDATE audit SET tokens = zeroblob(64) WHERE seq = 5"], [("5", HIDDEN)]),
    "cut off": (["DELETE FROM audit WHERE seq > 7"], []),
    "nonsense": (["UPDATE audit SET seq = 'x' WHERE seq = 9"], [("", "a row holds values that are no entry")]),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_each_deed_is_named_by_its_place(verifier: Verifier, past: Past, chain: str, name: str) -> None:
    statements, expected = ATTACKS[name]
    assert await verifier.findings() == []
    verifier.house.tamper(lambda c: [c.execute(statement) for statement in statements])
    where = {"moved to another chain": "77" * 16, "nonsense": ""}.get(name, chain)
    assert await verifier.findings() == sorted(audit(where, place, what) for place, what in expected)


async def test_an_end_that_was_cut_off_shows_with_an_exported_head_alone(
    verifier: Verifier, past: Past, chain: str
) -> None:
    await verifier.exporter().export()
    verifier.house.tamper(lambda c: c.execute("DELETE FROM audit WHERE seq > 7"))
    assert await verifier.findings() == []
    ended = audit(chain, "8 to 9", "the chain ends before a head that was exported")
    assert await verifier.findings(verifier.heads_file) == [ended]
    verifier.house.tamper(lambda c: c.execute("DELETE FROM audit"))
    gone = audit(chain, "1 to 9", "the chain ends before a head that was exported")
    assert await verifier.findings(verifier.heads_file) == [gone]


async def test_a_chain_written_anew_by_somebody_with_the_keys_shows_with_an_exported_head_alone(
    verifier: Verifier, past: Past, chain: str
) -> None:
    await verifier.exporter().export()
    filed = rows(verifier.house.path, "SELECT sealed, tokens FROM audit ORDER BY filed")
    anew = Chain(verifier.house.opened.keys.audit_chain.active, bytes.fromhex(chain))
    put = (*filed[:3], filed[4], *filed[4:])
    linked = [anew.link(sealed) for sealed, _ in put]
    changed = [(one.mac, one.sealed, tokens, one.seq) for one, (_, tokens) in zip(linked, put, strict=True)]
    statement = "UPDATE audit SET mac = ?, sealed = ?, tokens = ? WHERE seq = ?"
    verifier.house.tamper(lambda c: c.executemany(statement, changed))
    assert await verifier.findings() == []
    other = audit(chain, str(LAST), "is another entry than the exported head saw")
    assert await verifier.findings(verifier.heads_file) == [other]


async def test_record_head_and_audit_put_back_together_show_with_an_exported_head(
    verifier: Verifier, past: Past, chain: str
) -> None:
    older = verifier.folder / "older.sqlite"
    older.write_bytes(snapshot(verifier.house.path))
    await verifier.house.write(update(past.note, 3, note(past.subject, "newer")))
    await verifier.exporter().export()

    def put_rows_back(connection: sqlite3.Connection) -> None:
        connection.commit()
        connection.execute("ATTACH ? AS older", (str(older),))
        for name in ("records", "heads", "audit", "versions"):
            connection.execute(f"DELETE FROM main.{name}")
            connection.execute(f"INSERT INTO main.{name} SELECT * FROM older.{name}")

    verifier.house.tamper(put_rows_back)
    assert await verifier.findings() == []
    assert await verifier.findings(verifier.heads_file) == [
        audit(chain, "10", "the chain ends before a head that was exported")
    ]


async def test_a_whole_database_put_back_shows_with_exported_heads_alone(keys_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"

    async def during(work: Callable[[House, Verifier], Awaitable[None]]) -> list[Finding]:
        async with house(keys_home, path) as opened:
            verifier = Verifier(opened, tmp_path)
            await work(opened, verifier)
            return await verifier.findings(verifier.heads_file if verifier.heads_file.exists() else None)

    async def begin(opened: House, verifier: Verifier) -> None:
        await lived(opened)

    async def go_on(opened: House, verifier: Verifier) -> None:
        await opened.post(person(702)[1])
        await verifier.exporter().export()

    async def nothing(opened: House, verifier: Verifier) -> None:
        """Only look."""

    assert await during(begin) == []
    before = snapshot(path)
    assert await during(go_on) == []
    ((newest,),) = rows(path, "SELECT chain FROM audit ORDER BY filed DESC LIMIT 1")
    put_back(path, before)
    ended = "the chain ends before a head that was exported"
    assert await during(nothing) == [audit(newest.hex(), "1", ended)]
    # The service goes on upon the older database with a chain of its own: what is gone stays gone.
    assert await during(go_on) == [audit(newest.hex(), "1", ended)]
    (tmp_path / "heads.jsonl").unlink()
    assert await during(nothing) == []
