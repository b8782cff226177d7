"""The narrative that we release, generated from a resource's own elements (hazard H10).

A sender's narrative can say what the structured data does not, or what a reader may not see. So nobody's narrative is
released as it came: it is replaced by one made from the elements that are released with it, escaped, in the
few XHTML elements that need no trust. A Patient's narrative tells identity only, never an address, phone or key safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.plan import vocabulary as v
from service.plan.decisions import authors_of, effective_of
from service.plan.elements import Resource, concept_words, extension, identifier_of, notes, person_name, phones
from service.plan.markup import narrative, plain
from service.plan.phrases import BASIS_WORDS, answer_to, choice, dose, interventions, medicine, reactions, relationship
from service.plan.times import in_words

_LONGEST = 400
"""Characters of one free text that a narrative repeats; the entry itself holds the whole."""

_HEAD = ("resourceType", "id", "meta", "implicitRules", "language")
"""What comes before the narrative in FHIR's own order."""

Facts = list[tuple[str, object]]
"""What a narrative says: (label, value) in order; the first is the headline, empty values are left out."""


def with_narrative(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy whose `text` is generated here and whose contained resources carry none. Never raises."""
    text = narrative(_paragraphs(resource))
    head = {key: resource[key] for key in _HEAD if key in resource}
    result: dict[str, Any] = {**head, "text": text, **resource}
    result["text"] = text
    if "contained" in result:
        result["contained"] = [{k: val for k, val in one.items() if k != "text"} for one in result["contained"]]
    return result


def _paragraphs(resource: Resource) -> list[str]:
    kind = str(resource.get("resourceType", "Entry"))
    facts = _FACTS.get(kind, _nothing)(resource)
    said = [
        f"{label}: {plain(value, _LONGEST)}" if label else plain(value, _LONGEST) for label, value in facts if value
    ]
    if resource.get("status") == "entered-in-error" or _error_status(resource):
        said.insert(0, "ENTERED IN ERROR: do not use.")
    return said or [plain(kind)]


def _error_status(resource: Resource) -> bool:
    status = resource.get("verificationStatus")
    return isinstance(status, dict) and any(one.get("code") == "entered-in-error" for one in status.get("coding", ()))


def _who_and_when(resource: Resource) -> Facts:
    names = [str(one["display"]) for one in authors_of(resource) if one.get("display")]
    note = notes(resource) if "note" in resource else None
    return [("By", ", ".join(names)), ("When", in_words(effective_of(resource))), ("Note", note)]


def _patient(resource: Resource) -> Facts:
    usual: Resource = next((one for one in resource.get("name", ()) if one.get("use") in ("usual", "nickname")), {})
    died = in_words(resource.get("deceasedDateTime")) or ("yes" if resource.get("deceasedBoolean") else None)
    return [
        ("", person_name(resource.get("name")) or "Name not recorded"),
        ("Likes to be called", usual.get("text") or " ".join(usual.get("given", ()))),
        ("Born", in_words(resource.get("birthDate"))),
        ("NHS number", identifier_of(resource, NHS_NUMBER_SYSTEM)),
        ("Recorded as having died", died),
    ]


def _observation(resource: Resource) -> Facts:
    basis = (extension(resource, v.DECISION_BASIS) or {}).get("valueCode")
    what = concept_words(resource.get("code")) or "Observation"
    return [
        ("", f"{what}: {answer_to(what, resource) or 'no value'}"),
        ("Choice", choice(resource)),
        ("Basis", BASIS_WORDS.get(str(basis), basis)),
        *_who_and_when(resource),
    ]


def _care_plan(resource: Resource) -> Facts:
    level = (extension(resource, v.TREATMENT_LEVEL) or {}).get("valueCodeableConcept")
    categories = [words for one in resource.get("category", ()) if (words := concept_words(one))]
    return [
        ("", resource.get("title") or ", ".join(categories) or "Care plan"),
        ("Level of treatment", concept_words(level)),
        ("", resource.get("description")),
        *(("", words) for words in interventions(resource)),
        *_who_and_when(resource),
    ]


def _medication(resource: Resource) -> Facts:
    until = resource.get("dispenseRequest", {}).get("validityPeriod", {}).get("end")
    return [
        ("", medicine(resource)),
        ("Dose", dose(resource)),
        ("Kept", (extension(resource, v.KEPT_AT) or {}).get("valueString")),
        ("Authorised until", in_words(until)),
        ("Status", resource.get("status")),
        *_who_and_when(resource),
    ]


def _allergy(resource: Resource) -> Facts:
    return [
        ("", concept_words(resource.get("code")) or "Allergy"),
        ("Reaction", reactions(resource)),
        ("Criticality", resource.get("criticality")),
        *_who_and_when(resource),
    ]


def _condition(resource: Resource) -> Facts:
    stages = [words for one in resource.get("stage", ()) if (words := concept_words(one.get("summary")))]
    return [
        ("", concept_words(resource.get("code")) or "Condition"),
        ("Stage", ", ".join(stages)),
        ("Status", concept_words(resource.get("clinicalStatus"))),
        ("Since", in_words(resource.get("onsetDateTime"))),
        ("Note", notes(resource)),
    ]


def _related_person(resource: Resource) -> Facts:
    return [
        ("", person_name(resource.get("name")) or "Contact"),
        ("Relationship", relationship(resource)),
        ("Phone", ", ".join(phones(resource.get("telecom")))),
    ]


def _care_team(resource: Resource) -> Facts:
    members = [one.get("member", {}).get("display") for one in resource.get("participant", ())]
    return [
        ("", resource.get("name") or "Care team"),
        ("Phone", ", ".join(phones(resource.get("telecom")))),
        ("Members", ", ".join(str(one) for one in members if one)),
    ]


def _consent(resource: Resource) -> Facts:
    provision = resource.get("provision", {})
    categories = [words for one in resource.get("category", ()) if (words := concept_words(one))]
    codes = [words for one in provision.get("code", ()) if (words := concept_words(one))]
    return [
        ("", ", ".join(categories) or concept_words(resource.get("scope")) or "Consent"),
        ("Rule", provision.get("type")),
        ("About", ", ".join(codes)),
        ("Status", resource.get("status")),
        ("When", in_words(resource.get("dateTime"))),
    ]


def _task(resource: Resource) -> Facts:
    return [
        ("", resource.get("description") or concept_words(resource.get("code")) or "Task"),
        ("Due by", in_words(resource.get("restriction", {}).get("period", {}).get("end"))),
        ("Status", resource.get("status")),
        ("Owner", resource.get("owner", {}).get("display")),
    ]


def _provenance(resource: Resource) -> Facts:
    agents = [one.get("who", {}).get("display") for one in resource.get("agent", ())]
    recorded = in_words(resource.get("occurredDateTime")) or in_words(resource.get("recorded"))
    return [("", "Where this came from"), ("By", ", ".join(str(one) for one in agents if one)), ("When", recorded)]


def _document(resource: Resource) -> Facts:
    titles = [one.get("attachment", {}).get("title") for one in resource.get("content", ())]
    return [
        ("", concept_words(resource.get("type")) or "Document"),
        ("Title", ", ".join(str(one) for one in titles if one)),
        ("About", resource.get("description")),
        ("Date", in_words(resource.get("date"))),
    ]


def _coded(resource: Resource) -> Facts:
    """Types that say what they are in one concept: Flag, Communication, Device, Goal and the like."""
    for key in ("code", "type", "description", "topic", "reasonCode"):
        value = resource.get(key)
        value = value[0] if isinstance(value, list) and value else value
        if words := concept_words(value) if isinstance(value, dict) else value:
            return [("", words), ("Status", resource.get("status")), *_who_and_when(resource)]
    return [("", resource.get("resourceType")), ("Status", resource.get("status")), *_who_and_when(resource)]


def _communication(resource: Resource) -> Facts:
    said = [one["contentString"] for one in resource.get("payload", ()) if one.get("contentString")]
    return [*_coded(resource)[:1], ("Message", " ".join(said)), ("Sent", in_words(resource.get("sent")))]


def _named(resource: Resource) -> Facts:
    """Types that stand for a person or a place: Practitioner, Organization, Location, HealthcareService, Endpoint."""
    name = resource.get("name")
    words = name if isinstance(name, str) else person_name(name)
    role = next((found for one in resource.get("code", ()) if (found := concept_words(one))), None)
    who = resource.get("practitioner", {}).get("display")
    return [("", words or who or role or resource.get("resourceType")), ("Role", role)]


def _composition(resource: Resource) -> Facts:
    return [("", resource.get("title")), ("Date", in_words(resource.get("date")))]


def _nothing(_: Resource) -> Facts:
    return []


_FACTS: dict[str, Callable[[Resource], Facts]] = {
    "Patient": _patient,
    "Observation": _observation,
    "CarePlan": _care_plan,
    **dict.fromkeys(
        ("MedicationRequest", "MedicationDispense", "MedicationStatement", "MedicationAdministration"), _medication
    ),
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "RelatedPerson": _related_person,
    "CareTeam": _care_team,
    "Consent": _consent,
    "Task": _task,
    "Provenance": _provenance,
    "DocumentReference": _document,
    "Composition": _composition,
    "Communication": _communication,
    **dict.fromkeys(("Flag", "Goal", "Device", "QuestionnaireResponse"), _coded),
    **dict.fromkeys(
        ("Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService", "Endpoint"), _named
    ),
}
