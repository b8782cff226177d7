"""Nothing is acknowledged before it is on the disk: not a write, not a read's audit entry, not a refusal's.

A test that kills the process passes with syncing off, for the kernel keeps what was written. So this one watches the
system calls: between the request and its status line everything written to the records' write-ahead log is synced.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.people import Json, Person, bare_patient, person, references_of
from tests.running import Running, parameters, running
from tests.tracing import Exchange, exchanges, needs_strace, service_calls, strace

WAL = "records.sqlite-wal"
Told = tuple[str, str, int]


def note(someone: Person, words: str) -> Json:
    """Return a small clinical resource that says something."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Comfort"},
        "subject": {"reference": someone.patient},
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "valueString": words,
    }


def play(service: Running) -> None:
    """Write, read and be refused, one request after the other."""
    gp, stranger = service.token("gp", "ZZGP01"), service.token("ambulance", "ZZAMB1")
    someone = person(9_100)
    answer = service.call("POST", "", gp, someone.bundle)
    someone.references = references_of(answer)
    for number in range(3):
        made = service.call(
            "POST", "/Observation", gp, note(someone, f"note {number}"), {"Idempotency-Key": f"k{number}"}
        )
        id = made.json()["id"]
        body = note(someone, "better") | {"id": id}
        service.call("PUT", f"/Observation/{id}", gp, body, {"If-Match": 'W/"1"'})
        service.call("PUT", f"/Observation/{id}", gp, body, {"If-Match": 'W/"1"'})
        service.call("GET", f"/Observation/{id}", gp)
        service.call("GET", f"/Observation/{id}/_history", gp)
        service.call("GET", f"/Observation?patient={someone.patient}", gp)
        service.emergency(gp, someone.nhs_number)
        service.emergency(stranger, someone.nhs_number)
        service.call("GET", f"/{someone.patient}", stranger)
        service.call("GET", "/Patient/nobody", gp)
        reason = '{"resourceType":"Provenance","reason":[{"text":"Recorded twice"}]}'
        deletion = {"If-Match": 'W/"2"', "X-Provenance": reason}
        service.call("DELETE", f"/Observation/{id}", gp, headers=deletion)
        service.call("GET", f"/Observation/{id}", gp)
    service.call("POST", "/Patient", service.token("hospice", "ZZHOS9"), bare_patient(someone))
    incident = parameters(nhsNumber=someone.nhs_number, organization="ZZAMB1", incident="INC-9")
    service.call("POST", "/$open-incident", service.token("system", "ZZCAD1"), incident)
    service.emergency(stranger, someone.nhs_number)


def play_in_public(service: Running) -> None:
    """Ask for what concerns nobody."""
    service.call("GET", "/metadata", None)
    service.call("GET", "/Patient/nobody", None)
    service.call("GET", "/Patient/nobody", "no token at all")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[Exchange]:
    """Every exchange with the FHIR base, as the kernel saw it."""
    home: Path = tmp_path_factory.mktemp("traced")
    trace = home / "trace"
    with running(home, prefix=strace(trace, *service_calls())) as service:
        play(service)
        play_in_public(service)
    with trace.open(errors="replace") as lines:
        return [exchange for exchange in exchanges(lines, WAL) if exchange.path.startswith("/fhir")]


def about_people(seen: list[Exchange]) -> list[Exchange]:
    """Return the exchanges that concern somebody: all but the three in public."""
    return seen[:-3]


@needs_strace
def test_the_trace_shows_every_exchange_with_its_status(seen: list[Exchange]) -> None:
    statuses = [exchange.status for exchange in seen]
    once = [201, 200, 412, 200, 200, 200, 200, 404, 404, 404, 204, 410]
    assert statuses == [200, *once * 3, 200, 201, 200, 200, 401, 401]
    assert [exchange.method for exchange in seen[:4]] == ["POST", "POST", "PUT", "PUT"]


@needs_strace
def test_everything_about_a_person_is_synced_before_its_answer_leaves(seen: list[Exchange]) -> None:
    assert [exchange for exchange in about_people(seen) if not exchange.durable] == []


@needs_strace
def test_the_same_look_finds_nothing_synced_where_nothing_has_to_be(seen: list[Exchange]) -> None:
    assert [exchange.durable for exchange in seen[-3:]] == [False, False, False]


# --- the look itself


def look(*lines: str) -> bool:
    """Say whether the one exchange of a trace is durable."""
    request = '7 read(22<socket:[1]>, "GET /fhir/R4/Patient/x HTTP/1.1\\r\\nHost"..., 256000) = 300'
    status = '7 write(22<socket:[1]>, "HTTP/1.1 200 OK\\r\\n"..., 300) = 300'
    (found,) = exchanges(iter((request, *lines, status)), WAL)
    return found.durable


LOGGED = '8 pwrite64(12</home/records.sqlite-wal>, "..."..., 8192, 32) = 8192'
SYNCED = "8 fdatasync(12</home/records.sqlite-wal>) = 0"
BEGUN = "8 fdatasync(12</home/records.sqlite-wal> <unfinished ...>"
ENDED = "8 <... fdatasync resumed>)              = 0"


@pytest.mark.parametrize(
    ("lines", "durable"),
    [
        ((LOGGED, SYNCED), True),
        ((LOGGED, BEGUN, '9 read(5<x>, "", 8) = 0', ENDED), True),
        ((), False),
        ((SYNCED,), False),
        ((LOGGED,), False),
        ((SYNCED, LOGGED), False),
        ((LOGGED, SYNCED, LOGGED), False),
        ((LOGGED, BEGUN), False),
        ((LOGGED, SYNCED.replace("= 0", "= -1 EIO (Input/output error)")), False),
        ((LOGGED, SYNCED.replace("records.sqlite-wal", "service.log")), False),
        ((LOGGED.replace("records.sqlite-wal", "service.log"), SYNCED), False),
        ((LOGGED, BEGUN, ENDED.replace("8 ", "9 ", 1)), False),
    ],
)
def test_only_what_was_written_and_then_synced_counts(lines: tuple[str, ...], durable: bool) -> None:
    assert look(*lines) is durable
