"""Judges what is sent to us: R4 in full for the types we keep, and our own profiles. Every problem at once.

    bytes --decode--> object --schema--> R4 structure, cardinality, bindings, references, identifiers, narrative
                             --invariants--> what a schema cannot say      --constraints--> our profiles

Issues name the place (FHIRPath) and the rule, never what was sent. Profiles and terminology beyond required bindings
are not judged against a terminology server. References are judged by form and type; whether they lead somewhere is the
store's to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from fhir_profiles import json
from fhir_profiles.bundle import check_bundle
from fhir_profiles.constraints import check_profiles
from fhir_profiles.definitions import schema
from fhir_profiles.errors import InvalidJson
from fhir_profiles.invariants import check_invariants
from fhir_profiles.issues import Issue, error
from fhir_profiles.r4 import ANSWERED_TYPES, CLIENTS_OWN_TYPES, MESSAGE_TYPES, SUPPORTED_TYPES
from fhir_profiles.schema_issues import explain

__all__ = ["MAX_ISSUES", "Issue", "parse", "validate", "within"]

MAX_ISSUES = 500
"""More than this many problems are not listed; a last issue says so."""

_JUDGED = frozenset({*SUPPORTED_TYPES, *ANSWERED_TYPES, *MESSAGE_TYPES, *CLIENTS_OWN_TYPES})


def parse(body: bytes) -> dict[str, Any] | list[Issue]:
    """Return the resource in `body`, judged and found good, or every problem with it."""
    try:
        resource = json.decode(body)
    except InvalidJson as refusal:
        return refusal.issues
    return validate(resource) or resource


def validate(resource: dict[str, Any]) -> list[Issue]:
    """Return every problem of `resource`, as `json.decode` gave it; none when it may be kept.

    The resources inside a Bundle or Parameters are not judged: call this for each, and `within` for the answer.
    """
    kind = resource.get("resourceType")
    if kind is None:
        return [error("required", "", "`resourceType` is required.")]
    if not isinstance(kind, str) or kind not in _JUDGED:
        return [error("not-supported", "", "Resources of this type are not supported here.")]
    judge = schema()
    found: list[Issue] = []
    if not judge.is_valid(resource):
        for failure in islice(judge.iter_errors(resource), MAX_ISSUES):
            found += explain(failure, resource)
    if kind == "Bundle":
        found += check_bundle(resource)
    else:
        found += check_invariants(resource)
        found += check_profiles(resource)
    return _bounded(found) if found else found


def within(issues: Iterable[Issue], place: str) -> list[Issue]:
    """Return issues of a resource as issues of the whole it came in: `place` is `Bundle.entry[7].resource`."""
    return [msgspec.structs.replace(issue, expression=_below(place, issue.expression)) for issue in issues]


def _below(place: str, expression: str) -> str:
    _, dot, rest = expression.partition(".")
    return f"{place}{dot}{rest}"


def _bounded(issues: list[Issue]) -> list[Issue]:
    distinct = list(dict.fromkeys(issues))
    if len(distinct) <= MAX_ISSUES:
        return distinct
    return [*distinct[:MAX_ISSUES], error("too-costly", "", f"There are more problems than the {MAX_ISSUES} listed.")]
