"""Reading decisions from resources, and what makes one unverified."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.canonical import structure_definition
from fhir_profiles.terminology import EPACCS, SNOMED
from service.plan.decisions import Cpr, DecisionKind, Force, Unverified, cpr_answer, decision_item, kind_of, validity


def cpr(**rest: Any) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": "a",
        "meta": {"lastUpdated": "2026-06-02T00:00:00.000Z"},
        "status": "final",
        "code": {"coding": [{"system": SNOMED, "code": "304251008"}]},
        "effectiveDateTime": "2026-06-01T10:00:00+01:00",
        "performer": [{"reference": "Practitioner/1", "identifier": {"system": "s", "value": "9"}}],
        "valueCodeableConcept": {"coding": [{"system": SNOMED, "code": "450476008"}]},
        "extension": [{"url": structure_definition("decision-basis"), "valueCode": "clinical-recommendation"}],
        **rest,
    }
    return {key: value for key, value in resource.items() if value is not None}


def escalation(*activities: dict[str, Any], level: str = "comfort") -> dict[str, Any]:
    return {
        "resourceType": "CarePlan",
        "id": "p",
        "status": "active",
        "category": [{"coding": [{"system": SNOMED, "code": "735324008"}]}],
        "extension": [
            {
                "url": structure_definition("treatment-level"),
                "valueCodeableConcept": {"coding": [{"system": EPACCS, "code": level}]},
            }
        ],
        "activity": [{"detail": one} for one in activities],
    }


@pytest.mark.parametrize(
    ("system", "code", "answer"),
    [
        (SNOMED, "450476008", Cpr.DO_NOT_ATTEMPT),
        (SNOMED, "304253006", Cpr.DO_NOT_ATTEMPT),
        (SNOMED, "450475007", Cpr.ATTEMPT),
        (EPACCS, "cpr-modified", Cpr.MODIFIED),
        (EPACCS, "450476008", None),
        (SNOMED, "1", None),
    ],
)
def test_a_code_answers_only_in_its_own_system(system, code, answer):
    assert cpr_answer(cpr(valueCodeableConcept={"coding": [{"system": system, "code": code}]})) is answer


def test_codings_that_disagree_answer_nothing():
    both = [{"system": SNOMED, "code": "450476008"}, {"system": SNOMED, "code": "450475007"}]
    assert cpr_answer(cpr(valueCodeableConcept={"coding": both})) is None


def test_an_item_says_who_when_and_what_it_knows_of():
    relation = {"url": structure_definition("replaces"), "valueReference": {"reference": "Observation/b/_history/2"}}
    found = decision_item(cpr(extension=[relation]))
    assert found is not None
    assert (found.reference, found.kind, found.value) == ("Observation/a", DecisionKind.CPR, "do-not-attempt")
    assert found.effective is not None
    assert found.effective.earliest.isoformat() == "2026-06-01T09:00:00+00:00"
    assert found.author == "s|9"
    assert found.replaces == ("Observation/b",)


def test_declined_is_no_decision():
    reason = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-declined"}]
    }
    found = decision_item(cpr(valueCodeableConcept=None, dataAbsentReason=reason))
    assert found is not None
    assert (found.value, found.absent) == (None, "asked-declined")


def test_a_plan_that_refuses_cpr_is_no_cpr_decision():
    plan = escalation({"code": {"coding": [{"system": SNOMED, "code": "89666000"}]}, "doNotPerform": True})
    assert kind_of(plan) is DecisionKind.ESCALATION


def test_plans_agree_whatever_the_order_of_their_instructions():
    one, two = {"description": "Stay at home", "doNotPerform": False}, {"description": "ITU", "doNotPerform": True}
    values = [decision_item(escalation(*pair)) for pair in ((one, two), (two, one), (one,))]
    assert values[0] is not None
    assert values[1] is not None
    assert values[2] is not None
    assert values[0].value == values[1].value != values[2].value


def test_a_plan_replaces_by_its_own_element_too():
    found = decision_item({**escalation(), "replaces": [{"reference": "CarePlan/old"}]})
    assert found is not None
    assert found.replaces == ("CarePlan/old",)


@pytest.mark.parametrize(
    ("status", "force"),
    [
        ("final", Force.IN_FORCE),
        ("cancelled", Force.WITHDRAWN),
        ("entered-in-error", Force.ERROR),
        ("registered", Force.NOT_YET),
    ],
)
def test_force_follows_status(status, force):
    found = decision_item(cpr(status=status))
    assert found is not None
    assert found.force is force


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, ()),
        ({"performer": None}, (Unverified.NO_CLINICIAN,)),
        ({"performer": [{"reference": "Organization/1"}]}, (Unverified.NO_CLINICIAN,)),
        ({"performer": [{"reference": "https://hospital.example/fhir/Practitioner/1"}]}, ()),
        ({"effectiveDateTime": None}, (Unverified.NO_EFFECTIVE_TIME,)),
        ({"effectiveDateTime": "2026-06-05"}, (Unverified.EFFECTIVE_AFTER_RECORDED,)),
        ({"status": "preliminary"}, (Unverified.NOT_FINAL,)),
        ({"extension": None}, (Unverified.NO_BASIS,)),
        ({"valueCodeableConcept": {"text": "not for CPR"}}, (Unverified.NOT_CODED,)),
    ],
)
def test_validity(change, reasons):
    resource = cpr(**change)
    found = decision_item(resource)
    assert found is not None
    assert validity(found, resource).reasons == reasons
    assert validity(found, resource).valid is not bool(reasons)
