"""What counts as a plan to be found by crews, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from adapters.nrl_whether import subject_of
from fhir_profiles.canonical import structure_definition
from tests.adapters.nrl_world import NUMBER, cpr, parcel, person

SNOMED = "http://snomed.info/sct"
REVOKES = structure_definition("revokes")


def coded(kind: str, code: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "x1", "code": {"coding": [{"system": SNOMED, "code": code}]}, **more}


ALLERGY = {"resourceType": "AllergyIntolerance", "id": "a1", "code": {"text": "Latex"}}
PLACE = coded("Observation", "395091006", status="final", valueString="Home")
CONSENT = {
    "resourceType": "Consent",
    "id": "c1",
    "status": "active",
    "scope": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr"}],
    },
}
SHARING = {
    "resourceType": "Consent",
    "id": "c2",
    "status": "active",
    "scope": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}],
    },
}
CARE_PLAN = {"resourceType": "CarePlan", "id": "cp1", "status": "active", "intent": "plan"}
CONTACT = {"resourceType": "RelatedPerson", "id": "r1", "telecom": [{"value": "x"}]}
REVOCATION = {
    **cpr("o2"),
    "extension": [{"url": REVOKES, "valueReference": {"reference": "Observation/o1"}}],
}
OF_NOTHING = {name: value for name, value in REVOCATION.items() if name != "valueCodeableConcept"}


@pytest.mark.parametrize(
    ("plan", "counts"),
    [
        ([cpr()], True),
        ([PLACE], True),
        ([CONSENT], True),
        ([CARE_PLAN], True),
        ([REVOCATION, cpr()], True),
        ([], False),
        ([ALLERGY, CONTACT, SHARING], False),
        ([cpr(status="preliminary")], False),
        ([cpr(status="entered-in-error")], False),
        ([cpr(status="unheard-of")], False),
        ([{**CARE_PLAN, "status": "draft"}], False),
        ([{**CARE_PLAN, "status": "revoked"}], False),
        ([{**CONSENT, "status": "inactive"}], False),
        ([{**PLACE, "valueString": None, "dataAbsentReason": {"coding": [{"code": "asked-declined"}]}}], False),
        ([cpr(), OF_NOTHING], False),
        ([{"resourceType": "Practitioner", "id": "d1"}, {"resourceType": "Location", "id": "l1"}], False),
        ([{"id": "odd"}, {"resourceType": 7, "id": "odd"}], False),
    ],
)
def test_a_plan_is_what_is_decided_and_in_force(plan, counts):
    number = subject_of(replace(parcel(person()), plan=tuple(plan)))
    assert (number is not None) == counts
    assert number is None or number.value == NUMBER


def test_without_the_person_there_is_nobody_to_file_it_under():
    assert subject_of(parcel(cpr())) is None
