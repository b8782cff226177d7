"""Our profiles: what the record asks of a resource beyond R4. `fhir_profiles.constraints` enforces them."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Profile(NamedTuple):
    """A profile: its elements are (path below the type, minimum, note)."""

    name: str
    type: str
    base: str
    description: str
    code: tuple[str, str, str]
    elements: tuple[tuple[str, int, str], ...]
    extensions: tuple[str, ...] = ()


_SNOMED = "http://snomed.info/sct"
_LOCAL = "local"
_UK = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
_LINKS = ("replaces", "revokes", "conflicts-with")

PROFILES: tuple[Profile, ...] = (
    Profile(
        "cpr-decision",
        "Observation",
        f"{_UK}Observation",
        "A CPR decision: one value of CprDecision (or the local `cpr-modified`), or the reason there is none.",
        ("code", _SNOMED, "304251008"),
        (
            ("subject", 1, "The person."),
            ("effectiveDateTime", 1, "When it was decided."),
            ("performer", 1, "The clinician who decided."),
            ("value[x]", 0, "Or dataAbsentReason, never both."),
        ),
        ("decision-basis", *_LINKS),
    ),
    Profile(
        "preferred-place-of-death",
        "Observation",
        f"{_UK}Observation",
        "Where the person would prefer to die, first or second choice, or why it is not known.",
        ("code", _SNOMED, "395091006"),
        (
            ("subject", 1, "The person."),
            ("effectiveDateTime", 1, "When it was said."),
            ("performer", 1, "Who recorded it."),
        ),
        ("preference-rank", *_LINKS),
    ),
    Profile(
        "preferred-place-of-care",
        "Observation",
        f"{_UK}Observation",
        "Where the person would prefer to be cared for, first or second choice, or why it is not known.",
        ("code", _LOCAL, "preferred-place-of-care"),
        (
            ("subject", 1, "The person."),
            ("effectiveDateTime", 1, "When it was said."),
            ("performer", 1, "Who recorded it."),
        ),
        ("preference-rank", *_LINKS),
    ),
    Profile(
        "treatment-escalation-plan",
        "CarePlan",
        f"{_UK}CarePlan",
        "The ceiling of treatment and its conditional instructions.",
        ("category", _SNOMED, "735324008"),
        (
            ("author", 0, "Or contributor: who decided."),
            ("created", 0, "Or period.start: when it was decided."),
            ("activity.detail.doNotPerform", 1, "Recommended or not: an intervention alone says nothing."),
        ),
        ("treatment-level", "decision-basis", *_LINKS),
    ),
    Profile(
        "decision-review",
        "Task",
        f"{_UK}Task",
        "When a decision is to be reviewed. A review date that has passed hides nothing.",
        ("code", _LOCAL, "decision-review"),
        (("focus", 1, "The decision."), ("restriction.period.end", 1, "The review date.")),
    ),
    Profile(
        "anticipatory-medicine",
        "MedicationRequest",
        f"{_UK}MedicationRequest",
        "A medicine prescribed ahead of need.",
        ("category", _SNOMED, "443761007"),
        (
            ("dosageInstruction", 1, "Dose, route and when to give it."),
            ("dispenseRequest.validityPeriod.end", 0, "Authorised until."),
        ),
    ),
    Profile(
        "just-in-case-box",
        "MedicationDispense",
        "http://hl7.org/fhir/StructureDefinition/MedicationDispense",
        "Anticipatory medicines that are in the home.",
        ("category", _SNOMED, "443761007"),
        (("whenHandedOver", 0, "When they reached the home."),),
        ("kept-at",),
    ),
    Profile(
        "consent-to-record",
        "Consent",
        f"{_UK}Consent",
        "Consent to make the record, apart from consent to share it.",
        ("category", _LOCAL, "record-creation"),
        (("patient", 1, "The person."), ("dateTime", 1, "When it was given.")),
        ("decision-basis",),
    ),
)
