"""Which search parameters each type answers inside a record, and how a resource matches one.

Types and elements are those of FHIR R4's own search parameters: https://hl7.org/fhir/R4/searchparameter-registry.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from service.plan.times import Span, span_of
from service.record.derive import Resource

_SUBJECT = {
    "Observation": "subject",
    "CarePlan": "subject",
    "MedicationRequest": "subject",
    "MedicationDispense": "subject",
    "MedicationStatement": "subject",
    "MedicationAdministration": "subject",
    "AllergyIntolerance": "patient",
    "Condition": "subject",
    "RelatedPerson": "patient",
    "CareTeam": "subject",
    "Consent": "patient",
    "Task": "for",
    "Flag": "subject",
    "Communication": "subject",
    "DocumentReference": "subject",
    "Composition": "subject",
    "QuestionnaireResponse": "subject",
    "Goal": "subject",
    "Device": "patient",
}
_CODE = {
    "Observation": ("code",),
    "Condition": ("code",),
    "AllergyIntolerance": ("code",),
    "Task": ("code",),
    "MedicationRequest": ("medicationCodeableConcept",),
    "MedicationDispense": ("medicationCodeableConcept",),
    "MedicationStatement": ("medicationCodeableConcept",),
    "MedicationAdministration": ("medicationCodeableConcept",),
}
_CATEGORY = (
    "Observation CarePlan CareTeam Condition AllergyIntolerance Consent Communication Composition DocumentReference "
    "MedicationRequest MedicationStatement Goal"
).split()
_STATUS = (
    "Observation CarePlan CareTeam Consent Communication Composition DocumentReference QuestionnaireResponse Task "
    "Device MedicationRequest MedicationDispense MedicationStatement MedicationAdministration"
).split()
_DATE = {
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
    "CarePlan": ("period",),
    "CareTeam": ("period",),
    "Consent": ("dateTime",),
    "Composition": ("date",),
    "DocumentReference": ("date",),
    "Flag": ("period",),
    "AllergyIntolerance": ("recordedDate",),
}
IDENTIFIED = frozenset({"Patient", "Organization", "HealthcareService", "Location", "Endpoint"})
"""Types that are found by `identifier` without naming a person's record."""

_BEGINNING, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Match = Callable[[Resource], bool]


class Unusable(ValueError):
    """A parameter's value is not of the form that its type has."""


def parameters_of(resource_type: str) -> list[str]:
    """Return the search parameters that a type answers, `_id` first."""
    names = ["_id"]
    if resource_type in IDENTIFIED:
        names.append("identifier")
    if resource_type in _SUBJECT:
        names.append("patient")
    names += ["code"] if resource_type in _CODE else []
    names += ["category"] if resource_type in _CATEGORY else []
    names += ["status"] if resource_type in _STATUS else []
    names += ["date"] if resource_type in _DATE else []
    return names


def matcher(resource_type: str, name: str, value: str) -> Match:
    """Return the test of one parameter; comma-separated values are alternatives. Raise Unusable for a bad form."""
    wanted = [item for item in value.split(",") if item]
    if not wanted:
        raise Unusable(name)
    if name == "_id":
        return lambda resource: resource.get("id") in wanted
    if name == "patient":
        references = {item if "/" in item else f"Patient/{item}" for item in wanted}
        element = _SUBJECT[resource_type]
        return lambda resource: resource.get(element, {}).get("reference") in references
    if name == "identifier":
        tests = [_token(item) for item in wanted]
        return lambda resource: any(
            test(item.get("system", ""), item.get("value", ""))
            for item in resource.get("identifier", ())
            for test in tests
        )
    if name == "status":
        return lambda resource: resource.get("status") in wanted
    if name == "date":
        dates = [_date(item) for item in wanted]
        return lambda resource: any(test(resource, _DATE[resource_type]) for test in dates)
    elements = _CODE[resource_type] if name == "code" else ("category",)
    tests = [_token(item) for item in wanted]
    return lambda resource: any(test(*coding) for coding in _codings(resource, elements) for test in tests)


def _codings(resource: Resource, elements: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for element in elements:
        value = resource.get(element, [])
        for concept in value if isinstance(value, list) else [value]:
            if isinstance(concept, str):
                yield "", concept
                continue
            for coding in concept.get("coding", ()):
                yield coding.get("system", ""), coding.get("code", "")


def _token(value: str) -> Callable[[str, str], bool]:
    system, bar, code = value.rpartition("|")
    if not bar:
        return lambda found_system, found: found == code
    if not code:
        return lambda found_system, found: found_system == system
    return lambda found_system, found: found == code and found_system == system


def _date(value: str) -> Callable[[Resource, tuple[str, ...]], bool]:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    wanted = span_of(text)
    if wanted is None or prefix not in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"):
        raise Unusable("date")

    def test(resource: Resource, elements: tuple[str, ...]) -> bool:
        found = next((span for element in elements if (span := _span(resource.get(element))) is not None), None)
        if found is None:
            return False
        earliest, latest = found.earliest, found.latest
        match prefix:
            case "eq":
                return wanted.earliest <= earliest and latest <= wanted.latest
            case "ne":
                return not (wanted.earliest <= earliest and latest <= wanted.latest)
            case "gt" | "sa":
                return latest > wanted.latest if prefix == "gt" else earliest > wanted.latest
            case "lt" | "eb":
                return earliest < wanted.earliest if prefix == "lt" else latest < wanted.earliest
            case "ge":
                return latest >= wanted.earliest
            case _:
                return earliest <= wanted.latest

    return test


def _span(value: Any) -> Span | None:
    """Return the span of a date or Period; an end that is missing lies in the future, a start in the past."""
    if not isinstance(value, dict):
        return span_of(value)
    start, end = span_of(value.get("start")), span_of(value.get("end"))
    if start is None and end is None:
        return None
    return Span(start.earliest if start else _BEGINNING, end.latest if end else _NEVER)
