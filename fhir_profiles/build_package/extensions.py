"""Our extensions: where they may stand, and what value they have."""

from __future__ import annotations

from typing import NamedTuple


class ExtensionDefinition(NamedTuple):
    """`contexts` are FHIRPath of elements; `types` the value types allowed; `codes` the only codes, where there are."""

    name: str
    description: str
    contexts: tuple[str, ...]
    types: tuple[str, ...]
    codes: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()


EXTENSIONS: tuple[ExtensionDefinition, ...] = (
    ExtensionDefinition(
        "decision-basis",
        "On what basis the decision was made.",
        ("Observation", "CarePlan", "Consent"),
        ("code",),
        ("clinical-recommendation", "adrt", "lpa-decision", "best-interests", "court-order"),
    ),
    ExtensionDefinition(
        "treatment-level",
        "The overall level of treatment.",
        ("CarePlan",),
        ("CodeableConcept",),
        (),
        ("full", "selective", "comfort"),
    ),
    ExtensionDefinition(
        "applies-when",
        "The condition under which an instruction applies, or its exception.",
        ("CarePlan.activity.detail",),
        ("string",),
    ),
    ExtensionDefinition("preference-rank", "First or second choice.", ("Observation",), ("positiveInt",)),
    ExtensionDefinition("kept-at", "Where in the home the medicines are kept.", ("MedicationDispense",), ("string",)),
    ExtensionDefinition(
        "availability",
        "When a number is answered: round the clock, or hours in words.",
        ("ContactPoint",),
        ("code", "string"),
        ("24h",),
    ),
    ExtensionDefinition("access-to-home", "How to get into the home. Restricted.", ("Patient",), ("string",)),
    ExtensionDefinition("key-safe", "Where the key safe is, and its code. Restricted.", ("Patient",), ("string",)),
    ExtensionDefinition("replaces", "The decision that this one replaces.", ("DomainResource",), ("Reference",)),
    ExtensionDefinition("revokes", "The decision that this one revokes.", ("DomainResource",), ("Reference",)),
    ExtensionDefinition(
        "conflicts-with", "A decision with which this one disagrees, knowingly.", ("DomainResource",), ("Reference",)
    ),
)
