"""Our extensions: where they may stand, and what value they have."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """One part of an extension that has parts: an extension in it, whose URL is the bare `name`.

    `types` and `codes` are as in `ExtensionDefinition`; a part is optional and occurs once unless said otherwise.
    """

    name: str
    types: tuple[str, ...]
    codes: tuple[str, ...] = ()
    required: bool = False
    repeats: bool = False


class ExtensionDefinition(NamedTuple):
    """`contexts` are FHIRPath of elements; `types` the value types allowed; `codes` the only codes, where there are.

    An extension with `parts` has no value of its own: no `types`.
    """

    name: str
    description: str
    contexts: tuple[str, ...]
    types: tuple[str, ...]
    codes: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


_BASES = ("clinical-recommendation", "adrt", "lpa-decision", "best-interests", "court-order")

_STATED: tuple[ExtensionDefinition, ...] = (
    ExtensionDefinition(
        "decision-basis",
        "On what basis the decision was made.",
        ("Observation", "CarePlan", "Consent"),
        ("code",),
        _BASES,
    ),
    ExtensionDefinition(
        "basis",
        "By whom sharing was agreed where the person lacks capacity. Without it the person agreed.",
        ("Consent",),
        ("code",),
        ("best-interests", "lpa-decision", "court-order"),
    ),
    ExtensionDefinition(
        "emergency-view-confirmation",
        "That somebody explained to the person that ambulance crews and 111 will not see what this Consent closes, such"
        " as decisions about CPR, and that the person understands. Without it a Consent that closes it is not taken.",
        ("Consent",),
        (),
        parts=(
            Part("explained-by", ("Reference", "Identifier"), required=True),
            Part("explained-at", ("dateTime",), required=True),
            Part("understands", ("boolean",), required=True),
        ),
    ),
    ExtensionDefinition(
        "suspends-proxy",
        "Somebody who acts for the person (RelatedPerson), and who reads nothing while this concern stands. They are"
        " not told so.",
        ("Flag",),
        ("Reference",),
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
    ExtensionDefinition(
        "bank-holidays",
        "Whether hours hold on a bank holiday that falls on one of their weekdays: included (said or not), excluded, or"
        " only: they hold on bank holidays alone, whatever the weekday.",
        ("HealthcareService.availableTime",),
        ("code",),
        ("included", "excluded", "only"),
    ),
    ExtensionDefinition("access-to-home", "How to get into the home. Restricted.", ("Patient",), ("string",)),
    ExtensionDefinition("key-safe", "Where the key safe is, and its code. Restricted.", ("Patient",), ("string",)),
    ExtensionDefinition("replaces", "The decision that this one replaces.", ("DomainResource",), ("Reference",)),
    ExtensionDefinition("revokes", "The decision that this one revokes.", ("DomainResource",), ("Reference",)),
    ExtensionDefinition(
        "conflicts-with", "A decision with which this one disagrees, knowingly.", ("DomainResource",), ("Reference",)
    ),
)
"""What clients send and the record keeps."""

_ANSWERED: tuple[ExtensionDefinition, ...] = (
    ExtensionDefinition("as-of", "The moment at which the summary was true.", ("Composition",), ("instant",)),
    ExtensionDefinition(
        "source-sync",
        "A system that sends what it knows of the person, and when it was last heard from. `away`: for longer than it"
        " should have been, so what it knows may be newer than what is here.",
        ("Composition",),
        (),
        parts=(
            Part("organization", ("Identifier",), required=True),
            Part("name", ("string",), required=True),
            Part("last-sync", ("instant",)),
            Part("away", ("boolean",), required=True),
        ),
    ),
    ExtensionDefinition("plan-version", "The version of the plan that was summarised.", ("Composition",), ("string",)),
    ExtensionDefinition(
        "out-of-date",
        "Whether anything in the summary is past the date until which it was good. It is shown all the same.",
        ("Composition",),
        ("boolean",),
    ),
    ExtensionDefinition(
        "section-state",
        "What the section answers. Only `not-recorded` says that nothing is there, and never that nothing was decided.",
        ("Composition.section",),
        ("code",),
        ("recorded", "not-recorded", "withheld-or-unavailable"),
    ),
    ExtensionDefinition(
        "standing",
        "Where a decision stands among those of its kind, on what basis it was made, by which others it came to stand"
        " so, and what about their order could not be settled.",
        ("Composition.section",),
        (),
        parts=(
            Part("state", ("code",), ("current", "superseded", "revoked", "in-conflict", "history"), required=True),
            Part("basis", ("code",), _BASES),
            Part("by", ("Reference",), repeats=True),
            Part(
                "order-issue",
                ("code",),
                ("tie", "no-effective-time", "impossible-order", "cycle"),
                repeats=True,
            ),
        ),
    ),
    ExtensionDefinition(
        "validity",
        "Whether the mandatory context of a decision is there, or an advance decision was verified; what is missing. "
        "An unverified one is shown.",
        ("Composition.section",),
        (),
        parts=(
            Part("state", ("code",), ("valid", "unverified"), required=True),
            Part(
                "reason",
                ("code",),
                (
                    "no-clinician",
                    "no-effective-time",
                    "effective-after-recorded",
                    "not-final",
                    "not-coded",
                    "no-decision-basis",
                    "not-verified",
                ),
                repeats=True,
            ),
        ),
    ),
    ExtensionDefinition(
        "item-freshness",
        "When an item was said and recorded, in which version, from where, and until when it is good.",
        ("Composition.section",),
        (),
        parts=(
            Part("effective", ("dateTime",)),
            Part("recorded", ("instant",)),
            Part("version", ("string",)),
            Part("source", ("uri",)),
            Part("provenance", ("Reference",)),
            Part("good-until", ("dateTime",)),
            Part("out-of-date", ("boolean",)),
        ),
    ),
    ExtensionDefinition(
        "policy-version",
        "The version of the sharing policy by which the request was refused.",
        ("OperationOutcome",),
        ("string",),
    ),
)
"""What the service alone says, in summaries and outcomes."""

EXTENSIONS: tuple[ExtensionDefinition, ...] = (*_STATED, *_ANSWERED)
