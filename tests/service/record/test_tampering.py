"""Whoever can write the database can make plans unreadable, never old, never another person's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from security.errors import HeadMismatch, SealBroken, SecurityError
from security.principal import Role
from service.record.access import Refused
from service.record.errors import RecordBroken
from service.record.records import INCIDENTS
from service.store.errors import StoreUnavailable
from tests.running import Running
from tests.service.record.house import House, create, doctor, note, patient, person, update

TABLES = ("records", "heads", "keys")


async def two_people(opened: House) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    """Store two people and return NHS number and record id of each."""
    found = []
    for index in (500, 501):
        number, someone = patient(index)
        await opened.write(create(someone))
        found.append((number, (await opened.record_of(number)).record_id))
    return found[0], found[1]


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns of a table besides those that say whose a row is."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    return [name for name in names if name not in ("number", "record_id")]


OF_RECORD = "number = (SELECT number FROM records WHERE record_id = ?)"


def swap(one: bytes, other: bytes, *tables: str, only: str = "") -> Callable[[sqlite3.Connection], None]:
    """Return the exchange of two records' rows in some tables, or of one column of them."""

    def exchange(connection: sqlite3.Connection) -> None:
        for table in tables:
            names = [only] if only else columns(connection, table)
            rows = {
                record: connection.execute(
                    f"SELECT {', '.join(names)} FROM {table} WHERE {OF_RECORD}", (record,)
                ).fetchone()
                for record in (one, other)
            }
            assigned = ", ".join(f"{name} = ?" for name in names)
            for record, taken in ((one, rows[other]), (other, rows[one])):
                connection.execute(f"UPDATE {table} SET {assigned} WHERE {OF_RECORD}", (*taken, record))

    return exchange


