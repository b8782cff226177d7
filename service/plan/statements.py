"""What the emergency summary says of one resource: the words of a crew's first ten seconds, one builder per section.

A builder returns a `Statement` for each thing worth saying, or none: what is out of use, superseded or not for this
page makes no line. Decisions are worded in `decision_statements`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from fhir_profiles.sections import Section
from fhir_profiles.terminology import EPACCS, SNOMED
from service.plan import vocabulary as v
from service.plan.context import PlanContext
from service.plan.decisions import Unverified, Validity, absent_reason
from service.plan.elements import (
    Resource,
    any_has_code,
    codings,
    concept_words,
    extension,
    has_code,
    identifier_of,
    person_name,
    phones,
)
from service.plan.phrases import answer_to, choice, dose, finding, is_attorney, kinship, medicine, reactions
from service.plan.placing import MASK
from service.plan.slots import Slot
from service.plan.times import in_words

_NHS_COMMUNICATION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSCommunication"
_INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
CALL_NOW = "CALL NOW, 24 hours"
"""How a number begins that is answered day and night."""
_OUT_OF_USE = frozenset(
    {"entered-in-error", "cancelled", "stopped", "inactive", "superseded", "draft", "declined", "proposed"}
)


class Statement(msgspec.Struct, frozen=True):
    """One thing to say. `words` stand alone; `details` follow them in the item's own text.

    `until` is a FHIR date after which `late` is to be added; `section` overrides the resource's own section, where one
    resource (Patient) holds elements of several. `order` sorts within the slot, lowest first. `validity` is that of an
    advance decision; what has none is nothing that could be valid.
    """

    slot: Slot
    words: str
    order: int = 0
    details: str = ""
    title: str | None = None
    concept: Resource | None = None
    until: str | None = None
    late: str = ""
    section: Section | None = None
    validity: Validity | None = None


def statements(resource: Resource, section: Section, context: PlanContext) -> list[Statement]:
    """Return what the summary says of a resource that is no CPR or escalation decision."""
    if resource.get("resourceType") == "Patient":
        return _patient(resource)
    build = _BUILDERS.get(section)
    if build is None or _out_of_use(resource):
        return []
    return build(resource, context)


def _out_of_use(resource: Resource) -> bool:
    if resource.get("status") in _OUT_OF_USE or resource.get("active") is False:
        return True
    status = [code for _, code in codings(resource.get("verificationStatus"))]
    status += [code for _, code in codings(resource.get("clinicalStatus"))]
    return any(code in ("entered-in-error", "refuted", "inactive", "resolved") for code in status)


def _patient(resource: Resource) -> list[Statement]:
    usual: Resource = next((one for one in resource.get("name", ()) if one.get("use") in ("usual", "nickname")), {})
    likes = usual.get("text") or " ".join(usual.get("given", ()))
    died = in_words(resource.get("deceasedDateTime")) or ("date not known" if resource.get("deceasedBoolean") else None)
    number = identifier_of(resource, NHS_NUMBER_SYSTEM)
    parts = [
        person_name(resource.get("name")) or "Name not recorded",
        f"likes to be called {likes}" if likes else None,
        f"born {in_words(resource.get('birthDate')) or 'on a date not recorded'}",
        f"NHS number {number[:3]} {number[3:6]} {number[6:]}" if number else "NHS number not recorded",
        f"RECORDED AS HAVING DIED ({died})" if died else None,
    ]
    said = [Statement(Slot.IDENTITY, ", ".join(part for part in parts if part), section=Section.DEMOGRAPHICS)]
    for one in resource.get("communication", ()):
        if language := concept_words(one.get("language")):
            words = f"Speaks {language}{' (preferred)' if one.get('preferred') else ''}"
            said.append(Statement(Slot.COMMUNICATION, words, order=1, section=Section.COMMUNICATION_NEEDS))
    if _needs_interpreter(resource):
        said.append(Statement(Slot.COMMUNICATION, "INTERPRETER NEEDED", section=Section.COMMUNICATION_NEEDS))
    return said


def _needs_interpreter(resource: Resource) -> bool:
    stated = extension(resource, _INTERPRETER) or extension(
        extension(resource, _NHS_COMMUNICATION) or {}, "interpreterRequired"
    )
    return bool(stated and stated.get("valueBoolean"))


def _advance_decision(resource: Resource, context: PlanContext) -> list[Statement]:
    if any_has_code([resource.get("type"), resource.get("code")], SNOMED, v.ADRT_RETRACTED):
        return []
    if resource.get("resourceType") == "Consent":
        codes = resource.get("provision", {}).get("code", ())
        refused = ", ".join(words for one in codes if (words := concept_words(one)))
        words = f"ADVANCE DECISION TO REFUSE TREATMENT: {refused or 'read the document'}"
        seen = any(one.get("verified") for one in resource.get("verification", ()))
        checked = (
            "Verified." if seen else "NOT VERIFIED HERE: see that it is valid and applies (written, signed, witnessed)."
        )
        details = f"It binds where it is valid and applies. {checked}"
        validity = Validity() if seen else Validity((Unverified.NOT_VERIFIED,))
        return [Statement(Slot.LEGAL, words, order=0, details=details, validity=validity)]
    words = finding(resource) or concept_words(resource.get("code") or resource.get("type")) or "exists"
    return [Statement(Slot.LEGAL, f"ADVANCE DECISION TO REFUSE TREATMENT: {words}", order=1)]


def _power_of_attorney(resource: Resource, context: PlanContext) -> list[Statement]:
    if resource.get("resourceType") == "RelatedPerson":
        return [
            _contact(resource, "Attorney for health and welfare" if is_attorney(resource) else "Attorney", 2, context)
        ]
    if resource.get("resourceType") not in ("Observation", "DocumentReference"):
        return []
    concepts = (resource.get("valueCodeableConcept"), resource.get("code"), resource.get("type"))
    sustaining = any(has_code(one, SNOMED, v.LPA_LIFE_SUSTAINING) for one in concepts)
    scope = (
        "attorney MAY decide about life-sustaining treatment"
        if sustaining
        else ("authority over life-sustaining treatment NOT recorded")
    )
    names = [name for one in resource.get("focus", ()) if (name := context.display(one))]
    held = f", held by {', '.join(names)}" if names else ""
    words = f"LASTING POWER OF ATTORNEY for health and welfare{held}: {scope}"
    return [Statement(Slot.LEGAL, words, order=2, details="It counts only while the person lacks capacity.")]


def _place(resource: Resource, context: PlanContext) -> list[Statement]:
    if resource.get("resourceType") != "Observation":
        return []
    death = has_code(resource.get("code"), SNOMED, v.PREFERRED_PLACE_OF_DEATH)
    care = has_code(resource.get("code"), EPACCS, v.PREFERRED_PLACE_OF_CARE)
    if not (death or care):
        return []
    question = "Preferred place of death" if death else "Preferred place of care"
    place = answer_to(question, resource) or "not stated"
    ranked = choice(resource)
    rank = (extension(resource, v.PREFERENCE_RANK) or {}).get("valuePositiveInt") or 9
    words = f"{question}{f', {ranked}' if ranked else ''}: {place}"
    concept = resource.get("valueCodeableConcept")
    return [Statement(Slot.PLACE, words, order=int(rank) * 10 + int(not death), concept=concept)]


def _medicines(resource: Resource, context: PlanContext) -> list[Statement]:
    concept = resource.get("medicationCodeableConcept")
    if resource.get("resourceType") == "MedicationDispense":
        kept = (extension(resource, v.KEPT_AT) or {}).get("valueString")
        words = f"IN THE HOME: {medicine(resource)}, {f'kept: {kept}' if kept else 'where it is kept is not recorded'}"
        return [Statement(Slot.MEDICINES, words, concept=concept)]
    if resource.get("resourceType") != "MedicationRequest" or resource.get("status") == "completed":
        return []
    until = resource.get("dispenseRequest", {}).get("validityPeriod", {}).get("end")
    held = " (ON HOLD)" if resource.get("status") == "on-hold" else ""
    authorised = f"authorised until {in_words(until)}" if until else "end of authorisation not recorded"
    return [
        Statement(
            Slot.MEDICINES,
            f"{medicine(resource)}{held}, {dose(resource) or 'dose not recorded'}, {authorised}",
            order=1,
            title=medicine(resource),
            concept=concept,
            until=until,
            late=f"AUTHORISATION ENDED {in_words(until)}.",
        )
    ]


def _allergy(resource: Resource, context: PlanContext) -> list[Statement]:
    concept = resource.get("code")
    if resource.get("resourceType") != "AllergyIntolerance":
        return []
    if has_code(concept, SNOMED, v.NO_KNOWN_ALLERGY):
        return [Statement(Slot.ALLERGIES, "No known allergies", order=9, concept=concept)]
    high = resource.get("criticality") == "high"
    effect = reactions(resource)
    words = f"ALLERGY: {concept_words(concept) or 'not named'}{f' ({effect})' if effect else ''}"
    return [Statement(Slot.ALLERGIES, words + (", HIGH RISK" if high else ""), order=int(not high), concept=concept)]


def _call(resource: Resource, context: PlanContext) -> list[Statement]:
    if resource.get("resourceType") == "RelatedPerson":
        if is_attorney(resource):
            return [_contact(resource, "Attorney for health and welfare", 2, context)]
        roles = [code for one in resource.get("relationship", ()) for _, code in codings(one)]
        role = "Next of kin" if "N" in roles else "Emergency contact" if "C" in roles else "Contact"
        return [_contact(resource, role, 4 if role == "Contact" else 3, context)]
    return _team(resource, context) if resource.get("resourceType") == "CareTeam" else []


def _contact(resource: Resource, role: str, order: int, context: PlanContext) -> Statement:
    kin = kinship(resource)
    name = person_name(resource.get("name")) or "name not recorded"
    number = ", ".join(phones(resource.get("telecom"))) or _no_phone(context)
    return Statement(Slot.CALL, f"{role}: {name}{f' ({kin})' if kin else ''}, {number}", order=order)


def _no_phone(context: PlanContext) -> str:
    return f"phone {MASK}" if context.masked else "no phone recorded"


def _team(resource: Resource, context: PlanContext) -> list[Statement]:
    said = []
    name = resource.get("name")
    for point in resource.get("telecom", ()):
        if point.get("system") not in ("phone", "sms", None) or not point.get("value"):
            continue
        stated = extension(point, v.AVAILABILITY) or {}
        hours = stated.get("valueCode") or stated.get("valueString")
        day_and_night = hours == "24h"
        lead = CALL_NOW if day_and_night else f"Care team{f' ({hours})' if hours else ''}"
        words = f"{lead}: {point['value']}{f', {name}' if name else ''}"
        said.append(Statement(Slot.CALL, words, order=0 if day_and_night else 5))
    for participant in resource.get("participant", ()):
        roles = participant.get("role")
        if any(any_has_code(roles, SNOMED, code) for code in v.KEY_WORKER_ROLES):
            member = participant.get("member")
            number = ", ".join(phones((context.named(member) or {}).get("telecom"))) or _no_phone(context)
            words = f"Key worker: {context.display(member) or 'name not recorded'}, {number}"
            said.append(Statement(Slot.CALL, words, order=1))
    return said


def _need(resource: Resource, context: PlanContext) -> list[Statement]:
    return _in_a_word(resource, Slot.COMMUNICATION)


def _alert(resource: Resource, context: PlanContext) -> list[Statement]:
    return _in_a_word(resource, Slot.SAFETY)


def _in_a_word(resource: Resource, slot: Slot) -> list[Statement]:
    concept = resource.get("code")
    named = concept_words(concept)
    value = None if absent_reason(resource) else finding(resource)
    words = ": ".join(part for part in (named, value) if part)
    return [Statement(slot, words, concept=concept)] if words else []


_BUILDERS: dict[Section, Callable[[Resource, PlanContext], list[Statement]]] = {
    Section.ADRT: _advance_decision,
    Section.LPA_HEALTH_WELFARE: _power_of_attorney,
    Section.PREFERRED_PLACE: _place,
    Section.ANTICIPATORY_MEDICINES: _medicines,
    Section.ALLERGIES: _allergy,
    Section.EMERGENCY_CONTACTS: _call,
    Section.COMMUNICATION_NEEDS: _need,
    Section.SAFETY_ALERTS: _alert,
}
