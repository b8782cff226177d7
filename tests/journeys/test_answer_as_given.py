"""What a crew was told once, for a privacy officer: the same answer, whatever was written, refused or deleted since."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.people import Person, admitted, gp, nhs_number, sharing
from tests.journeys.test_deletion import remove
from tests.running import Running, parameters

OFFICER = ("privacy_officer", "ZZGP01")
Json = dict[str, Any]
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SOURCE_SYNC = "https://epaccs.example.org/fhir/StructureDefinition/source-sync"


def crew(service: Running, someone: Person) -> Json:
    """Let a crew that was sent ask, and return what it was told."""
    service.open_incident(someone.nhs_number)
    answer = service.emergency(service.token("ambulance", "ZZAMB1"), someone.nhs_number)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def events(service: Running, someone: Person, word: str = "$emergency-summary") -> list[str]:
    """Return the entries of the person's log that are of an interaction, newest first."""
    log = service.call("GET", f"/AuditEvent?entity={someone.patient}&_count=100", service.token(*OFFICER)).json()
    return [f"AuditEvent/{one['resource']['id']}" for one in log.get("entry", ()) if f'"{word}"' in _text(one)]


def _text(value: Any) -> str:
    return str(value).replace("'", '"')


def asks(service: Running, patient: str, event: str, token: str = "") -> Any:
    """Ask for an answer as it was given."""
    body = parameters(patient=patient, event=event)
    return service.call("POST", "/Patient/$answer-as-given", token or service.token(*OFFICER), body)


def told(answer: Json) -> Json:
    """Return an answer without when sources were heard from, which is not kept."""
    composition = answer["entry"][0]["resource"]
    composition["extension"] = [one for one in composition["extension"] if one["url"] != SOURCE_SYNC]
    return answer


def _lives_on(service: Running, someone: Person) -> None:
    """Let things be written, changed, deleted and refused."""
    writer = gp(service)
    allergy = someone.reference("AllergyIntolerance")
    assert remove(service, allergy).status_code == 204
    decision = service.call("GET", f"/{someone.cpr()}", writer).json()
    decision["note"] = [{"text": "Said again a day later"}]
    changed = service.call("PUT", f"/{someone.cpr()}", writer, decision, {"If-Match": 'W/"1"'})
    assert changed.status_code == 200, changed.text
    patient = service.call("GET", f"/{someone.patient}", writer).json()
    patient["telecom"] = [{"system": "phone", "value": "01632 960999"}]
    assert service.call("PUT", f"/{someone.patient}", writer, patient, {"If-Match": 'W/"1"'}).status_code == 200
    assert service.call("POST", "/Consent", writer, sharing(someone, "deny")).status_code == 201


def test_it_is_what_the_crew_was_told_whatever_came_after(service: Running) -> None:
    someone = admitted(service, 8_800, alert="Large dog in the house")
    given = crew(service, someone)
    [event] = events(service, someone)
    at_once = asks(service, someone.patient, event)
    assert at_once.status_code == 200, at_once.text
    assert told(at_once.json()) == told(given)
    _lives_on(service, someone)
    assert service.emergency(service.token("ambulance", "ZZAMB1"), someone.nhs_number).status_code == 404
    assert told(asks(service, someone.patient, event).json()) == told(given)


def test_each_answer_is_of_its_own_time(service: Running) -> None:
    someone = admitted(service, 8_801)
    first = crew(service, someone)
    decision = service.call("GET", f"/{someone.cpr()}", gp(service)).json()
    decision["note"] = [{"text": "Said again a day later"}]
    assert service.call("PUT", f"/{someone.cpr()}", gp(service), decision, {"If-Match": 'W/"1"'}).status_code == 200
    second = crew(service, someone)
    newest, oldest = events(service, someone)
    assert told(asks(service, someone.patient, oldest).json()) == told(first)
    assert told(asks(service, someone.patient, newest).json()) == told(second)
    assert "Said again" not in str(first)


@pytest.mark.parametrize("flag", ["R", "V"])
def test_where_somebody_was_is_not_told_once_they_are_protected(service: Running, flag: str) -> None:
    someone = admitted(service, 8_808 + "RV".index(flag))
    postcode = someone.resource("Patient")["address"][0]["postalCode"]
    assert postcode in str(crew(service, someone))
    [event] = events(service, someone)
    patient = service.call("GET", f"/{someone.patient}", gp(service)).json()
    patient["meta"]["security"] = [{"system": CONFIDENTIALITY, "code": flag}]
    assert service.call("PUT", f"/{someone.patient}", gp(service), patient, {"If-Match": 'W/"1"'}).status_code in (
        200,
        404,
    )
    answer = asks(service, someone.patient, event)
    assert answer.status_code == 422, answer.text
    assert "may not be shown any more" in answer.text
    assert postcode not in answer.text


def test_emergency_access_as_it_was_given(service: Running) -> None:
    someone = admitted(service, 8_802)
    said = {"nhsNumber": someone.nhs_number, "birthDate": someone.resource("Patient")["birthDate"]}
    asked = parameters(**said, basis="unable_to_ask", reason="Found unconscious at home")
    token = service.token("ambulance", "ZZAMB9", user_id="zz-given-1", assurance=2)
    given = service.call("POST", "/Patient/$break-glass", token, asked)
    assert given.status_code == 200, given.text
    [event, *_] = events(service, someone, "$break-glass")
    again = asks(service, someone.patient, event)
    assert again.status_code == 200, again.text
    assert told(again.json()) == told(given.json())


def test_what_is_no_answer_to_a_crew_is_not_shown(service: Running) -> None:
    someone = admitted(service, 8_803)
    service.call("GET", f"/{someone.patient}", gp(service))
    [event, *_] = events(service, someone, "read")
    answer = asks(service, someone.patient, event)
    assert answer.status_code == 422
    assert "Only emergency answers" in answer.text


def test_out_of_scope_another_persons_and_absent_are_the_same(service: Running) -> None:
    someone, other = admitted(service, 8_804), admitted(service, 8_805)
    crew(service, someone)
    [event] = events(service, someone)
    elsewhere = service.token("privacy_officer", "ZZHSP9")
    answers = [
        asks(service, someone.patient, event, elsewhere),
        asks(service, other.patient, event),
        asks(service, someone.patient, "AuditEvent/0123456789abcdef"),
        asks(service, "Patient/00000000-0000-4000-8000-000000000001", event),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    theirs = service.token("privacy_officer", "ZZAMB1")
    assert asks(service, someone.patient, event, theirs).status_code == 200, "it was given to their own organisation"


def test_to_look_is_written_down_in_the_persons_log(service: Running) -> None:
    someone = admitted(service, 8_806)
    crew(service, someone)
    [event] = events(service, someone)
    asks(service, someone.patient, event)
    [looked] = events(service, someone, "$answer-as-given")
    assert looked != event


@pytest.mark.parametrize("role", ["gp", "ambulance", "system", "patient", "admin"])
def test_it_is_for_privacy_officers(service: Running, role: str) -> None:
    number = nhs_number(8_807)
    answer = asks(service, f"Patient/{number}", "AuditEvent/1", service.token(role, "ZZGP01"))
    assert answer.status_code == 403
