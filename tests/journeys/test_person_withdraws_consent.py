"""The person no longer wants to share: other organisations are refused from then on, and no stranger is told why."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.journeys.people import (
    Json,
    Person,
    admitted,
    code_of,
    crew,
    gp,
    issues_of,
    person,
    sharing,
    summary,
    texts_of,
    transaction,
)
from tests.journeys.people import extension as ours
from tests.running import Running

_EXISTS = "does not mean that there is no plan"


def _consent(someone: Person) -> str:
    return someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))


def _withdrawal(service: Running, someone: Person, kind: str = "deny") -> Json:
    """Return the transaction by which a new Consent takes the place of the old, which becomes inactive."""
    old = service.call("GET", f"/{_consent(someone)}", gp(service)).json()
    replaces = {
        "url": "https://epaccs.example.org/fhir/StructureDefinition/replaces",
        "valueReference": {"reference": _consent(someone)},
    }
    return transaction(
        ("POST", "Consent", sharing(someone, kind, extension=[replaces])),
        ("PUT", _consent(someone), {**old, "status": "inactive"}, {"ifMatch": 'W/"1"'}),
    )


def _withdrawn(service: Running, someone: Person, token: str | None = None) -> None:
    answer = service.call("POST", "", token or gp(service), _withdrawal(service, someone))
    assert answer.status_code == 200, answer.text
    assert [entry["response"]["status"] for entry in answer.json()["entry"]] == ["201 Created", "200 OK"]


def _told(answer: httpx.Response) -> tuple[Any, ...]:
    """Return everything that an answer tells, but for ids and times: status, headers, body."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return answer.status_code, headers, answer.content


def test_the_crew_that_had_the_plan_is_told_that_it_is_not_shared_and_by_which_policy(service: Running) -> None:
    someone = admitted(service, 500)
    service.open_incident(someone.nhs_number)
    summary(service, crew(service), someone.nhs_number)

    _withdrawn(service, someone)

    answer = service.emergency(crew(service), someone.nhs_number)
    assert answer.status_code == 404
    assert code_of(answer) == "not-shared-with-you"
    assert issues_of(answer)[0]["code"] == "suppressed"
    version = ours(answer.json(), "policy-version")
    assert version is not None
    assert version["valueString"]
    assert "450476008" not in answer.text
    assert "cpr" not in answer.text.lower()


def test_every_such_person_is_spoken_of_in_the_same_words(service: Running) -> None:
    answers = []
    for someone in (admitted(service, 501), admitted(service, 502, cpr="none", level="none", medicines=0)):
        service.open_incident(someone.nhs_number)
        summary(service, crew(service), someone.nhs_number)
        _withdrawn(service, someone)
        answers.append(_told(service.emergency(crew(service), someone.nhs_number)))

    assert answers[0] == answers[1]


def test_every_other_way_to_the_plan_is_shut_to_the_crew_as_well(service: Running) -> None:
    someone = admitted(service, 503)
    service.open_incident(someone.nhs_number)
    summary(service, crew(service), someone.nhs_number)
    _withdrawn(service, someone)
    token = crew(service)

    for address in (someone.patient, someone.cpr(), f"{someone.cpr()}/_history", f"{someone.cpr()}/_history/1"):
        assert service.call("GET", f"/{address}", token).status_code == 404
    found = service.call("GET", f"/Observation?patient={someone.patient}", token)
    assert found.status_code == 200
    assert found.json()["total"] == 0
    assert "entry" not in found.json()


def test_the_practice_that_holds_the_record_still_reads_it(service: Running) -> None:
    someone = admitted(service, 504)
    _withdrawn(service, someone)

    assert service.call("GET", f"/{someone.cpr()}", gp(service)).status_code == 200
    assert summary(service, gp(service), someone.nhs_number).state("cpr_decision") == "recorded"


def _questions(someone: Person, reference: str) -> list[tuple[str, str, Any, dict[str, str]]]:
    """Return every question by which somebody might find out whether a person is known: method, path, body, headers."""
    number = f"https://fhir.nhs.uk/Id/nhs-number|{someone.nhs_number}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    asked = {
        "resourceType": "Parameters",
        "parameter": [{"name": "nhsNumber", "valueString": someone.nhs_number}],
    }
    note = {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": reference},
        "payload": [{"contentString": "Visited."}],
    }
    return [
        ("POST", "/Patient/$emergency-summary", asked, {}),
        ("GET", f"/{reference}", None, {}),
        ("GET", f"/{reference}/_history/1", None, {}),
        ("GET", f"/{reference}/_history", None, {}),
        ("GET", f"/Patient?identifier={number}", None, {}),
        ("POST", "/Patient/_search", f"identifier={number}".encode(), form),
        ("GET", f"/Observation?patient={reference}", None, {}),
        ("POST", "/Communication", note, {}),
        ("PUT", f"/{reference}", {"resourceType": "Patient", "id": reference.partition("/")[2]}, {"If-Match": 'W/"1"'}),
    ]


