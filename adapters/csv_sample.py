"""A mapping's templates, tried before any file comes: filled with what their columns may hold, and judged as FHIR."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from adapters.csv_forms import Column, read_cell
from adapters.csv_templates import fill, slots
from fhir_profiles.sections import section_of
from fhir_profiles.tiers import DECISION_GROUP
from fhir_profiles.validation import validate

_SAMPLES = {
    "nhs-number": "9990000018",
    "organisation": "ZZ901",
    "id": "sample-1",
    "date": "2026-11-02",
    "date-time": "2026-11-02T14:30:00+00:00",
    "text": "sample",
}
_PERSON = {"type": "Patient", "identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}}
_AUTHOR = {"reference": "PractitionerRole/sample-1"}


def decisions_of(resource: Mapping[str, Any], columns: Mapping[str, Column]) -> bool:
    """Tell whether a row of this template can be a decision, whatever its code columns hold."""
    return any(section_of(one) in DECISION_GROUP for one in _samples(resource, columns, set(columns), authored=True))


def problems_of_template(
    resource: Mapping[str, Any], columns: Mapping[str, Column], required: Collection[str], *, always_authored: bool
) -> list[str]:
    """Return what is wrong as FHIR with a template's resources: all columns filled, and the required ones alone.

    `always_authored`: every row of the item names its clinician.
    """
    found: dict[str, None] = {}
    for filled, authored in ((set(columns), True), (set(required), always_authored)):
        for one in _samples(resource, columns, filled, authored=authored):
            for issue in validate(one):
                if issue.severity in ("error", "fatal"):
                    found[f"makes no valid resource: {issue.expression or 'the whole'}: {issue.text}"] = None
    return list(found)


def _samples(
    resource: Mapping[str, Any], columns: Mapping[str, Column], filled: Collection[str], *, authored: bool
) -> Iterator[dict[str, Any]]:
    """Yield the resource once with the first word of each code column, and once more for every other word."""
    used = sorted({name for name, _ in slots(dict(resource))} & columns.keys() & set(filled))
    first: dict[str, Any] = {name: read_cell(columns[name], _cells(columns[name])[0]) for name in used}
    first |= {"person": _PERSON} | ({"author": _AUTHOR} if authored else {})
    yield fill(dict(resource), first)
    for name in used:
        for cell in _cells(columns[name])[1:]:
            yield fill(dict(resource), first | {name: read_cell(columns[name], cell)})


def _cells(column: Column) -> list[str]:
    if column.form == "code":
        return list(column.codes)
    sample = _SAMPLES[column.form]
    return [sample[: column.limit] if column.form == "text" else sample]