@pytest.mark.parametrize(
    ("tables", "error"),
    [
        (("records",), HeadMismatch),
        (("heads",), HeadMismatch),
        (("keys",), SealBroken),
        (("records", "heads"), HeadMismatch),
        (("records", "keys"), HeadMismatch),
        (("records", "heads", "keys"), HeadMismatch),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else value.__name__,
)
async def test_two_people_s_rows_cannot_be_exchanged(
    service_house: House, tables: tuple[str, ...], error: type[SecurityError]
) -> None:
    (number, one), (other_number, other) = await two_people(service_house)
    service_house.tamper(swap(one, other, *tables))
    for name in (number, other_number):
        with pytest.raises(error):
            await service_house.emergency(name)
    service_house.tamper(swap(one, other, *tables))
    assert (await service_house.emergency(number))[0]["identifier"][0]["value"] == number


async def test_a_look_up_token_that_leads_to_another_person_is_noticed(service_house: House) -> None:
    (number, one), (_, other) = await two_people(service_house)
    service_house.tamper(
        lambda connection: connection.execute(
            f"UPDATE claims SET number = (SELECT number FROM records WHERE record_id = ?) WHERE {OF_RECORD}",
            (other, one),
        )
    )
    with pytest.raises(RecordBroken):
        await service_house.emergency(number)


async def test_an_incident_register_put_in_the_place_of_another_is_noticed(service_house: House) -> None:
    incidents, crew = service_house.services.operations.incidents, doctor("ZZAMB1", Role.AMBULANCE)
    (number, _), (other_number, _) = await two_people(service_house)
    for named, organisation in ((number, "ZZAMB1"), (other_number, "ZZAMB2")):
        await incidents.open(doctor("ZZCR01", Role.SYSTEM), named, organisation, "INC-1")
    await service_house.emergency(number, crew)
    with pytest.raises(Refused):
        await service_house.emergency(other_number, crew)
    registers = [service_house.records.index.token(INCIDENTS, named) for named in (number, other_number)]

    def exchange(connection: sqlite3.Connection) -> None:
        rows = [connection.execute("SELECT number FROM claims WHERE token = ?", (one,)).fetchone() for one in registers]
        for token, (row,) in zip(registers, reversed(rows), strict=True):
            connection.execute("UPDATE claims SET number = ? WHERE token = ?", (row, token))

    service_house.tamper(exchange)
    for named in (number, other_number):
        with pytest.raises(RecordBroken):
            await service_house.emergency(named, crew)


async def test_an_older_state_of_a_record_is_refused(service_house: House) -> None:
    number, someone = patient(502)
    (subject,) = await service_house.write(create(someone))
    record_id = (await service_house.record_of(number)).record_id
    kept: list[tuple[object, ...]] = []
    service_house.tamper(
        lambda connection: kept.extend(
            connection.execute("SELECT sequence, sealed FROM records WHERE record_id = ?", (record_id,)).fetchall()
        )
    )
    await service_house.write(create(note(subject.reference, "newer")))
    service_house.tamper(
        lambda connection: connection.execute(
            "UPDATE records SET sequence = ?, sealed = ? WHERE record_id = ?", (*kept[0], record_id)
        )
    )
    with pytest.raises(HeadMismatch):
        await service_house.emergency(number)
    with pytest.raises(HeadMismatch):
        await service_house.write(create(note(subject.reference, "onto the older one")))
    # The same with the number of the newest, as somebody would try next.
    service_house.tamper(
        lambda connection: connection.execute("UPDATE records SET sequence = 2 WHERE record_id = ?", (record_id,))
    )
    with pytest.raises(HeadMismatch):
        await service_house.emergency(number)


@pytest.mark.parametrize("table", ["records", "heads", "keys"])
async def test_a_changed_byte_anywhere_is_noticed(service_house: House, table: str) -> None:
    number, someone = patient(503)
    await service_house.write(create(someone))
    column = {"records": "sealed", "heads": "digest", "keys": "blob"}[table]

    def flip(connection: sqlite3.Connection) -> None:
        value = bytearray(connection.execute(f"SELECT {column} FROM {table}").fetchone()[0])
        value[len(value) // 2] ^= 1
        connection.execute(f"UPDATE {table} SET {column} = ?", (bytes(value),))

    service_house.tamper(flip)
    with pytest.raises(SecurityError):
        await service_house.emergency(number)


@pytest.mark.parametrize("table", ["records", "heads", "keys"])
async def test_a_missing_row_is_never_an_empty_plan(service_house: House, table: str) -> None:
    number, someone = patient(504)
    await service_house.write(create(someone))
    service_house.tamper(lambda connection: connection.execute(f"DELETE FROM {table}"))
    with pytest.raises(StoreUnavailable):
        await service_house.emergency(number)


async def test_replaced_versions_cannot_be_exchanged_or_removed(service_house: House) -> None:
    _, someone = patient(505)
    (subject,) = await service_house.write(create(someone))
    (made,) = await service_house.write(create(note(subject.reference, "one")))
    await service_house.write(update(made.reference, 1, note(subject.reference, "two")))
    await service_house.write(update(made.reference, 2, note(subject.reference, "three")))

    def exchange(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE versions SET sequence = 107 - sequence")
        connection.execute("UPDATE versions SET sequence = sequence - 100")

    service_house.tamper(exchange)
    for version in (1, 2):
        with pytest.raises(SealBroken):
            await service_house.vread(made.reference, version)
    assert (await service_house.read(made.reference))["valueString"] == "three"
    service_house.tamper(lambda connection: connection.execute("DELETE FROM versions"))
    with pytest.raises(RecordBroken):
        await service_house.vread(made.reference, 1)


async def test_pieces_cannot_be_exchanged_or_removed(service_house: House) -> None:
    _, someone = patient(506, photo=[{"contentType": "image/png", "data": letter * 40_000} for letter in "AB"])
    (subject,) = await service_house.write(create(someone))

    def exchange(connection: sqlite3.Connection) -> None:
        (one, first), (other, second) = connection.execute("SELECT rowid, sealed FROM pieces").fetchall()
        connection.execute("UPDATE pieces SET sealed = ? WHERE rowid = ?", (second, one))
        connection.execute("UPDATE pieces SET sealed = ? WHERE rowid = ?", (first, other))

    service_house.tamper(exchange)
    with pytest.raises(SealBroken):
        await service_house.read(subject.reference)
    service_house.tamper(lambda connection: connection.execute("DELETE FROM pieces"))
    with pytest.raises(RecordBroken):
        await service_house.read(subject.reference)


def test_over_http_a_record_that_was_put_back_or_exchanged_is_503_and_shows_nobody(service: Running) -> None:
    token = service.token("gp", "ZZGP01")
    numbers, names, records = [], [], []
    database = sqlite3.connect(service.settings.home / "records.sqlite")
    for index in (510, 511):
        number, bundle = person(index)
        before = {row[0] for row in database.execute("SELECT record_id FROM records")}
        assert service.call("POST", "", token, bundle).status_code == 200
        (added,) = {row[0] for row in database.execute("SELECT record_id FROM records")} - before
        numbers.append(number)
        records.append(added)
        someone = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
        names.append(someone["name"][0]["family"])
    for tables, only in ((("records",), "sealed"), (TABLES, "")):
        exchange = swap(records[0], records[1], *tables, only=only)
        with database:
            exchange(database)
        for number in numbers:
            answer = service.emergency(token, number)
            assert answer.status_code == 503
            assert "Do not infer" in answer.text
            assert answer.headers["retry-after"]
            assert not any(word in answer.text for word in (*numbers, *names))
        with database:
            exchange(database)
        assert [service.emergency(token, number).status_code for number in numbers] == [200, 200]
    database.close()
