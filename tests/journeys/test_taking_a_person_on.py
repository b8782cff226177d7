"""Another organisation takes the person on: a record that is there is found, not made twice."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from tests.journeys.people import admitted, bare_patient, gp, issues_of, person, sharing, texts_of, transaction
from tests.running import Running


def _condition(nhs_number: str) -> dict[str, str]:
    return {"If-None-Exist": f"identifier={NHS_NUMBER_SYSTEM}|{nhs_number}"}


def test_a_person_who_is_not_here_is_created_and_held_by_who_created_them(service: Running) -> None:
    someone, token = person(970), service.token("hospice", "ZZHSP7")

    answer = service.call("POST", "/Patient", token, bare_patient(someone), _condition(someone.nhs_number))

    assert answer.status_code == 201
    assert answer.headers["etag"] == 'W/"1"'
    id = answer.json()["id"]
    assert answer.headers["location"] == f"{service.settings.fhir_base}/Patient/{id}/_history/1"
    assert service.call("GET", f"/Patient/{id}", token).status_code == 200
    assert service.call("GET", f"/Patient/{id}", service.token("hospital", "ZZHOS1")).status_code == 404


@pytest.mark.parametrize(("index", "conditional"), [(971, True), (972, False)])
def test_a_person_who_is_here_gives_the_id_alone_and_a_relationship(
    service: Running, index: int, conditional: bool
) -> None:
    someone, token = admitted(service, index), service.token("hospice", "ZZHSP7")
    assert service.call("GET", f"/{someone.patient}", token).status_code == 404
    headers = _condition(someone.nhs_number) if conditional else {}

    answer = service.call("POST", "/Patient", token, bare_patient(someone), headers)

    assert answer.status_code == 200
    assert answer.content == b""
    assert "etag" not in answer.headers
    assert answer.headers["location"] == f"{service.settings.fhir_base}/{someone.patient}"
    assert service.call("GET", f"/{someone.cpr()}", token).status_code == 200
    assert service.call("GET", f"/{someone.patient}", gp(service)).json()["meta"]["versionId"] == "1"


def test_taking_on_again_says_the_same(service: Running) -> None:
    someone, token = admitted(service, 973), service.token("community", "ZZCOM1")

    answers = [service.call("POST", "/Patient", token, bare_patient(someone)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["location"] == answers[1].headers["location"]


@pytest.mark.parametrize(
    ("index", "changed"),
    [(974, {"name": [{"use": "official", "family": "Otherwise"}]}), (975, {"birthDate": "1901-01-01"})],
)
def test_when_name_or_birth_date_disagree_the_person_is_not_taken_on(
    service: Running, index: int, changed: dict[str, Any]
) -> None:
    someone, token = admitted(service, index), service.token("hospice", "ZZHSP7")

    answer = service.call("POST", "/Patient", token, bare_patient(someone, **changed))

    assert answer.status_code == 422
    assert "could not be verified" in texts_of(answer)
    assert issues_of(answer)[0]["expression"] == ["Patient"]
    family = someone.resource("Patient")["name"][0]["family"]
    assert family not in answer.text
    assert someone.nhs_number not in answer.text
    assert service.call("GET", f"/{someone.patient}", token).status_code == 404


def test_spelling_in_capitals_is_the_same_name(service: Running) -> None:
    someone, token = admitted(service, 976), service.token("hospice", "ZZHSP7")
    family = someone.resource("Patient")["name"][0]["family"].upper()

    answer = service.call(
        "POST", "/Patient", token, bare_patient(someone, name=[{"use": "official", "family": family}])
    )

    assert answer.status_code == 200


def test_a_whole_plan_for_a_person_who_is_here_adds_to_their_record(service: Running) -> None:
    someone, token = admitted(service, 977), service.token("hospice", "ZZHSP7")
    patient = bare_patient(someone)
    urn = "urn:uuid:6a4c1c2e-0000-4000-8000-000000000707"
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "Oxygen in the house"},
        "subject": {"reference": urn},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety"}]}],
    }
    bundle = transaction(("POST", "Flag", flag), ("POST", "Patient", patient))
    bundle["entry"][1]["fullUrl"] = urn

    answer = service.call("POST", "", token, bundle)

    assert answer.status_code == 200, answer.text
    first, second = (entry["response"] for entry in answer.json()["entry"])
    assert first["status"] == "201 Created"
    assert first["location"].startswith("Flag/")
    assert second == {"status": "200 OK", "location": someone.patient}
    found = service.call("GET", f"/Flag?patient={someone.patient}", gp(service)).json()
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["subject"]["reference"] == someone.patient


def test_a_relationship_does_not_overcome_the_persons_objection(service: Running) -> None:
    someone, token = admitted(service, 978, sharing="not-recorded"), service.token("hospice", "ZZHSP7")
    assert service.call("POST", "/Consent", gp(service), sharing(someone, "deny")).status_code == 201

    answer = service.call("POST", "/Patient", token, bare_patient(someone))

    assert answer.status_code == 200
    assert answer.content == b""
    assert service.call("GET", f"/{someone.patient}", token).status_code == 404


def test_a_condition_on_anything_but_an_identifier_is_refused(service: Running) -> None:
    someone, token = person(979), service.token("hospice", "ZZHSP7")

    answer = service.call("POST", "/Patient", token, bare_patient(someone), {"If-None-Exist": "name=Canary"})

    assert answer.status_code in (400, 422)
    assert "Canary" not in answer.text
    number = f"{NHS_NUMBER_SYSTEM}|{someone.nhs_number}"
    assert service.call("GET", f"/Patient?identifier={number}", token).json()["total"] == 0
