"""Which section of the record a resource, or an element of a Patient, belongs to (sharing rules, section 1).

A resource takes the section with the highest tier of what it holds: its type, its codes, its extensions, what is
contained in it, and the section its author names (a category or tag of our code system `section`). Two limits: what is
about a member of the decision group stays in it, or half the group would be released without the other; and tier L,
which stands apart, never outranks. Security labels are not looked at here: `security.labels` raises tiers by them.

What nothing here knows is `Section.UNKNOWN`, which is as sensitive as tier T4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fhir_profiles.canonical import BASE, structure_definition
from fhir_profiles.data_items import DATA_ITEM_SECTION
from fhir_profiles.section_codes import code_sections
from fhir_profiles.terminology import EPACCS, SECTION
from fhir_profiles.tiers import CRITICAL_SECTIONS, DECISION_GROUP, TIER, Section, Tier

__all__ = [
    "CRITICAL_SECTIONS",
    "DATA_ITEM_SECTION",
    "DECISION_GROUP",
    "TIER",
    "Section",
    "Tier",
    "patient_element_section",
    "section_of",
]

Json = dict[str, Any]

_FOLLOWS_REFERENCES = frozenset(
    """Practitioner PractitionerRole Organization HealthcareService Endpoint Provenance Medication Substance""".split()
)
_BY_TYPE: dict[str, Section] = {
    "AllergyIntolerance": Section.ALLERGIES,
    "CarePlan": Section.CARE_PLAN,
    "CareTeam": Section.EMERGENCY_CONTACTS,
    "CommunicationRequest": Section.CARE_PLAN,
    "Condition": Section.DIAGNOSES,
    "Device": Section.EQUIPMENT,
    "DeviceRequest": Section.EQUIPMENT,
    "Encounter": Section.CARE_PLAN,
    "EpisodeOfCare": Section.CARE_PLAN,
    "Goal": Section.CARE_PLAN,
    "MedicationAdministration": Section.ANTICIPATORY_MEDICINES,
    "MedicationDispense": Section.MEDICATIONS,
    "MedicationRequest": Section.MEDICATIONS,
    "MedicationStatement": Section.MEDICATIONS,
    "Patient": Section.DEMOGRAPHICS,
    "Procedure": Section.DIAGNOSES,
    "ServiceRequest": Section.CARE_PLAN,
    "Task": Section.CARE_PLAN,
}
_CODED: dict[str, tuple[str, ...]] = {
    "CarePlan": ("category",),
    "Communication": ("topic", "category", "reasonCode"),
    "Composition": ("type", "category"),
    "Condition": ("code", "category"),
    "Consent": ("category",),
    "Device": ("type",),
    "DocumentReference": ("type", "category"),
    "Flag": ("code", "category"),
    "Goal": ("category",),
    "MedicationAdministration": ("category",),
    "MedicationDispense": ("category",),
    "MedicationRequest": ("category",),
    "MedicationStatement": ("category",),
    "Observation": ("code", "category", "valueCodeableConcept"),
    "QuestionnaireResponse": (),
    "RelatedPerson": ("relationship",),
    "Task": ("code",),
}
"""Elements whose codes say what a resource is about, the first before the others."""
_QUESTIONNAIRES = {
    f"{BASE}/Questionnaire/about-me": Section.ABOUT_ME,
    f"{BASE}/Questionnaire/carer-strain": Section.ABOUT_ME,
    f"{BASE}/Questionnaire/ipos": Section.FUNCTIONAL_STATUS,
}
_CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_CONSENT_CATEGORY = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
_FLAG_CATEGORY = "http://terminology.hl7.org/CodeSystem/flag-category"
_OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_TO_CALL = frozenset({"C", "N", "Carer", "ProxyContact", "ProxyContactCommunication", "Guardian"})
_TREATMENT_LEVEL = structure_definition("treatment-level")
_SECTION_NAMES = frozenset(section.value for section in Section if section is not Section.UNKNOWN)
_UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"


def section_of(resource: Json) -> Section | None:
    """Return the section of `resource`; None where it takes that of what points at it. Never raises."""
    kind = resource.get("resourceType")
    if not isinstance(kind, str):
        return Section.UNKNOWN
    if kind in _FOLLOWS_REFERENCES:
        return None
    if kind == "Location":
        return None if "managingOrganization" in resource else Section.LOCATION
    named = [section for section in _named(resource, kind) if section is not None]
    stated = list(_stated(resource))
    primary = named[0] if named else _of_type(resource, kind)
    if primary in DECISION_GROUP:
        return primary
    if primary is Section.UNKNOWN and stated:
        primary = stated[0]
    found = (primary, *named, *stated, *_contained(resource))
    return max(found, key=_rank) if len(found) > 1 else primary


def patient_element_section(key: str, item: Json | None) -> Section:
    """Return the section of one element of a Patient: `key` as in the JSON; of a list, one `item`. Never raises."""
    name = key.removeprefix("_")
    if name == "extension":
        return _patient_extension(item if isinstance(item, dict) else {})
    if name == "contained":
        return (section_of(item) if isinstance(item, dict) else None) or Section.LOCATION
    return _PATIENT_ELEMENTS.get(name, Section.UNKNOWN)


def _rank(section: Section) -> int:
    """Order sections by tier; L stands apart and outranks none."""
    tier = TIER[section]
    return 0 if tier is Tier.L else tier + 1


def _named(resource: Json, kind: str) -> Iterator[Section | None]:
    """Yield the sections that codes and extensions name, the most telling first."""
    table = code_sections()
    if kind == "Consent":
        yield _of_consent(resource)
    if kind == "CarePlan" and _says_treatment_level(resource):
        yield Section.TREATMENT_ESCALATION
    for element in _CODED.get(kind, ()):
        if element in resource:
            for pair in _codings(resource[element]):
                yield table.get(pair)
    for nested in _NESTED.get(kind, ()):
        for pair in nested(resource):
            yield table.get(pair)


def _stated(resource: Json) -> Iterator[Section]:
    """Yield the sections that the author names. They place what is otherwise unknown, and else only raise."""
    if "category" not in resource and "meta" not in resource:
        return
    meta = resource.get("meta")
    tags = _pairs(meta.get("tag")) if isinstance(meta, dict) else ()
    for system, code in (*_codings(resource.get("category")), *tags):
        if system == SECTION and code in _SECTION_NAMES:
            yield Section(code)


def _of_type(resource: Json, kind: str) -> Section:
    """Return the section of a resource whose codes name none."""
    if kind == "Flag":
        return _by_category(resource, _FLAG_CATEGORY, _FLAG_SECTIONS)
    if kind == "Observation":
        return _by_category(resource, _OBSERVATION_CATEGORY, _OBSERVATION_SECTIONS)
    if kind == "RelatedPerson":
        codes = {code for _, code in _codings(resource.get("relationship"))}
        return Section.EMERGENCY_CONTACTS if codes & _TO_CALL or "telecom" in resource else Section.ABOUT_ME
    if kind == "QuestionnaireResponse":
        canonical = resource.get("questionnaire")
        bare = canonical.partition("|")[0] if isinstance(canonical, str) else ""
        return _QUESTIONNAIRES.get(bare, Section.UNKNOWN)
    return _BY_TYPE.get(kind, Section.UNKNOWN)


def _by_category(resource: Json, system: str, sections: dict[str, Section]) -> Section:
    found = [sections[code] for pair, code in _codings(resource.get("category")) if pair == system and code in sections]
    return max(found, key=_rank, default=Section.UNKNOWN)


def _of_consent(resource: Json) -> Section | None:
    """Tell choices about sharing (sharing rules, consent to record) from an advance decision, which is about care."""
    scopes = {code for system, code in _codings(resource.get("scope")) if system == _CONSENT_SCOPE}
    categories = set(_codings(resource.get("category")))
    if "patient-privacy" in scopes or "research" in scopes or (EPACCS, "record-creation") in categories:
        return Section.SHARING_CHOICES
    if "adr" in scopes or ("treatment" in scopes and (_CONSENT_CATEGORY, "acd") in categories):
        return Section.ADRT
    return None


def _says_treatment_level(resource: Json) -> bool:
    return any(extension.get("url") == _TREATMENT_LEVEL for extension in _objects(resource.get("extension")))


def _contained(resource: Json) -> Iterator[Section]:
    if "contained" not in resource:
        return
    for part in _objects(resource.get("contained")):
        section = section_of(part) if part.get("contained") is None else Section.UNKNOWN
        if section is not None:
            yield section


def _components(resource: Json) -> Iterator[tuple[str, str]]:
    for component in _objects(resource.get("component")):
        yield from _codings(component.get("code"))
        yield from _codings(component.get("valueCodeableConcept"))


def _activities(resource: Json) -> Iterator[tuple[str, str]]:
    for activity in _objects(resource.get("activity")):
        detail = activity.get("detail")
        if isinstance(detail, dict):
            yield from _codings(detail.get("code"))


def _headings(resource: Json) -> Iterator[tuple[str, str]]:
    waiting = _objects(resource.get("section"))
    while waiting:
        section = waiting.pop()
        yield from _codings(section.get("code"))
        waiting += _objects(section.get("section"))


def _objects(value: object) -> list[Json]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _codings(concept: object) -> list[tuple[str, str]]:
    """Return the (system, code) pairs of a CodeableConcept, or of a list of them."""
    if isinstance(concept, dict):
        return _pairs(concept.get("coding"))
    return [pair for part in _objects(concept) for pair in _pairs(part.get("coding"))]


def _pairs(codings: object) -> list[tuple[str, str]]:
    return [
        (system, code)
        for coding in _objects(codings)
        if isinstance(system := coding.get("system"), str) and isinstance(code := coding.get("code"), str)
    ]


def _patient_extension(extension: Json) -> Section:
    url = extension.get("url")
    if url == f"{_UK_CORE}ContactPreference":
        parts = {part.get("url") for part in _objects(extension.get("extension")) if isinstance(part.get("url"), str)}
        only_format = bool(parts) and parts <= {"PreferredWrittenCommunicationFormat"}
        return Section.COMMUNICATION_NEEDS if only_format else Section.ABOUT_ME
    return _PATIENT_EXTENSIONS.get(url, Section.UNKNOWN) if isinstance(url, str) else Section.UNKNOWN


_NESTED: dict[str, tuple[Callable[[Json], Iterator[tuple[str, str]]], ...]] = {
    "Observation": (_components,),
    "CarePlan": (_activities,),
    "Composition": (_headings,),
}
_FLAG_SECTIONS = {
    **dict.fromkeys(("safety", "clinical", "drug", "behavioral", "contact", "lab"), Section.SAFETY_ALERTS),
    "diet": Section.COMMUNICATION_NEEDS,
    "admin": Section.CARE_PLAN,
    "research": Section.CARE_PLAN,
    "advance-directive": Section.ADRT,
}
_OBSERVATION_SECTIONS = {"vital-signs": Section.FUNCTIONAL_STATUS, "activity": Section.FUNCTIONAL_STATUS}
"""Categories that are safe to trust alone; a laboratory result or social history may be of any sensitivity."""
_PATIENT_ELEMENTS: dict[str, Section] = {
    **dict.fromkeys(
        """resourceType id meta implicitRules language identifier active name gender birthDate deceasedBoolean
        deceasedDateTime link""".split(),
        Section.DEMOGRAPHICS,
    ),
    **dict.fromkeys(("telecom", "address", "generalPractitioner", "managingOrganization"), Section.LOCATION),
    **dict.fromkeys(("maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "photo"), Section.ABOUT_ME),
    "contact": Section.EMERGENCY_CONTACTS,
    "communication": Section.COMMUNICATION_NEEDS,
}
_PATIENT_EXTENSIONS: dict[str, Section] = {
    structure_definition("access-to-home"): Section.ACCESS_DETAILS,
    structure_definition("key-safe"): Section.ACCESS_DETAILS,
    f"{_UK_CORE}BirthSex": Section.ABOUT_ME,
    f"{_UK_CORE}CopyCorrespondenceIndicator": Section.COMMUNICATION_NEEDS,
    f"{_UK_CORE}DeathNotificationStatus": Section.DEMOGRAPHICS,
    f"{_UK_CORE}EthnicCategory": Section.ABOUT_ME,
    f"{_UK_CORE}NHSCommunication": Section.COMMUNICATION_NEEDS,
    f"{_UK_CORE}NominatedPharmacy": Section.LOCATION,
    f"{_UK_CORE}ReligiousAffiliation": Section.SPIRITUAL,
    f"{_UK_CORE}ResidentialStatus": Section.LOCATION,
    "http://hl7.org/fhir/StructureDefinition/data-absent-reason": Section.DEMOGRAPHICS,
    "http://hl7.org/fhir/StructureDefinition/patient-birthPlace": Section.ABOUT_ME,
    "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired": Section.COMMUNICATION_NEEDS,
    "http://hl7.org/fhir/StructureDefinition/patient-religion": Section.SPIRITUAL,
}
