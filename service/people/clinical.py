"""The clinical content of a synthetic plan: decisions, preferences, medicines, state of health."""

from __future__ import annotations

from typing import Any

from fhir_profiles.terminology import CPR_MODIFIED, DMD, EPACCS, SNOMED
from service.people.values import Json, absent, concept, observation
from service.plan import vocabulary as v

MEDICINES = (
    ("36128211000001109", "2.5 mg", "pain or breathlessness"),
    ("36124911000001107", "2.5 mg", "agitation or fits"),
    ("36129811000001103", "1.25 mg", "pain if morphine is unsuitable"),
    ("35896411000001108", "100 micrograms", "pain in kidney failure"),
)
"""dm+d product, single dose and reason of the anticipatory medicines: morphine, midazolam, oxycodone, alfentanil."""
PLACES = {
    "home": ("110481000000108", "264362003"),
    "hospice": ("108401000000102", "284546000"),
    "care-home": ("710571000000101", "108344006"),
    "hospital": ("109401000000108", "22232009"),
}
"""The SNOMED CT codes of a place as the preferred place of death, and as a place of care."""

_NO_PLACE = {
    "undecided": ("asked-unknown", "undecided"),
    "declined": ("asked-declined", "declined to discuss"),
    "unable": ("not-performed", "unable to express a preference"),
}
_NO_PREFERENCE = "1060941000000102"


def cpr(subject: Json, when: str, by: list[Json], **rest: Any) -> Json:
    """Return an Observation about CPR; `rest` holds its value or why there is none, its basis and its relations."""
    code = concept(SNOMED, v.RESUSCITATION_STATUS)
    return observation(code, subject, when, by, **rest)


def cpr_value(answer: str) -> Json:
    """Return the coded answer of a CPR decision: `for`, `not-for` or `modified`."""
    return {
        "for": concept(SNOMED, "450475007"),
        "not-for": concept(SNOMED, "450476008"),
        "modified": concept(EPACCS, CPR_MODIFIED),
    }[answer]


def basis(code: str) -> Json:
    """Return the kind of a decision."""
    return {"url": v.DECISION_BASIS, "valueCode": code}


def relation(url: str, urn: str) -> Json:
    """Return a relation of one decision to another: replaces, revokes or conflicts with."""
    return {"url": url, "valueReference": {"reference": urn}}


def escalation(subject: Json, when: str, by: Json, level: str) -> Json:
    """Return a treatment escalation plan with conditional instructions that fit its level."""
    admit = concept(SNOMED, "32485007")
    intensive = concept(SNOMED, "305351004")
    antibiotics = concept(SNOMED, "281789004")
    stay = level == "comfort"
    details: list[Json] = [
        _instruction(admit, "a fracture, a catastrophic bleed or pain that cannot be controlled at home", False),
        _instruction(intensive, None, level != "full"),
        _instruction(antibiotics, "an infection that causes distress", False),
    ]
    if stay:
        details.insert(0, _instruction(admit, "an expected deterioration", True))
    return {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "category": [concept(SNOMED, v.TREATMENT_ESCALATION_PLAN)],
        "description": "Stay at home with comfort care" if stay else "Treat what can be reversed",
        "subject": subject,
        "created": when,
        "author": by,
        "extension": [
            {"url": v.TREATMENT_LEVEL, "valueCodeableConcept": concept(EPACCS, level)},
        ],
        "activity": [{"detail": detail} for detail in details],
    }


def _instruction(what: Json, when: str | None, refused: bool) -> Json:
    detail: Json = {"status": "not-started", "code": what, "doNotPerform": refused}
    if when:
        detail["extension"] = [{"url": v.APPLIES_WHEN, "valueString": when}]
    return detail


