"""The clock tells nobody who has a plan: to refuse costs as much for an absent person as for one who is there (I3).

What is compared is the time that the service computes, as the kernel counts it for its process: the time on a wall
holds whatever else this machine does. Both kinds are asked in turn, so that what changes meanwhile changes for both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from urllib.parse import quote

import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from tests.journeys.people import Person, admitted, crew, gp, nhs_number, sharing
from tests.running import Running

PEOPLE = 10
ROUNDS = 50
"""Of ten questions each: five hundred of either kind."""
WITHIN = 0.10
MEASURED = 5
"""Times at most. Processes that share caches with the service move a median by some hundredths, each time otherwise; a
step that one kind is spared moves it the same way every time."""

Whom = tuple[str, str]
Ask = Callable[[Running, str, str, str], int]


def _emergency(service: Running, token: str, nhs_number: str, reference: str) -> int:
    return service.emergency(token, nhs_number).status_code


def _read(service: Running, token: str, nhs_number: str, reference: str) -> int:
    return service.call("GET", f"/{reference}", token).status_code


def _history(service: Running, token: str, nhs_number: str, reference: str) -> int:
    return service.call("GET", f"/{reference}/_history", token).status_code


def _search(service: Running, token: str, nhs_number: str, reference: str) -> int:
    """Answer 404 for an empty set: found nobody, as the other questions have it."""
    answer = service.call("GET", f"/Patient?identifier={quote(f'{NHS_NUMBER_SYSTEM}|{nhs_number}')}", token)
    return 404 if answer.status_code == 200 and answer.json()["total"] == 0 else answer.status_code


def _update(service: Running, token: str, nhs_number: str, reference: str) -> int:
    resource = {
        "resourceType": "Patient",
        "id": reference.removeprefix("Patient/"),
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": nhs_number}],
        "name": [{"family": "Testley", "given": ["Ada"]}],
        "birthDate": "1940-05-06",
    }
    return service.call("PUT", f"/{reference}", token, resource, {"If-Match": 'W/"1"'}).status_code


def _create(service: Running, token: str, nhs_number: str, reference: str) -> int:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Comfort"},
        "subject": {"reference": reference},
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "valueString": "Sleeps well",
    }
    return service.call("POST", "/Observation", token, resource).status_code


def _computed(service: Running) -> int:
    """Return how long the service's threads have run, in nanoseconds."""
    threads = Path(f"/proc/{service.process.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)


@pytest.fixture(scope="module")
def people(service: Running) -> list[Person]:
    """People who have a plan and refuse to share it."""
    found = [admitted(service, 8_500 + number) for number in range(PEOPLE)]
    for someone in found:
        assert service.call("POST", "/Consent", gp(service), sharing(someone, "deny")).status_code == 201
    return found


@pytest.mark.parametrize("ask", [_emergency, _read, _history, _search, _update, _create])
def test_to_refuse_costs_the_same_whether_or_not_there_is_a_plan(
    service: Running, people: list[Person], ask: Ask
) -> None:
    token = crew(service)
    there = [(someone.nhs_number, someone.patient) for someone in people]
    absent = [(nhs_number(8_600 + n), f"Patient/00000000-0000-4000-8000-{n:012}") for n in range(PEOPLE)]

    ratios = []
    for _ in range(MEASURED):
        ratios.append(_ratio(service, lambda whom: ask(service, token, *whom), there, absent))
        if abs(ratios[-1] - 1) < WITHIN:
            return
    pytest.fail(f"refusing who is there takes {ratios} of what an absent person takes")


def _ratio(service: Running, asked: Callable[[Whom], int], there: list[Whom], absent: list[Whom]) -> float:
    taken: dict[str, list[int]] = {"there": [], "absent": []}
    for turn in range(ROUNDS):
        kinds = [("there", there), ("absent", absent)]
        for kind, people in kinds if turn % 2 else reversed(kinds):
            before = _computed(service)
            assert {asked(one) for one in people} == {404}
            taken[kind].append(_computed(service) - before)
    return median(taken["there"]) / median(taken["absent"])
