"""Whatever is answered about a person stands in the audit before the answer leaves, refusals included, and once."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import msgspec
import pytest

from security.audit import EventKind, Outcome
from tests.journeys.audit import entries_of
from tests.journeys.people import (
    DR_TESTWICK,
    Person,
    admitted,
    bare_patient,
    cpr_decision,
    crew,
    gp,
    sharing,
)
from tests.running import Running


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """Somebody with an open incident, whose CPR decision is at version 2."""
    found = admitted(service, 980)
    service.open_incident(found.nhs_number)
    current = service.call("GET", f"/{found.cpr()}", gp(service)).json()
    assert service.call("PUT", f"/{found.cpr()}", gp(service), current, {"If-Match": 'W/"1"'}).status_code == 200
    return found


_STALE = {"If-Match": 'W/"1"'}
_READS: dict[str, Callable[[Running, Person], httpx.Response]] = {
    "read": lambda service, one: service.call("GET", f"/{one.cpr()}", gp(service)),
    "vread": lambda service, one: service.call("GET", f"/{one.cpr()}/_history/1", gp(service)),
    "history-instance": lambda service, one: service.call("GET", f"/{one.cpr()}/_history", gp(service)),
    "search-type": lambda service, one: service.call("GET", f"/Observation?patient={one.patient}", gp(service)),
    "$emergency-summary": lambda service, one: service.emergency(gp(service), one.nhs_number),
}


@pytest.mark.parametrize("interaction", _READS)
def test_what_was_read(service: Running, someone: Person, interaction: str) -> None:
    answer = _READS[interaction](service, someone)

    (entry,) = entries_of(service, answer)

    assert answer.status_code == 200
    assert (entry.outcome, entry.permitted, entry.interaction) == (Outcome.SUCCESS, True, interaction)
    assert (entry.organisation, entry.role, entry.purpose) == ("ZZGP01", "gp", "TREAT")
    assert (entry.user_id, entry.user_name, entry.client_id) == (DR_TESTWICK.id, DR_TESTWICK.name, "demo-gp")
    assert entry.patient == someone.patient
    assert entry.policy_hash
    assert entry.decision_id


_REFUSALS: dict[str, tuple[int, Callable[[Running, Person], httpx.Response]]] = {
    "a stranger": (
        404,
        lambda service, one: service.call("GET", f"/{one.cpr()}", service.token("hospital", "ZZHOS9")),
    ),
    "a stranger's search": (
        200,
        lambda service, one: service.call(
            "GET", f"/Observation?patient={one.patient}", service.token("hospital", "ZZHOS9")
        ),
    ),
    "about nobody": (404, lambda service, one: service.emergency(crew(service), "9990000018")),
    "by purpose": (403, lambda service, one: service.emergency(service.token("researcher", "ZZGP01"), one.nhs_number)),
    "taking on by whom it is not for": (
        403,
        lambda service, one: service.call("POST", "/Patient", service.token("care_home", "ZZCH01"), bare_patient(one)),
    ),
}


@pytest.mark.parametrize("who", _REFUSALS)
def test_who_was_refused(service: Running, someone: Person, who: str) -> None:
    status, ask = _REFUSALS[who]
    answer = ask(service, someone)

    (entry,) = entries_of(service, answer)

    assert answer.status_code == status
    assert (entry.kind, entry.outcome, entry.permitted) == (EventKind.DECISION, Outcome.REFUSED, False)
    assert entry.rule


_BROKEN_RULES: dict[str, tuple[int, Callable[[Running, Person], httpx.Response]]] = {
    "a stale version": (
        412,
        lambda service, one: service.call(
            "PUT", f"/{one.cpr()}", gp(service), service.call("GET", f"/{one.cpr()}", gp(service)).json(), _STALE
        ),
    ),
    "a rival decision": (
        409,
        lambda service, one: service.call("POST", "/Observation", gp(service), cpr_decision(one, "450475007")),
    ),
    "not this role's to write": (
        403,
        lambda service, one: service.call("POST", "/Consent", crew(service), sharing(one, "permit")),
    ),
    "another birth date": (
        422,
        lambda service, one: service.call("POST", "/Patient", gp(service), bare_patient(one, birthDate="1901-01-01")),
    ),
    "what is deleted": (
        410,
        lambda service, one: service.call(
            "PUT", f"/Flag/{_deleted(service, one)}", gp(service), _flag(one, _deleted(service, one)), _STALE
        ),
    ),
}


def _flag(someone: Person, id: str = "") -> dict[str, object]:
    flag: dict[str, object] = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "Oxygen in the house"},
        "subject": {"reference": someone.patient},
    }
    return {**flag, "id": id} if id else flag


def _deleted(service: Running, someone: Person) -> str:
    """Return the id of a Flag that was made and deleted, made once for this person."""
    if someone.patient not in _FLAGS:
        id = str(service.call("POST", "/Flag", gp(service), _flag(someone)).json()["id"])
        why = {"X-Provenance": '{"resourceType":"Provenance","reason":[{"text":"Not theirs"}]}'}
        assert service.call("DELETE", f"/Flag/{id}", gp(service), None, _STALE | why).status_code == 204
        _FLAGS[someone.patient] = id
    return _FLAGS[someone.patient]


_FLAGS: dict[str, str] = {}


@pytest.mark.parametrize("rule", _BROKEN_RULES)
def test_what_was_told_to_a_writer_who_broke_a_rule(service: Running, someone: Person, rule: str) -> None:
    status, write = _BROKEN_RULES[rule]
    answer = write(service, someone)

    (entry,) = entries_of(service, answer)

    assert answer.status_code == status, answer.text
    assert (entry.outcome, entry.patient) == (Outcome.REFUSED, someone.patient)


def test_what_was_written(service: Running, someone: Person) -> None:
    answer = service.call("POST", "/Flag", gp(service), _flag(someone))

    (entry,) = entries_of(service, answer)

    assert (entry.kind, entry.outcome) == (EventKind.CREATE, Outcome.SUCCESS)
    assert entry.references == (f"Flag/{answer.json()['id']}/_history/1",)


def test_nothing_of_the_plan_stands_in_an_entry(service: Running, someone: Person) -> None:
    answer = service.call("GET", f"/Observation?patient={someone.patient}&code=304251008", gp(service))

    (entry,) = entries_of(service, answer)

    words = msgspec.json.encode(entry).decode()
    assert entry.search_parameters == ("code", "patient")
    for secret in (someone.nhs_number, "304251008", someone.resource("Patient")["name"][0]["family"]):
        assert secret not in words
