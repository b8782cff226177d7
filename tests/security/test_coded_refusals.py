"""What counts as a refusal to share that is coded outside a sharing Consent, and what answers it."""

from __future__ import annotations

from typing import Any

import pytest

from security.coded_refusals import is_answered, is_coded_refusal
from security.consent_compile import SCOPE_SYSTEM
from security.consent_elements import SNOMED

Json = dict[str, Any]
WITHDRAWN = {"coding": [{"system": SNOMED, "code": "882941000000102"}]}
GIVEN = {"coding": [{"system": SNOMED, "code": "882921000000109"}]}
QUESTION = {"coding": [{"system": SNOMED, "code": "887031000000108"}]}


def observation(**elements: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", **elements}


def consent(kind: str, scope: str = "patient-privacy", **elements: Any) -> Json:
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": SCOPE_SYSTEM, "code": scope}]},
        "provision": {"type": kind},
        **elements,
    }


@pytest.mark.parametrize(
    ("resource", "refuses"),
    [
        (observation(code=WITHDRAWN), True),
        (observation(code=WITHDRAWN, valueBoolean=False), True),
        (observation(code={"text": "consent"}, valueCodeableConcept=WITHDRAWN), True),
        (
            observation(code={"text": "consent"}, component=[{"code": QUESTION, "valueCodeableConcept": WITHDRAWN}]),
            True,
        ),
        (observation(code=QUESTION, valueBoolean=False), True),
        (observation(code=QUESTION, valueBoolean=True), False),
        (observation(code=GIVEN), False),
        (observation(code=WITHDRAWN) | {"status": "entered-in-error"}, False),
        (observation(code={"coding": [{"system": SNOMED, "code": "416308001"}]}), False),
        (observation(code={"coding": [{"system": "urn:other", "code": "882941000000102"}]}), False),
        ({"resourceType": "Condition", "code": WITHDRAWN}, True),
        ({"resourceType": "Flag", "status": "active", "code": WITHDRAWN}, True),
        (
            {
                "resourceType": "QuestionnaireResponse",
                "status": "completed",
                "item": [{"item": [{"answer": [{"valueCoding": WITHDRAWN["coding"][0]}]}]}],
            },
            True,
        ),
        (consent("permit", "adr", category=[WITHDRAWN]), True),
        (consent("deny", category=[WITHDRAWN]), False),
    ],
)
def test_what_is_a_coded_refusal(resource: Json, refuses: bool) -> None:
    assert is_coded_refusal(resource) is refuses


@pytest.mark.parametrize(
    ("beside", "answered"),
    [
        ([], False),
        ([consent("deny")], True),
        ([consent("deny", status="inactive")], False),
        ([consent("deny", "adr")], False),
        ([consent("permit")], False),
        ([consent("permit", dateTime="2026-01-01")], False),
        ([consent("permit", dateTime="2026-03-02")], True),
    ],
)
def test_what_answers_it(beside: list[Json], answered: bool) -> None:
    assert is_answered(observation(code=WITHDRAWN, effectiveDateTime="2026-03-01"), beside) is answered
    undated = observation(code=WITHDRAWN)
    assert is_answered(undated, beside) is (answered and beside[0]["provision"]["type"] == "deny")
