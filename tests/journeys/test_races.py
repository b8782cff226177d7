"""Many writers at once, over real HTTP: nothing acknowledged is lost, nobody sees a conflict that is not theirs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.journeys.people import Json, Person, admitted, bare_patient, person, references_of
from tests.running import FHIR, Running

WRITERS, CHANGES = 16, 25
PEOPLE = 9_000
"""People of the races have indexes from here among those of the journeys."""

Send = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def gp(service: Running) -> str:
    """A token of the practice, which holds the records."""
    return service.token("gp", "ZZGP01")


@pytest.fixture
def hospice(service: Running) -> str:
    """A token of the hospice, which is in the care team of the plans."""
    return service.token("hospice", "ZZHSP1")


def race(service: Running, run: Callable[[Send], Awaitable[Any]]) -> Any:
    """Run writers that share no connection with one another: each request in flight has one of its own."""

    async def main() -> Any:
        limits = httpx.Limits(max_connections=WRITERS, max_keepalive_connections=WRITERS)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:

            async def send(method: str, path: str, token: str, body: Json, **headers: str) -> httpx.Response:
                sent = {**FHIR, "Authorization": f"Bearer {token}"}
                sent |= {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, f"{service.settings.fhir_base}{path}", json=body, headers=sent)

            return await run(send)

    return asyncio.run(main())


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


def current(service: Running, token: str, path: str) -> Json:
    """Read what must be there."""
    answer = service.call("GET", path, token)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_four_hundred_changes_of_one_person_by_two_organisations_are_all_there(
    service: Running, gp: str, hospice: str
) -> None:
    someone = admitted(service, PEOPLE)
    made: list[str] = []

    async def write(send: Send, writer: int) -> list[int]:
        token = (gp, hospice)[writer % 2]
        answer = await send("POST", "/Observation", token, note(someone, f"writer {writer}, change 1"))
        assert answer.status_code == 201, answer.text
        statuses = [answer.status_code]
        id, etag = answer.headers["location"].split("/")[-3], answer.headers["etag"]
        made.append(f"{writer}:{id}")
        for change in range(2, CHANGES + 1):
            body = note(someone, f"writer {writer}, change {change}") | {"id": id}
            answer = await send("PUT", f"/Observation/{id}", token, body, If_Match=etag, Prefer="return=minimal")
            assert answer.status_code == 200, answer.text
            statuses.append(answer.status_code)
            etag = answer.headers["etag"]
        return statuses

    async def all_writers(send: Send) -> list[list[int]]:
        return list(await asyncio.gather(*(write(send, writer) for writer in range(WRITERS))))

    statuses = Counter(status for writer in race(service, all_writers) for status in writer)
    assert statuses == {201: WRITERS, 200: WRITERS * (CHANGES - 1)}
    for entry in made:
        writer, id = entry.split(":")
        history = current(service, (hospice, gp)[int(writer) % 2], f"/Observation/{id}/_history")
        said = [version["resource"]["valueString"] for version in history["entry"]]
        assert said == [f"writer {writer}, change {change}" for change in range(CHANGES, 0, -1)]
        versions = [version["resource"]["meta"]["versionId"] for version in history["entry"]]
        assert versions == [str(version) for version in range(CHANGES, 0, -1)]


def test_of_sixteen_writers_on_one_version_one_writes_and_the_others_are_told(
    service: Running, gp: str, hospice: str
) -> None:
    someone = admitted(service, PEOPLE + 1)
    answer = service.call("POST", "/Observation", gp, note(someone, "before"))
    id = answer.json()["id"]

    async def all_writers(send: Send) -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                send(
                    "PUT",
                    f"/Observation/{id}",
                    (gp, hospice)[writer % 2],
                    note(someone, f"by {writer}") | {"id": id},
                    If_Match='W/"1"',
                )
                for writer in range(WRITERS)
            )
        )

    answers = race(service, all_writers)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: WRITERS - 1}
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    now = current(service, gp, f"/Observation/{id}")
    assert (now["valueString"], now["meta"]["versionId"]) == (winner["valueString"], "2")
    assert current(service, gp, f"/Observation/{id}/_history")["total"] == 2
    assert {answer.headers["etag"] for answer in answers} == {'W/"2"'}


def test_sixteen_creates_for_one_nhs_number_make_one_person(service: Running) -> None:
    someone = person(PEOPLE + 2)
    organisations = [("gp", "ZZGP01"), ("hospice", "ZZHSP1"), ("hospital", "ZZHOS1"), ("community", "ZZCOM1")]
    tokens = [service.token(role, organisation) for role, organisation in organisations]

    async def all_writers(send: Send) -> list[httpx.Response]:
        return await asyncio.gather(
            *(send("POST", "/Patient", tokens[writer % 4], bare_patient(someone)) for writer in range(WRITERS))
        )

    answers = race(service, all_writers)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: WRITERS - 1}
    assert len({answer.headers["location"].partition("/_history")[0] for answer in answers}) == 1
    # Each of the four organisations that were answered has taken the person on, and finds one Patient.
    for token in tokens:
        identifier = f"https://fhir.nhs.uk/Id/nhs-number|{someone.nhs_number}"
        answer = service.client.post(
            f"{service.settings.fhir_base}/Patient/_search",
            data={"identifier": identifier},
            headers={"Authorization": f"Bearer {token}"},
        )
        found = answer.json()
        assert found["total"] == 1
        assert found["entry"][0]["resource"]["meta"]["versionId"] == "1"


def test_sixteen_repetitions_of_one_request_have_one_effect(service: Running, gp: str) -> None:
    someone = admitted(service, PEOPLE + 3)

    async def all_writers(send: Send) -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                send("POST", "/Observation", gp, note(someone, "said once"), Idempotency_Key="race-1")
                for _ in range(WRITERS)
            )
        )

    answers = race(service, all_writers)
    assert Counter(answer.status_code for answer in answers) == {201: WRITERS}
    assert len({(answer.headers["location"], answer.headers["etag"], answer.text) for answer in answers}) == 1
    searched = current(service, gp, f"/Observation?patient={someone.patient}")
    said = [entry["resource"].get("valueString") for entry in searched["entry"]]
    assert said.count("said once") == 1


def test_sixteen_repetitions_of_a_whole_plan_make_one_person(service: Running, gp: str) -> None:
    someone = person(PEOPLE + 4)

    async def all_writers(send: Send) -> list[httpx.Response]:
        return await asyncio.gather(
            *(send("POST", "", gp, someone.bundle, Idempotency_Key="race-2") for _ in range(WRITERS))
        )

    answers = race(service, all_writers)
    assert Counter(answer.status_code for answer in answers) == {200: WRITERS}
    assert len({answer.text for answer in answers}) == 1
    entries = answers[0].json()["entry"]
    assert len(entries) == len(someone.bundle["entry"])
    allergies = current(service, gp, f"/AllergyIntolerance?patient={_patient_of(answers[0])}")
    assert allergies["total"] == 1


def _patient_of(answer: httpx.Response) -> str:
    return next(one for one in references_of(answer) if one.startswith("Patient/"))
