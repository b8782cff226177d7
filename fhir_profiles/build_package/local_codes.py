"""Concepts of our own code system: those for which no public code could be verified, and a reviewed list with reasons.

When a verified code appears, the concept here is retired in its favour; it is never given another meaning.
"""

from __future__ import annotations

from typing import NamedTuple


class Concept(NamedTuple):
    """A concept of the code system `epaccs`, and why it is ours."""

    code: str
    display: str
    reason: str


_NO_CODE = "No public code has been seen."

UNVERIFIED: dict[str, tuple[Concept, ...]] = {
    "Preferred place of care": (
        Concept(
            "preferred-place-of-care",
            "Preferred place of care",
            "The question; the place itself is a SNOMED CT location.",
        ),
        Concept("place-community-hospital", "Community hospital", _NO_CODE),
        Concept("place-residential-home", "Residential home", _NO_CODE),
        Concept("place-discussion-declined", "Preferred place of care: declined to discuss", _NO_CODE),
        Concept("place-discussion-not-appropriate", "Preferred place of care: discussion not appropriate", _NO_CODE),
        Concept("place-unable-to-express", "Preferred place of care: unable to express a preference", _NO_CODE),
    ),
    "Preferred place of death discussed": (
        Concept("place-of-death-discussed", "Preferred place of death discussed with the person", _NO_CODE),
    ),
    "Has mental capacity / lacks": (
        Concept(
            "has-capacity",
            "Has mental capacity for this decision",
            "Capacity is per decision; only a heading is coded.",
        ),
        Concept("lacks-capacity", "Lacks mental capacity for this decision", "As above."),
    ),
    "Court-appointed deputy": (
        Concept("court-appointed-deputy", "Court-appointed deputy", "Only a code joined with LPA exists."),
    ),
    "IMCA involved": (Concept("imca", "Independent mental capacity advocate", _NO_CODE),),
    "Deprivation of Liberty": (
        Concept("deprivation-of-liberty", "Deprivation of liberty authorised", "Heading only."),
    ),
    "Syringe driver": (Concept("syringe-driver", "Syringe driver in use", _NO_CODE),),
    "ICD shock therapy": (
        Concept("icd-shocks-off", "Implanted defibrillator: shocks turned off", "The code seen is not a UK concept."),
        Concept("icd-shocks-on", "Implanted defibrillator: shocks active", "As above."),
    ),
    "Phase of Illness values": tuple(
        Concept(f"phase-{phase}", f"Phase of illness: {phase}", "The measure is coded, its values are not.")
        for phase in ("stable", "unstable", "deteriorating", "dying", "deceased")
    ),
    "IPOS item scores": tuple(
        Concept(f"ipos-score-{score}", f"IPOS item score {score}", _NO_CODE) for score in range(5)
    ),
    "Key safe present": (Concept("key-safe", "Key safe at the home", "Restricted information; " + _NO_CODE),),
    "Organ donation opt-in": (
        Concept("organ-donation-opt-in", "Organ donation: opted in", "Only presence on the register is coded."),
        Concept("organ-donation-opt-out", "Organ donation: opted out", "As above."),
    ),
    "Home oxygen": (Concept("home-oxygen", "Home oxygen", _NO_CODE),),
    "Verification of expected death": (Concept("death-verified", "Expected death verified by a nurse", _NO_CODE),),
    "Bereavement support": (Concept("bereavement-support-offered", "Bereavement support offered", _NO_CODE),),
    "Reason preferred place of death": (
        Concept(
            "preferred-place-not-achieved",
            "Reason the preferred place of death was not achieved",
            "Free text elsewhere.",
        ),
    ),
    "Tissue donation": (Concept("tissue-donation", "Tissue donation wish", _NO_CODE),),
    "Infection risk": (Concept("infection-risk", "Infection risk", _NO_CODE),),
    "CPR modified (child)": (
        Concept("cpr-modified", "Modified CPR (children only)", "An option of the ReSPECT form."),
    ),
    "Anticipatory medicine administered": (
        Concept(
            "anticipatory-medicine-returned",
            "Anticipatory medicines returned",
            "Doses given are MedicationAdministration.",
        ),
    ),
    'GSF "amber"': (Concept("gsf-amber", "GSF stage C as locally named amber", "SNOMED CT names the stage yellow."),),
    'GSF stage "E"': (Concept("gsf-after-death", "GSF stage after death", _NO_CODE),),
    "Time-critical": (Concept("fast-track-continuing-care", "Fast-track continuing healthcare", _NO_CODE),),
    "Ceiling of treatment": (
        Concept("ceiling-ward", "Ceiling of treatment: ward", _NO_CODE),
        Concept("ceiling-high-dependency", "Ceiling of treatment: high dependency unit", _NO_CODE),
        Concept("ceiling-non-invasive-ventilation", "Ceiling of treatment: non-invasive ventilation", _NO_CODE),
    ),
    'Treatment escalation "modified CPR"': (Concept("defibrillation", "Defibrillation", _NO_CODE),),
}
"""By the first words of the concept in the list of what could not be verified."""

