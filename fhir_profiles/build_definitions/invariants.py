"""R4 invariants that a JSON Schema can say. The others are in `fhir_profiles.invariants`.

Each entry: definition, key, the rule, and the sentence a developer reads when it is broken. Rules are written with
`has(name)`, which a primitive also fulfils by its extensions and `value[x]` by any of its types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Schema = dict[str, Any]
Has = Callable[[str], Schema]


class Invariant(NamedTuple):
    """An invariant of one definition (`Patient.contact`): `rule` makes its schema."""

    definition: str
    key: str
    rule: Callable[[Has], Schema]
    sentence: str


def _any(*names: str) -> Callable[[Has], Schema]:
    return lambda has: {"anyOf": [has(name) for name in names]}


def _needs(name: str, *others: str) -> Callable[[Has], Schema]:
    return lambda has: {"if": has(name), "then": {"allOf": [has(other) for other in others]}}


def _not_both(first: str, second: str) -> Callable[[Has], Schema]:
    return lambda has: {"not": {"allOf": [has(first), has(second)]}}


def _no_home(has: Has) -> Schema:
    return {"not": {"properties": {"use": {"const": "home"}}, "required": ["use"]}}


_QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration")

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "Observation",
        "obs-6",
        _not_both("dataAbsentReason", "value[x]"),
        "A value and `dataAbsentReason` cannot stand together.",
    ),
    Invariant(
        "Observation.referenceRange",
        "obs-3",
        _any("low", "high", "text"),
        "A reference range needs `low`, `high` or `text`.",
    ),
    Invariant(
        "Patient.contact",
        "pat-1",
        _any("name", "telecom", "address", "organization"),
        "A contact needs a name, telecom, address or organization.",
    ),
    Invariant(
        "CarePlan.activity",
        "cpl-3",
        _not_both("detail", "reference"),
        "An activity has either `detail` or `reference`, not both.",
    ),
    Invariant(
        "Composition.section", "cmp-1", _any("text", "entry", "section"), "A section needs text, entries or sections."
    ),
    Invariant(
        "Composition.section",
        "cmp-2",
        _not_both("emptyReason", "entry"),
        "A section with entries cannot have `emptyReason`.",
    ),
    Invariant("Condition.stage", "con-1", _any("summary", "assessment"), "A stage needs `summary` or `assessment`."),
    Invariant("Condition.evidence", "con-2", _any("code", "detail"), "Evidence needs `code` or `detail`."),
    Invariant("Consent", "ppc-1", _any("policy", "policyRule"), "A Consent needs `policy` or `policyRule`."),
    Invariant("Goal.target", "gol-1", _needs("detail[x]", "measure"), "A target with a detail needs `measure`."),
    Invariant("MedicationAdministration.dosage", "mad-1", _any("dose", "rate[x]"), "A dosage needs `dose` or a rate."),
    Invariant("Organization", "org-1", _any("identifier", "name"), "An Organization needs an identifier or a name."),
    Invariant(
        "QuestionnaireResponse.item",
        "qrs-1",
        _not_both("answer", "item"),
        "Items belong under the answer when there is one.",
    ),
    Invariant("Attachment", "att-1", _needs("data", "contentType"), "An attachment with data needs `contentType`."),
    Invariant("ContactPoint", "cpt-2", _needs("value", "system"), "A contact point with a value needs `system`."),
    Invariant(
        "Expression", "exp-1", _any("expression", "reference"), "An Expression needs `expression` or `reference`."
    ),
    Invariant(
        "Ratio",
        "rat-1",
        lambda has: {
            "anyOf": [
                {"allOf": [has("numerator"), has("denominator")]},
                {"allOf": [has("extension"), {"not": has("numerator")}, {"not": has("denominator")}]},
            ]
        },
        "A ratio needs both numerator and denominator.",
    ),
    *(Invariant(name, "qty-3", _needs("code", "system"), "A unit code needs `system`.") for name in _QUANTITIES),
    Invariant("Timing.repeat", "tim-1", _needs("duration", "durationUnit"), "`duration` needs `durationUnit`."),
    Invariant("Timing.repeat", "tim-2", _needs("period", "periodUnit"), "`period` needs `periodUnit`."),
    Invariant(
        "Timing.repeat",
        "tim-4",
        lambda has: {"properties": {"duration": {"minimum": 0}}},
        "`duration` cannot be negative.",
    ),
    Invariant(
        "Timing.repeat", "tim-5", lambda has: {"properties": {"period": {"minimum": 0}}}, "`period` cannot be negative."
    ),
    Invariant("Timing.repeat", "tim-6", _needs("periodMax", "period"), "`periodMax` needs `period`."),
    Invariant("Timing.repeat", "tim-7", _needs("durationMax", "duration"), "`durationMax` needs `duration`."),
    Invariant("Timing.repeat", "tim-8", _needs("countMax", "count"), "`countMax` needs `count`."),
    Invariant(
        "Timing.repeat",
        "tim-9",
        lambda has: {
            "if": has("offset"),
            "then": {
                "allOf": [
                    has("when"),
                    {"properties": {"when": {"not": {"contains": {"enum": ["C", "CM", "CD", "CV"]}}}}},
                ]
            },
        },
        "`offset` needs `when`, and not a meal itself.",
    ),
    Invariant("Timing.repeat", "tim-10", _not_both("timeOfDay", "when"), "`timeOfDay` and `when` exclude each other."),
    Invariant("Period", "per-1", lambda has: {"in-order": ["start", "end"]}, "A period cannot end before it starts."),
    Invariant("Range", "rng-2", lambda has: {"in-order": ["low", "high"]}, "`low` cannot be above `high`."),
    Invariant(
        "Parameters.parameter",
        "inv-1",
        lambda has: {"oneOf": [has("part"), has("value[x]"), has("resource")]},
        "A parameter has exactly one of a value, a resource or parts.",
    ),
    Invariant(
        "Bundle.entry",
        "bdl-5",
        _any("resource", "request", "response"),
        "An entry needs a resource, a request or a response.",
    ),
)

ORGANIZATION_CONTACTS: tuple[tuple[str, str, Callable[[Has], Schema], str], ...] = (
    ("telecom", "org-3", _no_home, "The telecom of an organization is never `home`."),
    ("address", "org-2", _no_home, "The address of an organization is never `home`."),
)
"""Rules on one element of Organization: element, key, rule of each item, sentence."""
