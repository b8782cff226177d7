"""Somebody who can write the whole database, but has no key, is found out: each deed by its name, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from security.principal import Role
from service.record.access import Asked
from service.verify.findings import Finding, table
from tests.service.record.house import House, create, doctor, note, patient, update
from tests.service.verify.conftest import Past, Verifier, rows

Change = Callable[[sqlite3.Connection], object]
NUMBER = "(SELECT number FROM records WHERE record_id = ?)"


def exchange(name: str, key: str, one: object, other: object, *columns: str) -> Change:
    """Return the exchange of some columns of two rows."""

    def change(connection: sqlite3.Connection) -> None:
        listed = ", ".join(columns)
        kept = [
            connection.execute(f"SELECT {listed} FROM {name} WHERE {key} = ?", (which,)).fetchone()
            for which in (other, one)
        ]
        assigned = ", ".join(f"{column} = ?" for column in columns)
        for which, row in zip((one, other), kept, strict=True):
            connection.execute(f"UPDATE {name} SET {assigned} WHERE {key} = ?", (*row, which))

    return change


def numbers(verifier: Verifier, past: Past) -> tuple[int, int]:
    """Return the row numbers of the two people."""
    query = "SELECT number FROM records WHERE record_id = ?"
    (one,), (other,) = (rows(verifier.house.path, query, record)[0] for record in (past.one, past.other))
    return one, other


def of(past: Past, table: str, what: str, sequence: int = 4, place: str = "") -> Finding:
    return Finding(table, past.one.hex(), sequence, place=place, what=what)


def of_other(past: Past, table: str, what: str) -> Finding:
    return Finding(table, past.other.hex(), 2, what=what)


async def found(verifier: Verifier, *changes: Change) -> list[Finding]:
    for change in changes:
        verifier.house.tamper(change)
    return await verifier.findings()


async def test_an_untouched_database_has_nothing_wrong(verifier: Verifier, past: Past) -> None:
    verification = verifier.of(verifier.house.opened.store)
    assert await verification.run() == []
    assert (verification.checked, verification.chains, verification.entries) == (3, 1, 9)
    assert not verification.resume.path.exists()
    assert verifier.told[-1][:2] == ("records", 3)


@pytest.mark.parametrize(
    ("column", "table", "what"),
    [("sealed", "records", "is not what its head names"), ("blob", "keys", "is not the key of this record")],
)
async def test_contents_or_keys_of_two_people_exchanged(
    verifier: Verifier, past: Past, column: str, table: str, what: str
) -> None:
    change = exchange(table, "number", *numbers(verifier, past), column)
    assert await found(verifier, change) == sorted([of(past, table, what), of_other(past, table, what)])


async def test_heads_of_two_people_exchanged(verifier: Verifier, past: Past) -> None:
    change = exchange("heads", "number", *numbers(verifier, past), "sequence", "digest", "mac")
    what = "is not a head of this record"
    assert await found(verifier, change) == sorted([of(past, "heads", what), of_other(past, "heads", what)])


async def test_a_whole_person_in_the_place_of_another(verifier: Verifier, past: Past) -> None:
    """Rows, heads and keys all exchanged: that is, the two ids."""

    def change(connection: sqlite3.Connection) -> None:
        for before, after in ((past.one, b"?"), (past.other, past.one), (b"?", past.other)):
            connection.execute("UPDATE records SET record_id = ? WHERE record_id = ?", (after, before))

    what = "is not a head of this record"
    assert await found(verifier, change) == sorted(
        [
            Finding("heads", past.one.hex(), 2, what=what),
            Finding("heads", past.other.hex(), 4, what=what),
        ]
    )


@pytest.mark.parametrize("table", ["heads", "keys"])
async def test_a_head_or_key_removed(verifier: Verifier, past: Past, table: str) -> None:
    change: Change = lambda c: c.execute(f"DELETE FROM {table} WHERE number = {NUMBER}", (past.one,))  # noqa: E731
    assert await found(verifier, change) == [of(past, table, f"the record has no {table[:-1]}")]


async def test_a_record_removed_is_missed_by_the_audit(verifier: Verifier, past: Past) -> None:
    change: Change = lambda c: c.execute("DELETE FROM records WHERE record_id = ?", (past.other,))  # noqa: E731
    assert await found(verifier, change) == [
        Finding("records", past.other.hex(), what="is missing: the audit knows sequence 2")
    ]


async def test_a_version_removed(verifier: Verifier, past: Past) -> None:
    change: Change = lambda c: c.execute("DELETE FROM versions WHERE sequence = 3")  # noqa: E731
    assert await found(verifier, change) == [of(past, "versions", "is missing", 3)]


async def test_versions_exchanged_between_sequences(verifier: Verifier, past: Past) -> None:
    what = "does not open in this place"
    assert await found(verifier, exchange("versions", "sequence", 3, 4, "sealed")) == [
        of(past, "versions", what, 3),
        of(past, "versions", what, 4),
    ]


async def test_a_piece_removed_and_pieces_exchanged(verifier: Verifier, past: Past) -> None:
    ids = [row[0] for row in rows(verifier.house.path, "SELECT piece_id FROM pieces")]
    swap = exchange("pieces", "piece_id", *ids, "sealed")
    findings = await found(verifier, swap)
    what = "chunk 0 does not open in this place"
    assert findings == sorted(of(past, "pieces", what, place=one.hex()) for one in ids)
    verifier.house.tamper(swap)
    findings = await found(verifier, lambda c: c.execute("DELETE FROM pieces WHERE piece_id = ?", (ids[0],)))
    assert findings == [of(past, "pieces", "chunk 0 is missing", place=ids[0].hex())]


async def test_a_claim_that_leads_to_somebody_else(verifier: Verifier, past: Past) -> None:
    token = verifier.house.records.index.token("nhs-number", past.number)
    change: Change = lambda c: c.execute(  # noqa: E731
        f"UPDATE claims SET number = {NUMBER} WHERE token = ?", (past.other, token)
    )
    assert await found(verifier, change) == [of(past, "claims", "1 of 1 do not lead to this record")]


async def test_look_up_tokens_removed(verifier: Verifier, past: Past) -> None:
    change: Change = lambda c: c.execute(f"DELETE FROM tokens WHERE number = {NUMBER}", (past.one,))  # noqa: E731
    assert await found(verifier, change) == [of(past, "tokens", "16 of 16 do not lead to this record")]


async def earlier(verifier: Verifier, past: Past, *, only_registering: bool = False) -> tuple[Change, Change]:
    """Go on for one commit; return what puts the record back to before it, and what puts its head back.

    The commit changes a resource, or only registers another organisation as the person's, which makes no version.
    """
    path = verifier.house.path
    (record,) = rows(path, "SELECT sequence, sealed FROM records WHERE record_id = ?", past.one)
    (head,) = rows(path, f"SELECT sequence, digest, mac FROM heads WHERE number = {NUMBER}", past.one)
    if only_registering:
        await verifier.house.write(create(patient(700)[1]), caller=doctor("ZZHSP1", Role.HOSPICE))
    else:
        await verifier.house.write(update(past.note, 3, note(past.subject, "newer")))
    return (
        lambda c: c.execute("UPDATE records SET sequence = ?, sealed = ? WHERE record_id = ?", (*record, past.one)),
        lambda c: c.execute(
            f"UPDATE heads SET sequence = ?, digest = ?, mac = ? WHERE number = {NUMBER}", (*head, past.one)
        ),
    )


async def test_a_record_put_back_without_its_head(verifier: Verifier, past: Past) -> None:
    record, _ = await earlier(verifier, past)
    assert await found(verifier, record) == [of(past, "records", "is not the newest state: its head names sequence 5")]


async def test_a_head_put_back_without_its_record(verifier: Verifier, past: Past) -> None:
    _, head = await earlier(verifier, past)
    what = "is not the newest state: its head names sequence 4"
    assert await found(verifier, head) == [of(past, "records", what, 5)]


@pytest.mark.parametrize("only_registering", [False, True])
@pytest.mark.parametrize("read_after", [False, True])
async def test_record_and_head_put_back_together_are_shown_by_the_audit(
    verifier: Verifier, past: Past, read_after: bool, only_registering: bool
) -> None:
    record, head = await earlier(verifier, past, only_registering=only_registering)
    if read_after:
        await verifier.house.emergency(past.number)
    assert await found(verifier, record, head) == [of(past, "records", "was put back: the audit knows sequence 5")]


async def test_values_that_no_commit_writes_are_named_and_stop_nothing(verifier: Verifier, past: Past) -> None:
    findings = await found(
        verifier,
        lambda c: c.execute("UPDATE records SET sequence = 'four' WHERE record_id = ?", (past.one,)),
        lambda c: c.execute(f"DELETE FROM keys WHERE number = {NUMBER}", (past.other,)),
    )
    assert [(one.table, one.record) for one in findings] == sorted(
        [("records", past.one.hex()), ("keys", past.other.hex())]
    )


async def test_a_repeated_request_is_not_taken_for_a_lost_commit(verifier: Verifier, past: Past) -> None:
    """The audit has a write for it, and the record has no commit."""
    access = verifier.house.writing.access
    record = await verifier.house.record_of(past.number)
    decision = await access.decide(doctor(), record)
    await access.permit(doctor(), decision, Asked("transaction", (f"{past.note}/_history/3",)), record)
    assert await verifier.findings() == []


async def test_the_printed_table_has_ids_and_plain_words(verifier: Verifier, past: Past, service_house: House) -> None:
    findings = await found(verifier, lambda c: c.execute("DELETE FROM versions WHERE sequence = 3"))
    heading, row = table(findings)
    assert heading.split() == ["table", "record", "sequence", "what", "is", "wrong"]
    assert row.split() == ["versions", past.one.hex(), "3", "is", "missing"]