LEFT_OUT: dict[str, str] = {
    "Infant/child RSV": "Not a subject of this record.",
}
"""Unverified concepts that we do not make, and why."""

_TEXT_ITEM = "An item that standards record as text; the question needs a code to be found by."

REVIEWED: tuple[Concept, ...] = (
    Concept(
        "came-late",
        "Earlier version that came late",
        "Marks, as a tag, a past version that was never current here; FHIR has no tag for that.",
    ),
    Concept(
        "decision-review",
        "Review of a decision",
        "A review task points at one decision; public codes review whole plans.",
    ),
    Concept(
        "identity-review",
        "Review of who a record is about",
        "A task for whoever holds the record, raised by what the national register of patients says.",
    ),
    Concept(
        "record-creation",
        "Consent to make the record",
        "SCCI1580 asks for it apart from consent to share, without a code.",
    ),
    Concept("full", "Treatment level: full treatment", "No UK code for the level itself."),
    Concept("selective", "Treatment level: selective treatment", "No UK code for the level itself."),
    Concept("comfort", "Treatment level: comfort-focused treatment", "No UK code for the level itself."),
    Concept(
        "decision-capacity",
        "Mental capacity for a decision",
        "The question; the only code seen is in use in the US alone.",
    ),
    Concept("best-interests-decision", "Best interests decision", "The public code speaks of consent to share only."),
    Concept("cpr-reason", "Reason for the CPR decision", "Local lists differ; kept as text under one code."),
    Concept(
        "respect-priority-scale",
        "Balance of life-sustaining treatment and comfort",
        "Scales differ in range and direction.",
    ),
    Concept("what-i-value", "What I most value", _TEXT_ITEM),
    Concept("what-i-fear", "What I most fear or wish to avoid", _TEXT_ITEM),
    Concept("preferences-and-wishes", "Preferences and wishes", _TEXT_ITEM),
    Concept("spiritual-cultural-needs", "Spiritual and cultural needs", _TEXT_ITEM),
    Concept("bereavement-wishes", "Wishes for after death", _TEXT_ITEM),
    Concept("digital-legacy", "Wishes for pets, dependants and keys", _TEXT_ITEM),
    Concept("body-donation", "Body donation to a medical school", _TEXT_ITEM),
    Concept("about-me", "About me", _TEXT_ITEM),
    Concept("accommodation", "Accommodation type and tenure", _TEXT_ITEM),
    Concept("dependants", "Children, dependants and pets", _TEXT_ITEM),
    Concept("carer-strain", "Carer assessment and needs", _TEXT_ITEM),
    Concept("family-conflict", "Disagreement or confidential family matters", _TEXT_ITEM),
    Concept(
        "person-aware-of-prognosis", "The person's awareness of prognosis", "Codes exist for relatives and carers only."
    ),
    Concept("identification-reason", "How the person was identified", _TEXT_ITEM),
    Concept("mobility", "Mobility needs", _TEXT_ITEM),
    Concept("cognition", "Cognition", _TEXT_ITEM),
    Concept("crew-outcome", "What a crew found and did", "A message of an emergency service back to the plan's owner."),
)
"""Concepts that no list names and the record cannot do without."""