@pytest.mark.parametrize(
    ("index", "role", "organisation"),
    [
        (505, "ambulance", "ZZAMB9"),
        (507, "hospital", "ZZHOS9"),
        (509, "care_home", "ZZCH09"),
        (511, "system", "ZZSYS9"),
    ],
)
def test_to_an_organisation_that_never_had_the_plan_the_person_looks_like_one_who_does_not_exist(
    service: Running, index: int, role: str, organisation: str
) -> None:
    someone, nobody = admitted(service, index), person(index + 1)
    _withdrawn(service, someone)
    absent = "Patient/00000000-0000-4000-8000-000000000000"
    token = service.token(role, organisation)

    for known, unknown in zip(_questions(someone, someone.patient), _questions(nobody, absent), strict=True):
        answers = []
        for method, path, body, headers in (known, unknown):
            answer = service.call(method, path, token, body, headers)
            seen = re.sub(rb"Patient(/|%2F)[0-9a-f-]{36}", b"Patient/ID", answer.content)
            answers.append((answer.status_code, _told(answer)[1], seen))
        assert answers[0] == answers[1], known[:2]
        assert answers[0][0] == (200 if "earch" in known[1] or "?" in known[1] else 404)


def test_a_stranger_with_an_open_incident_is_not_told_of_the_refusal_either(service: Running) -> None:
    someone, nobody = admitted(service, 513), person(514)
    _withdrawn(service, someone)
    for one in (someone, nobody):
        service.open_incident(one.nhs_number, "ZZAMB8")
    token = service.token("ambulance", "ZZAMB8")

    refused, absent = (service.emergency(token, one.nhs_number) for one in (someone, nobody))

    assert _told(refused) == _told(absent)
    assert _EXISTS in texts_of(refused)


def test_the_person_withdraws_by_their_own_sign_in(service: Running) -> None:
    someone = admitted(service, 515)
    service.open_incident(someone.nhs_number)
    summary(service, crew(service), someone.nhs_number)

    _withdrawn(service, someone, service.token("patient", "ZZAPP1", user_id=someone.nhs_number))

    assert code_of(service.emergency(crew(service), someone.nhs_number)) == "not-shared-with-you"


def test_nobody_reads_another_persons_plan_by_a_patients_sign_in(service: Running) -> None:
    someone, other = admitted(service, 516), person(517)
    own = service.token("patient", "ZZGP01", user_id=someone.nhs_number)
    anothers = service.token("patient", "ZZGP01", user_id=other.nhs_number)

    assert service.call("GET", f"/{someone.cpr()}", own).status_code == 200
    assert service.call("GET", f"/{someone.cpr()}", anothers).status_code == 404
    assert service.call("GET", f"/{someone.cpr()}", service.token("proxy", "ZZGP01")).status_code in (403, 404)


def test_a_patient_changes_no_decision(service: Running) -> None:
    someone = admitted(service, 518)
    token = service.token("patient", "ZZAPP1", user_id=someone.nhs_number)
    decision = service.call("GET", f"/{someone.cpr()}", token).json()

    answer = service.call("PUT", f"/{someone.cpr()}", token, decision, {"If-Match": 'W/"1"'})

    assert answer.status_code == 403


def test_a_consent_does_not_just_become_inactive(service: Running) -> None:
    someone = admitted(service, 519)
    old = service.call("GET", f"/{_consent(someone)}", gp(service)).json()

    answer = service.call(
        "PUT", f"/{_consent(someone)}", gp(service), {**old, "status": "inactive"}, {"If-Match": 'W/"1"'}
    )

    assert answer.status_code == 422
    assert "to withdraw, write a new active Consent" in texts_of(answer)


def test_sharing_again_opens_the_plan_again(service: Running) -> None:
    someone = admitted(service, 520)
    service.open_incident(someone.nhs_number)
    answer = service.call("POST", "", gp(service), _withdrawal(service, someone))
    withdrawal = answer.json()["entry"][0]["response"]["location"].partition("/_history")[0]
    assert service.emergency(crew(service), someone.nhs_number).status_code == 404
    replaces = {
        "url": "https://epaccs.example.org/fhir/StructureDefinition/replaces",
        "valueReference": {"reference": withdrawal},
    }
    again = sharing(someone, "permit", extension=[replaces])

    assert service.call("POST", "/Consent", gp(service), again).status_code == 201

    assert service.emergency(crew(service), someone.nhs_number).status_code == 200
