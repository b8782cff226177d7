"""What HL7 publishes as right is right here, in every value, and to the second judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhir_profiles import json, r4
from fhir_profiles.errors import NotR4
from fhir_profiles.validation import validate
from tests.fhir_profiles.places import EXAMPLES, PUBLISHED, needs_packages

KNOWN_FAULTS = {
    "MedicationRequest-medrx0301": "dispenseRequest.performer must be an Organization and is a Practitioner",
    "Observation-clinical-gender": "an Encounter cannot be a performer",
}
"""Examples that break R4's own rule on reference targets."""


def published() -> list[Path]:
    return sorted(path for path in PUBLISHED.glob("*.json") if path.name.partition("-")[0] in r4.SUPPORTED_TYPES)


@needs_packages
@pytest.mark.parametrize("path", published(), ids=lambda path: path.stem)
def test_published_example_is_accepted_and_kept(path: Path) -> None:
    body = path.read_bytes()
    resource = json.decode(body)
    assert json.decode(json.encode(resource)) == resource
    issues = validate(resource)
    if path.stem in KNOWN_FAULTS:
        assert [issue.code for issue in issues] == ["value"]
    else:
        assert issues == []


@needs_packages
def test_every_type_has_a_published_example() -> None:
    assert {path.name.partition("-")[0] for path in published()} == set(r4.SUPPORTED_TYPES)


@needs_packages
def test_the_typed_models_accept_what_is_published() -> None:
    for path in published():
        typed = r4.typed(json.decode(path.read_bytes()))
        assert typed.get_resource_type() == path.name.partition("-")[0]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_our_own_examples_are_accepted_by_both_judges(path: Path) -> None:
    resource = json.decode(path.read_bytes())
    assert validate(resource) == []
    r4.typed(resource)


@pytest.mark.parametrize(
    "change",
    [
        {"status": None},
        {"status": 1},
        {"foo": "bar"},
        {"effectiveDateTime": "2026-02-30"},
        {"valueString": "x", "valueInteger": 1},
    ],
)
def test_what_the_second_judge_refuses_the_first_refuses(change: dict[str, Any]) -> None:
    resource: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **change}
    with pytest.raises(NotR4) as refusal:
        r4.typed(resource)
    assert "bar" not in str(refusal.value)
    assert validate(resource)


def test_an_unknown_type_is_not_r4() -> None:
    with pytest.raises(NotR4):
        r4.typed({"resourceType": "os"})
