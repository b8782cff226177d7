from __future__ import annotations

import pytest

from fhir_profiles.sections import DECISION_GROUP, TIER, Section, Tier
from security.labels import SFlag, entry_tier, label_problems, sflag_of, splits_decision_group

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def labelled(*codes: str, type: str = "Observation", system: str | None = None) -> dict[str, object]:
    labels = [{"system": system or (CONFIDENTIALITY if len(code) == 1 else ACT_CODE), "code": code} for code in codes]
    return {"resourceType": type, "meta": {"security": labels}}


@pytest.mark.parametrize("section", Section)
def test_an_unlabelled_entry_has_its_sections_tier(section):
    assert entry_tier(section, {"resourceType": "Observation"}) is TIER[section]


@pytest.mark.parametrize(
    ("code", "tier"),
    [("NOPAT", 6), ("R", 4), ("V", 7), ("PSY", 4), ("SUD", 4), ("ETH", 4), ("HIV", 4), ("SDV", 4), ("N", 2), ("U", 2)],
)
def test_a_label_raises_an_entry(code, tier):
    assert entry_tier(Section.DIAGNOSES, labelled(code)) == tier


def test_the_highest_label_counts_and_none_lowers():
    assert entry_tier(Section.DIAGNOSES, labelled("R", "NOPAT")) is Tier.T6
    assert entry_tier(Section.SAFEGUARDING, labelled("R", "N")) is Tier.T5


@pytest.mark.parametrize(
    "section",
    [
        *sorted(DECISION_GROUP),
        Section.ANTICIPATORY_MEDICINES,
        Section.ALLERGIES,
        Section.SAFETY_ALERTS,
        Section.ACCESS_DETAILS,
    ],
)
def test_critical_sections_keep_their_tier_under_r_but_not_under_others(section):
    assert entry_tier(section, labelled("R")) is TIER[section]
    assert entry_tier(section, labelled("NOPAT")) is Tier.T6


def test_r_hides_other_sections_of_the_same_tiers():
    assert entry_tier(Section.EMERGENCY_CONTACTS, labelled("R")) is Tier.T4
    assert entry_tier(Section.LOCATION, labelled("R")) is Tier.T4


@pytest.mark.parametrize(
    "resource",
    [
        labelled("ZZZ"),
        labelled("R", system="urn:other"),
        {"resourceType": "Observation", "meta": {"security": ["R"]}},
        {"resourceType": "Observation", "meta": {"security": {"code": "R"}}},
    ],
)
def test_an_unknown_label_closes_the_entry_and_is_refused_when_written(resource):
    assert entry_tier(Section.DIAGNOSES, resource) is Tier.T7
    assert label_problems(resource)


def test_nopat_keeps_restricted_sections_from_the_patient():
    assert entry_tier(Section.GENDER_RECOGNITION, labelled("NOPAT")) is Tier.T6


def test_labels_that_close_an_entry_to_everybody_are_refused():
    assert label_problems(labelled("NOPAT", "V"))
    assert label_problems(labelled("NOPAT", "R")) == []


@pytest.mark.parametrize(
    ("codes", "flag"),
    [((), "U"), (("U",), "U"), (("N",), "U"), (("R",), "R"), (("V", "R"), "V"), (("R", "V"), "V"), (("Q",), "V")],
)
def test_pds_scale_on_a_patient_is_the_sflag_and_never_a_label(codes, flag):
    patient = labelled(*codes, type="Patient")
    assert sflag_of(patient) is SFlag(flag)
    assert entry_tier(Section.DEMOGRAPHICS, patient) is Tier.T0


def test_nopat_on_part_of_the_decision_group_splits_it():
    plain, hidden = labelled(), labelled("NOPAT")
    cpr, adrt, other = Section.CPR_DECISION, Section.ADRT, Section.DIAGNOSES
    assert splits_decision_group([(cpr, plain), (adrt, hidden)])
    assert not splits_decision_group([(cpr, hidden), (adrt, hidden), (other, plain)])
    assert not splits_decision_group([(cpr, plain), (other, hidden)])
