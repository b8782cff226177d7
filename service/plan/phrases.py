"""Short plain phrases for values that many resources share: what an Observation found, a dose, a place, a choice."""

from __future__ import annotations

from service.plan import vocabulary as v
from service.plan.decisions import Cpr, absent_reason, cpr_answer
from service.plan.elements import Resource, codings, concept_words, extension, has_code
from service.plan.times import in_words

CPR_WORDS = {
    Cpr.DO_NOT_ATTEMPT: "DO NOT ATTEMPT CPR",
    Cpr.ATTEMPT: "ATTEMPT CPR",
    Cpr.MODIFIED: "MODIFIED CPR: read the decision",
}
BASIS_WORDS = {
    "clinical-recommendation": "clinical recommendation",
    "adrt": "the person's advance decision to refuse treatment (binding)",
    "lpa-decision": "decision of the health and welfare attorney",
    "best-interests": "best interests decision",
    "court-order": "court order",
}
ABSENT_WORDS = {
    "unknown": "not known",
    "asked-unknown": "asked, the person does not know",
    "temp-unknown": "not known yet",
    "not-asked": "not discussed yet",
    "asked-declined": "asked, declined to discuss",
    "not-applicable": "discussion not appropriate now",
    "unsupported": "the sending system cannot say",
    "error": "not available because of an error in the sending system",
}


def absent_words(resource: Resource) -> str | None:
    """Say why an Observation has no value: the sender's own words first."""
    reason = absent_reason(resource)
    if reason is None:
        return None
    return resource.get("dataAbsentReason", {}).get("text") or ABSENT_WORDS.get(reason, reason)


def finding(resource: Resource) -> str | None:
    """Say what an Observation found, or why it found nothing."""
    if answer := cpr_answer(resource):
        return CPR_WORDS[answer]
    if words := concept_words(resource.get("valueCodeableConcept")) or resource.get("valueString"):
        return str(words)
    if (quantity := resource.get("valueQuantity")) and "value" in quantity:
        return f"{quantity.get('comparator', '')}{quantity['value']} {quantity.get('unit', '')}".strip()
    if "valueInteger" in resource:
        return str(resource["valueInteger"])
    if "valueBoolean" in resource:
        return "yes" if resource["valueBoolean"] else "no"
    return in_words(resource.get("valueDateTime")) or absent_words(resource)


def answer_to(question: str, resource: Resource) -> str | None:
    """Say what was found in answer to a question, without saying the question again."""
    found = finding(resource)
    return found.removeprefix(f"{question}: ").removesuffix(" (finding)") if found else None


def choice(resource: Resource) -> str:
    """Say which choice a preferred place is: `1st choice`; empty when its rank is not stated."""
    rank = (extension(resource, v.PREFERENCE_RANK) or {}).get("valuePositiveInt")
    return {1: "1st choice", 2: "2nd choice"}.get(rank, f"choice {rank}") if rank else ""


def dose(resource: Resource) -> str | None:
    """Say how a medicine is to be given, from the first dosage: its own text, else its parts."""
    dosage = next(iter(resource.get("dosageInstruction") or resource.get("dosage") or ()), None)
    if not isinstance(dosage, dict):
        return None
    if text := dosage.get("text"):
        return str(text)
    rate: Resource = next(iter(dosage.get("doseAndRate", ())), {})
    quantity = rate.get("doseQuantity") or {}
    amount = f"{quantity['value']} {quantity.get('unit', '')}".strip() if "value" in quantity else None
    needed = concept_words(dosage.get("asNeededCodeableConcept"))
    parts = (amount, concept_words(dosage.get("route")), f"when needed for {needed}" if needed else None)
    return ", ".join(part for part in parts if part) or None


def medicine(resource: Resource) -> str:
    """Name the medicine of a medication resource."""
    named = concept_words(resource.get("medicationCodeableConcept"))
    return named or (resource.get("medicationReference") or {}).get("display") or "medicine not named"


def reactions(resource: Resource) -> str | None:
    """Say what an allergy does to the person."""
    found = [
        words
        for reaction in resource.get("reaction", ())
        for one in reaction.get("manifestation", ())
        if (words := concept_words(one))
    ]
    return ", ".join(found) or None


def interventions(resource: Resource) -> list[str]:
    """Say each instruction of an escalation plan: what, whether or not, and when it applies."""
    found = []
    for activity in resource.get("activity", ()):
        detail = activity.get("detail") or {}
        what = concept_words(detail.get("code"))
        more = detail.get("description")
        words = f"{what}: {more}" if what and more and more != what else what or more
        if not words:
            continue
        when = (extension(detail, v.APPLIES_WHEN) or {}).get("valueString")
        lead = "NOT for" if detail.get("doNotPerform") else "For"
        found.append(f"If {when}: {lead.lower() if lead == 'For' else lead} {words}" if when else f"{lead} {words}")
    return found


def relationship(resource: Resource) -> str | None:
    """Say who a contact is to the person."""
    words = [one for concept in resource.get("relationship", ()) if (one := concept_words(concept))]
    return ", ".join(words) or None


def kinship(resource: Resource) -> str | None:
    """Say how a contact is related to the person, without the roles that are told otherwise."""
    words = [
        one
        for concept in resource.get("relationship", ())
        if not (is_attorney_role(concept) or any(system == v.V2_CONTACT_ROLE for system, _ in codings(concept)))
        and (one := concept_words(concept))
    ]
    return ", ".join(words) or None


def is_attorney_role(concept: Resource) -> bool:
    """Say whether a relationship is a power of attorney for health and welfare."""
    return has_code(concept, v.V3_ROLE, "HPOWATT")


def is_attorney(resource: Resource) -> bool:
    """Say whether a RelatedPerson holds a power of attorney for health and welfare."""
    return any(is_attorney_role(concept) for concept in resource.get("relationship", ()))