def preferred_place(subject: Json, when: str, by: list[Json], question: str, rank: int, place: str) -> Json:
    """Return where somebody wants to be cared for (`care`) or to die (`death`), or that they have not said."""
    of_death, of_care = PLACES.get(place, (_NO_PREFERENCE, None))
    if question == "death":
        code = concept(SNOMED, v.PREFERRED_PLACE_OF_DEATH)
        value = concept(SNOMED, of_death)
    else:
        code = concept(EPACCS, v.PREFERRED_PLACE_OF_CARE)
        value = concept(SNOMED, of_care) if of_care else {"text": "No preference"}
    ranked = {"extension": [{"url": v.PREFERENCE_RANK, "valuePositiveInt": rank}]}
    if place in _NO_PLACE:
        return observation(code, subject, when, by, dataAbsentReason=absent(*_NO_PLACE[place]))
    return observation(code, subject, when, by, valueCodeableConcept=value, **ranked)


def anticipatory(subject: Json, when: str, by: Json, number: int, until: str, status: str = "active") -> Json:
    """Return a prescription to be kept ready; `number` counts through `MEDICINES`."""
    code, amount, reason = MEDICINES[number]
    return {
        "resourceType": "MedicationRequest",
        "status": status,
        "intent": "order",
        "category": [concept(SNOMED, v.ANTICIPATORY_CARE)],
        "medicationCodeableConcept": concept(DMD, code),
        "subject": subject,
        "authoredOn": when,
        "requester": by,
        "dosageInstruction": [
            {
                "text": f"{amount} by subcutaneous injection when needed for {reason}, at most hourly",
                "asNeededBoolean": True,
                "route": concept(SNOMED, "34206005"),
            }
        ],
        "dispenseRequest": {"validityPeriod": {"start": when, "end": until}},
    }


def box_in_the_house(subject: Json, when: str, kept: str) -> Json:
    """Return the just-in-case box and where it is kept."""
    return {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "category": concept(SNOMED, v.ANTICIPATORY_CARE),
        "medicationCodeableConcept": {"text": "Just-in-case box"},
        "subject": subject,
        "whenHandedOver": when,
        "extension": [{"url": v.KEPT_AT, "valueString": kept}],
    }


def allergy(subject: Json, when: str, by: Json, substance: str) -> Json:
    """Return an allergy to a substance, or `none-known`."""
    status = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    verification = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
    resource: Json = {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "verificationStatus": {"coding": [{"system": verification, "code": "confirmed"}]},
        "code": {"text": substance},
        "patient": subject,
        "recordedDate": when,
        "recorder": by,
    }
    if substance == "none-known":
        resource["code"] = concept(SNOMED, v.NO_KNOWN_ALLERGY)
    else:
        resource["criticality"] = "high"
        resource["reaction"] = [{"manifestation": [{"text": "Rash and swelling"}]}]
    return resource


def condition(subject: Json, words: str, by: Json) -> Json:
    """Return a diagnosis in words."""
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "code": {"text": words},
        "subject": subject,
        "recorder": by,
    }


def functional_status(subject: Json, when: str, by: list[Json], score: int) -> Json:
    """Return an AKPS score."""
    return observation(concept(SNOMED, "901671000000100"), subject, when, by, valueInteger=score)


def what_matters(subject: Json, when: str, words: str) -> Json:
    """Return what matters to the person, in their own words."""
    return observation(concept(EPACCS, "preferences-and-wishes"), subject, when, [subject], valueString=words)


def alert(subject: Json, words: str) -> Json:
    """Return a safety alert."""
    category = "http://terminology.hl7.org/CodeSystem/flag-category"
    return {
        "resourceType": "Flag",
        "status": "active",
        "category": [concept(category, "safety")],
        "code": {"text": words},
        "subject": subject,
    }


def review(subject: Json, decision: Json, due: str, owner: Json) -> Json:
    """Return the task to review a decision by a date."""
    return {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": concept(EPACCS, v.DECISION_REVIEW),
        "focus": decision,
        "for": subject,
        "owner": owner,
        "restriction": {"period": {"end": due}},
    }
