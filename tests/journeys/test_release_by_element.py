"""A Patient holds elements of several tiers; each caller gets those that are open to its role."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.journeys.people import Json, Person, code_of, crew, gp, person, references_of, transaction
from tests.running import Running

ETHNICITY = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
KEY_SAFE = "https://epaccs.example.org/fhir/StructureDefinition/key-safe"
CANARY = "Canaryfield ethnic background"


def _enriched(patient: Json) -> Json:
    changed = copy.deepcopy(patient)
    changed["maritalStatus"] = {"text": "Canaryfield widowed"}
    changed["extension"] = [
        *changed.get("extension", []),
        {"url": ETHNICITY, "valueCodeableConcept": {"text": CANARY}},
        {"url": KEY_SAFE, "valueString": "Canaryfield 4711"},
    ]
    return changed


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """A person whose Patient holds identity, whereabouts, how to get in, and personal things; on an open incident."""
    found = person(850, interpreter="Polish")
    for entry in found.bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"] = _enriched(entry["resource"])
    answer = service.call("POST", "", gp(service), found.bundle)
    assert answer.status_code == 200, answer.text
    found.references = references_of(answer)
    service.open_incident(found.nhs_number)
    return found


def _read(service: Running, someone: Person, token: str) -> tuple[str, dict[str, Any]]:
    answer = service.call("GET", f"/{someone.patient}", token)
    assert answer.status_code == 200, answer.text
    return answer.text, answer.json()


def test_the_practice_gets_everything(service: Running, someone: Person) -> None:
    text, patient = _read(service, someone, gp(service))

    assert CANARY in text
    assert "4711" in text
    assert {"name", "birthDate", "address", "telecom", "communication", "extension"} <= patient.keys()


def test_the_crew_gets_everything_too(service: Running, someone: Person) -> None:
    text, _ = _read(service, someone, crew(service))
    assert CANARY in text
    assert "4711" in text


def test_a_system_without_a_person_gets_nothing_personal(service: Running, someone: Person) -> None:
    text, patient = _read(service, someone, service.token("system", "ZZAMB1"))

    assert CANARY not in text
    assert "widowed" not in text
    assert ETHNICITY not in text
    assert "4711" in text
    assert {"name", "birthDate", "address", "communication"} <= patient.keys()


def test_a_receptionist_gets_identity_and_whereabouts_alone(service: Running, someone: Person) -> None:
    text, patient = _read(service, someone, service.token("admin", "ZZGP01"))

    assert CANARY not in text
    assert "widowed" not in text
    assert "Polish" not in text
    assert "interpreter" not in text.lower()
    assert {"name", "birthDate", "identifier", "address", "telecom"} <= patient.keys()
    assert "communication" not in patient


def test_the_narrative_says_no_more_than_the_elements(service: Running, someone: Person) -> None:
    for token in (service.token("system", "ZZAMB1"), service.token("admin", "ZZGP01")):
        _, patient = _read(service, someone, token)
        assert "Canaryfield" not in patient["text"]["div"]


def test_search_history_vread_and_the_emergency_answer_release_no_more(service: Running, someone: Person) -> None:
    token = service.token("admin", "ZZGP01")
    number = f"https://fhir.nhs.uk/Id/nhs-number|{someone.nhs_number}"
    for path in (f"/{someone.patient}/_history", f"/{someone.patient}/_history/1", f"/Patient?identifier={number}"):
        answer = service.call("GET", path, token)
        assert answer.status_code == 200
        assert CANARY not in answer.text
        assert "Polish" not in answer.text
    emergency = service.emergency(token, someone.nhs_number)
    assert emergency.status_code == 200
    assert CANARY not in emergency.text
    assert "Polish" not in emergency.text


def test_a_writer_gets_back_no_more_than_a_reader(service: Running) -> None:
    found = person(851)
    patient = _enriched(found.resource("Patient"))
    for element in ("generalPractitioner", "managingOrganization"):
        patient.pop(element)

    answer = service.call("POST", "", service.token("system", "ZZGP01"), transaction(("POST", "Patient", patient)))

    assert answer.status_code == 200, answer.text
    assert "resource" in answer.json()["entry"][0]
    assert CANARY not in answer.text


def test_who_is_shown_a_part_cannot_replace_the_whole(service: Running, someone: Person) -> None:
    system, address = service.token("system", "ZZGP01"), f"/{someone.patient}"
    seen = service.call("GET", address, system)
    version = {"If-Match": seen.headers["etag"]}

    refused = service.call("PUT", address, system, seen.json(), version)

    assert refused.status_code == 403
    assert code_of(refused) == "not-allowed-to-write"
    assert CANARY not in refused.text
    kept = service.call("GET", address, gp(service))
    assert kept.headers["etag"] == version["If-Match"]
    assert CANARY in kept.text
    whole = service.call("PUT", address, gp(service), kept.json(), version)
    assert whole.status_code == 200
    assert CANARY in whole.text
