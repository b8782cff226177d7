"""Sections of data items, resources and elements of a Patient."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles import json
from fhir_profiles.canonical import structure_definition
from fhir_profiles.r4 import CONTAINED_ONLY_TYPES, SUPPORTED_TYPES
from fhir_profiles.sections import (
    DATA_ITEM_SECTION,
    DECISION_GROUP,
    TIER,
    Section,
    Tier,
    patient_element_section,
    section_of,
)
from fhir_profiles.terminology import EPACCS, SECTION, SNOMED
from tests.fhir_profiles.places import EXAMPLES, REFERENCE, needs_reference

V3_ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
FLAG = "http://terminology.hl7.org/CodeSystem/flag-category"
UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def observation(system: str, code: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "code": concept(system, code), **more}


def test_174_data_items_have_a_section() -> None:
    assert len(DATA_ITEM_SECTION) == 174
    assert Section.UNKNOWN not in DATA_ITEM_SECTION.values()


@needs_reference
def test_the_data_items_are_those_of_the_list() -> None:
    listed = re.findall(r"^\| `([a-z0-9-]+)`", (REFERENCE / "data-items.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(DATA_ITEM_SECTION)


@pytest.mark.parametrize(
    ("item", "section"),
    [
        ("date-of-birth", "demographics"),
        ("actual-date-of-death", "demographics"),
        ("usual-gp", "location"),
        ("ppd-place-details", "location"),
        ("key-safe", "access_details"),
        ("ethnicity", "about_me"),
        ("main-carer-phone", "emergency_contacts"),
        ("ambulance-notified", "care_plan"),
        ("consent-child", "sharing_choices"),
        ("dols", "decision_context"),
        ("lpa-property", "care_plan"),
        ("gsf-stage", "prognosis"),
        ("carer-aware-prognosis", "family_awareness"),
        ("cpr-form-type", "cpr_decision"),
        ("respect-summary", "treatment_escalation"),
        ("what-i-fear", "what_matters"),
        ("ppd-second", "preferred_place"),
        ("religion", "spiritual"),
        ("administered", "anticipatory_medicines"),
        ("falls-self-neglect", "diagnoses"),
        ("family-conflict", "third_party"),
        ("plan-document", "treatment_escalation"),
        ("other-documents", "care_plan"),
    ],
)
def test_items_are_where_the_rules_put_them(item: str, section: str) -> None:
    assert DATA_ITEM_SECTION[item] == section


EXPECTED_EXAMPLES = {
    "AllergyIntolerance-allergy": Section.ALLERGIES,
    "CarePlan-escalation": Section.TREATMENT_ESCALATION,
    "CareTeam-team": Section.EMERGENCY_CONTACTS,
    "Condition-diagnosis": Section.DIAGNOSES,
    "Consent-adrt": Section.ADRT,
    "Consent-record": Section.SHARING_CHOICES,
    "Consent-sharing": Section.SHARING_CHOICES,
    "Flag-dog": Section.SAFETY_ALERTS,
    "MedicationDispense-just-in-case": Section.ANTICIPATORY_MEDICINES,
    "MedicationRequest-anticipatory-1": Section.ANTICIPATORY_MEDICINES,
    "MedicationRequest-anticipatory-2": Section.ANTICIPATORY_MEDICINES,
    "MedicationRequest-anticipatory-3": Section.ANTICIPATORY_MEDICINES,
    "MedicationRequest-anticipatory-4": Section.ANTICIPATORY_MEDICINES,
    "Observation-cpr": Section.CPR_DECISION,
    "Observation-lpa": Section.LPA_HEALTH_WELFARE,
    "Observation-ppc": Section.PREFERRED_PLACE,
    "Observation-ppd-1": Section.PREFERRED_PLACE,
    "Observation-ppd-2": Section.PREFERRED_PLACE,
    "Observation-value": Section.WHAT_MATTERS,
    "Patient-example-person": Section.DEMOGRAPHICS,
    "Practitioner-example-gp": None,
    "Provenance-origin": None,
    "RelatedPerson-attorney": Section.LPA_HEALTH_WELFARE,
    "RelatedPerson-daughter": Section.EMERGENCY_CONTACTS,
    "Task-cpr-review": Section.DECISION_CONTEXT,
}


def test_every_example_has_its_section() -> None:
    found = {path.stem: section_of(json.decode(path.read_bytes())) for path in EXAMPLES.glob("*.json")}
    assert found == EXPECTED_EXAMPLES


CASES: list[tuple[str, dict[str, Any], Section | None]] = [
    ("prognosis", observation(SNOMED, "767503006"), Section.PROGNOSIS),
    ("awareness", observation(SNOMED, "473301001"), Section.FAMILY_AWARENESS),
    ("AKPS", observation(SNOMED, "901671000000100"), Section.FUNCTIONAL_STATUS),
    ("capacity", observation(EPACCS, "decision-capacity"), Section.DECISION_CONTEXT),
    ("best interests", observation(EPACCS, "best-interests-decision"), Section.DECISION_CONTEXT),
    ("family conflict", observation(EPACCS, "family-conflict"), Section.THIRD_PARTY),
    ("ICD off", observation(EPACCS, "icd-shocks-off"), Section.EQUIPMENT),
    ("ADRT", observation(SNOMED, "816301000000100"), Section.ADRT),
    ("LPA for property", observation(SNOMED, "341041000000103"), Section.CARE_PLAN),
    (
        "only the value says",
        observation("urn:other", "x", valueCodeableConcept=concept(SNOMED, "450476008")),
        Section.CPR_DECISION,
    ),
    ("unknown code", observation("urn:other", "x"), Section.UNKNOWN),
    ("no code", {"resourceType": "Observation"}, Section.UNKNOWN),
    (
        "vital sign",
        {
            "resourceType": "Observation",
            "category": [concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")],
        },
        Section.FUNCTIONAL_STATUS,
    ),
    ("conversation", {"resourceType": "Communication", "topic": concept(SNOMED, "713662007")}, Section.CARE_PLAN),
    (
        "crew outcome",
        {"resourceType": "Communication", "category": [concept(EPACCS, "crew-outcome")]},
        Section.CARE_PLAN,
    ),
    (
        "CPR conversation",
        {"resourceType": "Communication", "topic": concept(SNOMED, "713079002")},
        Section.CPR_DECISION,
    ),
    ("other message", {"resourceType": "Communication"}, Section.UNKNOWN),
    ("other task", {"resourceType": "Task", "code": concept(SNOMED, "713580008")}, Section.CARE_PLAN),
    (
        "adult at risk",
        {"resourceType": "Flag", "category": [concept(FLAG, "safety")], "code": concept(SNOMED, "417430008")},
        Section.SAFEGUARDING,
    ),
    ("register", {"resourceType": "Flag", "code": concept(SNOMED, "526631000000108")}, Section.CARE_PLAN),
    (
        "violence",
        {"resourceType": "Flag", "category": [concept(FLAG, "safety")], "code": concept(SNOMED, "65108000")},
        Section.SAFETY_ALERTS,
    ),
    ("flag of no kind", {"resourceType": "Flag", "code": {"text": "x"}}, Section.UNKNOWN),
    ("other care plan", {"resourceType": "CarePlan", "category": [concept(SNOMED, "736373009")]}, Section.CARE_PLAN),
    ("regular medicine", {"resourceType": "MedicationRequest"}, Section.MEDICATIONS),
    ("dose given", {"resourceType": "MedicationAdministration"}, Section.ANTICIPATORY_MEDICINES),
    ("hearing loss", {"resourceType": "Condition", "code": concept(SNOMED, "15188001")}, Section.COMMUNICATION_NEEDS),
    (
        "plan document",
        {"resourceType": "DocumentReference", "type": concept(SNOMED, "1382601000000107")},
        Section.TREATMENT_ESCALATION,
    ),
    ("ADRT document", {"resourceType": "DocumentReference", "type": concept(SNOMED, "1052911000000106")}, Section.ADRT),
    ("document of no kind", {"resourceType": "DocumentReference"}, Section.UNKNOWN),
    ("friend", {"resourceType": "RelatedPerson"}, Section.ABOUT_ME),
    ("IMCA", {"resourceType": "RelatedPerson", "relationship": [concept(EPACCS, "imca")]}, Section.DECISION_CONTEXT),
    (
        "deputy",
        {"resourceType": "RelatedPerson", "relationship": [concept(EPACCS, "court-appointed-deputy")]},
        Section.LPA_HEALTH_WELFARE,
    ),
    ("research consent", {"resourceType": "Consent", "scope": concept(SCOPE, "research")}, Section.SHARING_CHOICES),
    ("other consent", {"resourceType": "Consent", "scope": concept(SCOPE, "treatment")}, Section.UNKNOWN),
    ("ward", {"resourceType": "Location", "managingOrganization": {"reference": "Organization/a"}}, None),
    ("somebody's home", {"resourceType": "Location"}, Section.LOCATION),
    (
        "composition by its headings",
        {
            "resourceType": "Composition",
            "section": [
                {
                    "section": [
                        {
                            "code": concept(
                                "https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings", "safeguarding"
                            )
                        }
                    ]
                }
            ],
        },
        Section.SAFEGUARDING,
    ),
    ("not a type", {"resourceType": "Nonsense"}, Section.UNKNOWN),
    ("no type", {}, Section.UNKNOWN),
]


@pytest.mark.parametrize(("resource", "section"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_resource_goes_where_its_content_says(resource: dict[str, Any], section: Section | None) -> None:
    assert section_of(resource) == section


def test_the_highest_tier_of_what_is_held_counts() -> None:
    resource = observation(EPACCS, "what-i-value", component=[{"code": concept(EPACCS, "family-conflict")}])
    assert section_of(resource) == Section.THIRD_PARTY
    contained = {"resourceType": "Goal", "contained": [observation("urn:other", "x")]}
    assert section_of(contained) == Section.UNKNOWN


def test_the_decision_group_stays_together() -> None:
    resource = observation(
        SNOMED,
        "304251008",
        component=[{"code": concept(EPACCS, "what-i-value")}],
        contained=[{"resourceType": "Condition"}],
    )
    assert section_of(resource) == Section.CPR_DECISION


@pytest.mark.parametrize("place", ["category", "tag"])
def test_an_author_can_place_the_unknown_and_raise_the_known(place: str) -> None:
    def stated(resource: dict[str, Any], section: str) -> dict[str, Any]:
        coding = {"system": SECTION, "code": section}
        return {**resource, **({"meta": {"tag": [coding]}} if place == "tag" else {"category": [{"coding": [coding]}]})}

    assert section_of(stated(observation("urn:other", "x"), "about_me")) == Section.ABOUT_ME
    assert section_of(stated({"resourceType": "Condition"}, "mental_health")) == Section.MENTAL_HEALTH
    assert section_of(stated({"resourceType": "Condition"}, "demographics")) == Section.DIAGNOSES
    assert section_of(stated(observation(EPACCS, "family-conflict"), "care_plan")) == Section.THIRD_PARTY
    assert section_of(stated({"resourceType": "Condition"}, "unknown")) == Section.DIAGNOSES


def test_a_contained_patient_does_not_make_all_of_it_location() -> None:
    person = {"resourceType": "Location", "id": "home"}
    assert section_of({"resourceType": "Condition", "contained": [person]}) == Section.DIAGNOSES


@pytest.mark.parametrize(
    ("key", "item", "section"),
    [
        ("birthDate", None, Section.DEMOGRAPHICS),
        ("_birthDate", None, Section.DEMOGRAPHICS),
        ("deceasedDateTime", None, Section.DEMOGRAPHICS),
        ("identifier", {}, Section.DEMOGRAPHICS),
        ("address", {}, Section.LOCATION),
        ("telecom", {}, Section.LOCATION),
        ("generalPractitioner", {}, Section.LOCATION),
        ("contact", {}, Section.EMERGENCY_CONTACTS),
        ("communication", {}, Section.COMMUNICATION_NEEDS),
        ("maritalStatus", {}, Section.ABOUT_ME),
        ("extension", {"url": structure_definition("key-safe")}, Section.ACCESS_DETAILS),
        ("extension", {"url": structure_definition("access-to-home")}, Section.ACCESS_DETAILS),
        ("extension", {"url": f"{UK_CORE}DeathNotificationStatus"}, Section.DEMOGRAPHICS),
        ("extension", {"url": f"{UK_CORE}NominatedPharmacy"}, Section.LOCATION),
        ("extension", {"url": f"{UK_CORE}EthnicCategory"}, Section.ABOUT_ME),
        (
            "extension",
            {"url": f"{UK_CORE}ContactPreference", "extension": [{"url": "PreferredContactMethod"}]},
            Section.ABOUT_ME,
        ),
        (
            "extension",
            {"url": f"{UK_CORE}ContactPreference", "extension": [{"url": "PreferredWrittenCommunicationFormat"}]},
            Section.COMMUNICATION_NEEDS,
        ),
        ("extension", {"url": "https://example.org/other"}, Section.UNKNOWN),
        ("extension", None, Section.UNKNOWN),
        ("modifierExtension", {}, Section.UNKNOWN),
        ("text", {}, Section.UNKNOWN),
        ("contained", {"resourceType": "Organization"}, Section.LOCATION),
        ("contained", {"resourceType": "Observation"}, Section.UNKNOWN),
        ("somethingNew", None, Section.UNKNOWN),
    ],
)
def test_elements_of_a_patient_have_sections(key: str, item: dict[str, Any] | None, section: Section) -> None:
    assert patient_element_section(key, item) == section


def test_every_supported_type_has_an_answer() -> None:
    for kind in (*SUPPORTED_TYPES, *CONTAINED_ONLY_TYPES):
        assert section_of({"resourceType": kind}) in {None, *Section}


names = st.sampled_from(
    [
        "resourceType",
        "code",
        "category",
        "coding",
        "contained",
        "meta",
        "tag",
        "extension",
        "component",
        "section",
        "scope",
        "system",
        "activity",
        "detail",
        "url",
        "relationship",
        "questionnaire",
        "x",
    ]
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from([*SUPPORTED_TYPES, SNOMED]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(names, children, max_size=4),
    max_leaves=15,
)


@given(st.sampled_from(SUPPORTED_TYPES), st.dictionaries(names, junk, max_size=6))
def test_no_resource_is_too_odd(kind: str, content: dict[str, Any]) -> None:
    assert section_of({**content, "resourceType": kind}) in {None, *Section}
    for key, value in content.items():
        assert patient_element_section(key, value) in set(Section)


def test_the_decision_group_is_critical() -> None:
    assert {TIER[section] for section in DECISION_GROUP} == {Tier.T1}
