"""The door for 111 reports: stored before it is answered, filed once as an event, and no answer tells who is here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from adapters.safe_xml import MOST_BYTES, read_xml
from security.assertions import Asserted
from security.demo_clients import DEMO_CLIENTS
from security.principal import Purpose, Role
from tests.adapters.itk_messages import TEXT, cda, message
from tests.journeys.people import Person, ask_for_token, gp, person, posted
from tests.journeys.sync_world import until
from tests.running import Running, running
from tests.service.sync.partnered import ran

ORGANISATION = "ZZ1110"
INDEX = iter(range(7_600, 7_700))
DESCRIPTION = {
    "name": "nhs111",
    "kind": "itk-111",
    "title": "Example 111 service",
    "client": "demo-111",
    "owner": {"name": "Integration desk", "organisation": ORGANISATION},
    "gets": False,
    "sends": True,
    "limits": {"poll_every": 0.2},
    "settings": {"addressed_to": ["ZZREC1"]},
}


@pytest.fixture(scope="module")
def reporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with a 111 service as its partner."""
    folder: Path = tmp_path_factory.mktemp("partners")
    (folder / "nhs111.json").write_text(json.dumps(DESCRIPTION))
    with running(tmp_path_factory.mktemp("home"), EPACCS_PARTNERS=str(folder)) as service:
        yield service


def signed_in(service: Running, client: str, *, named: bool = False) -> str:
    """Return a token of a client's own: with nobody named, or as its clinician."""
    plain = DEMO_CLIENTS[client].asserted()
    asserted = plain if named else Asserted(plain.organisation, Role.SYSTEM, Purpose.TREAT)
    answer = ask_for_token(service, client, asserted)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def sent(service: Running, body: bytes, token: str | None = "", **headers: str) -> httpx.Response:
    token = signed_in(service, "demo-111") if token == "" else token
    said = {"Content-Type": "text/xml; charset=utf-8", **headers}
    return service.call("POST", f"{service.settings.base_url}/itk/nhs111-report", token, body, said)


def about(someone: Person, **more: Any) -> str:
    patient = someone.resource("Patient")
    family = next(one for one in patient["name"] if one.get("use") == "official")["family"]
    said = {"number": someone.nhs_number, "family": family, "born": patient["birthDate"].replace("-", ""), **more}
    return cda(**said)


def events(service: Running, someone: Person) -> list[dict[str, Any]]:
    answer = service.call("GET", f"/Communication?patient={someone.patient}", gp(service))
    assert answer.status_code == 200, answer.text
    found = [entry["resource"] for entry in answer.json().get("entry", ())]
    return [one for one in found if one["category"][0].get("text") == "NHS 111 report"]


def parked(service: Running) -> int:
    said = ran(service.settings.home, service.settings.partners or Path(), "status", "--json")
    (status,) = json.loads(said.stdout)
    return len(status["troubles"]) if isinstance(status["troubles"], list) else int(status["troubles"])


def fault_of(answer: httpx.Response) -> tuple[int, str]:
    root = read_xml(answer.content)
    (code,) = root.every("Body/Fault/faultcode")
    return answer.status_code, code.text


def test_a_report_of_an_open_incident_is_filed_once_as_an_event(reporting: Running) -> None:
    someone = posted(reporting, person(next(INDEX)))
    reporting.open_incident(someone.nhs_number, ORGANISATION)
    tracking = str(uuid4()).upper()
    script = "<text><paragraph>Rang.</paragraph><script>alert(1)</script>&lt;b&gt;not bold&lt;/b&gt;</text>"
    body = message(about(someone, sections=(("Summary", script), ("Advice", TEXT))), tracking=tracking)
    for _ in range(2):
        answer = sent(reporting, body)
        assert answer.status_code == 200, answer.text
        assert f"OK:{tracking}" in answer.text
    until(lambda: events(reporting, someone), "it is filed")
    assert sent(reporting, body).status_code == 200
    other = message(about(someone), tracking=str(uuid4()))
    assert sent(reporting, other).status_code == 200
    until(lambda: len(events(reporting, someone)) == 2, "another is another")
    first = next(one for one in events(reporting, someone) if len(one["payload"]) == 2)
    assert first["payload"][0]["contentString"] == "Summary: Rang.\n<b>not bold</b>"
    assert first["meta"]["source"].endswith(f"{ORGANISATION}#demo-111")
    assert first["sender"]["identifier"]["value"] == ORGANISATION


def test_answers_do_not_tell_who_is_here_and_who_is_somebody_else_is_parked(reporting: Running) -> None:
    known, other, closed = (posted(reporting, person(next(INDEX))) for _ in range(3))
    for someone in (known, other):
        reporting.open_incident(someone.nhs_number, ORGANISATION)
    before = parked(reporting)
    answers = [
        sent(reporting, message(document, tracking=f"T-{number}-{uuid4()}"[:60]))
        for number, document in enumerate(
            (about(known), about(other, family="Somebodyelse"), about(closed), cda(), cda(number=""))
        )
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({len(answer.content) for answer in answers}) == 1
    until(lambda: events(reporting, known), "the first is filed")
    until(lambda: parked(reporting) == before + 2, "the wrong name and the missing number wait for a person")
    assert events(reporting, other) == events(reporting, closed) == []


def test_a_report_is_stored_before_it_is_answered(tmp_path: Path) -> None:
    folder = tmp_path / "partners"
    folder.mkdir()
    slow = {**DESCRIPTION, "limits": {"poll_every": 600}}
    (folder / "nhs111.json").write_text(json.dumps(slow))
    with running(tmp_path / "home", EPACCS_PARTNERS=str(folder)) as service:
        someone = posted(service, person(next(INDEX)))
        service.open_incident(someone.nhs_number, ORGANISATION)
        until(lambda: _polled(service), "the engine has asked once, and asks again in ten minutes")
        assert sent(service, message(about(someone))).status_code == 200
        assert events(service, someone) == []
    (folder / "nhs111.json").write_text(json.dumps(DESCRIPTION))
    with running(tmp_path / "home", EPACCS_PARTNERS=str(folder)) as service:
        until(lambda: events(service, someone), "the next process files it")


def _polled(service: Running) -> bool:
    (status,) = json.loads(ran(service.settings.home, service.settings.partners or Path(), "status", "--json").stdout)
    return bool(status["served"])


def test_who_may_not_leave_reports_is_refused(reporting: Running) -> None:
    body = message(cda())
    assert fault_of(sent(reporting, body, None)) == (401, "soap:Client")
    assert fault_of(sent(reporting, body, "no token")) == (401, "soap:Client")
    hospice = signed_in(reporting, "demo-hospice")
    assert fault_of(sent(reporting, body, hospice)) == (403, "soap:Client")
    named = signed_in(reporting, "demo-111", named=True)
    assert fault_of(sent(reporting, body, named)) == (403, "soap:Client")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<a/>", 500),
        (message(before='<!DOCTYPE x [<!ENTITY a "b">]>'), 500),
        (message(to="urn:nhs-uk:addressing:ods:ZZOTH1"), 500),
        (b" " * (MOST_BYTES + 1), 413),
    ],
    ids=["no envelope", "entities", "not for us", "too large"],
)
def test_what_is_no_report_for_us_is_a_fault_that_repeats_nothing(reporting: Running, body: bytes, status: int) -> None:
    answer = sent(reporting, body)
    assert fault_of(answer) == (status, "soap:Client")
    assert "999" not in answer.text
    assert "ZZOTH1" not in answer.text
    assert fault_of(sent(reporting, message(cda()), **{"Content-Type": "application/json"})) == (500, "soap:Client")
