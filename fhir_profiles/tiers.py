"""Sections and tiers of the record (sharing rules, section 1)."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Tier(IntEnum):
    """How sensitive a section is. Order matters: an entry has the highest tier of what it holds. L stands apart."""

    T0 = 0
    T1 = 1
    T2 = 2
    T3 = 3
    T4 = 4
    T5 = 5
    T6 = 6
    T7 = 7
    L = 8


class Section(StrEnum):
    """A section of the record. The order of definition is part of stored manifests: append only."""

    DEMOGRAPHICS = "demographics"
    CPR_DECISION = "cpr_decision"
    TREATMENT_ESCALATION = "treatment_escalation"
    ADRT = "adrt"
    LPA_HEALTH_WELFARE = "lpa_health_welfare"
    DECISION_CONTEXT = "decision_context"
    ALLERGIES = "allergies"
    ANTICIPATORY_MEDICINES = "anticipatory_medicines"
    EMERGENCY_CONTACTS = "emergency_contacts"
    SAFETY_ALERTS = "safety_alerts"
    PREFERRED_PLACE = "preferred_place"
    COMMUNICATION_NEEDS = "communication_needs"
    DIAGNOSES = "diagnoses"
    PROGNOSIS = "prognosis"
    FUNCTIONAL_STATUS = "functional_status"
    MEDICATIONS = "medications"
    CARE_PLAN = "care_plan"
    EQUIPMENT = "equipment"
    WHAT_MATTERS = "what_matters"
    SPIRITUAL = "spiritual"
    FAMILY_AWARENESS = "family_awareness"
    ABOUT_ME = "about_me"
    SHARING_CHOICES = "sharing_choices"
    MENTAL_HEALTH = "mental_health"
    SUBSTANCE_USE = "substance_use"
    SEXUAL_HEALTH = "sexual_health"
    SAFEGUARDING = "safeguarding"
    THIRD_PARTY = "third_party"
    HARM_TO_PATIENT = "harm_to_patient"
    GENDER_RECOGNITION = "gender_recognition"
    FERTILITY_TREATMENT = "fertility_treatment"
    LOCATION = "location"
    ACCESS_DETAILS = "access_details"
    UNKNOWN = "unknown"


TIER: dict[Section, Tier] = {
    Section.DEMOGRAPHICS: Tier.T0,
    **dict.fromkeys(list(Section)[1:12], Tier.T1),
    **dict.fromkeys(list(Section)[12:18], Tier.T2),
    **dict.fromkeys(list(Section)[18:23], Tier.T3),
    **dict.fromkeys(list(Section)[23:26], Tier.T4),
    Section.SAFEGUARDING: Tier.T5,
    Section.THIRD_PARTY: Tier.T6,
    Section.HARM_TO_PATIENT: Tier.T6,
    Section.GENDER_RECOGNITION: Tier.T7,
    Section.FERTILITY_TREATMENT: Tier.T7,
    Section.LOCATION: Tier.L,
    Section.ACCESS_DETAILS: Tier.L,
    Section.UNKNOWN: Tier.T4,
}

DECISION_GROUP = frozenset(
    {
        Section.CPR_DECISION,
        Section.TREATMENT_ESCALATION,
        Section.ADRT,
        Section.LPA_HEALTH_WELFARE,
        Section.DECISION_CONTEXT,
    }
)
"""The five sections that are released together or not at all (sharing rules 5.3)."""

CRITICAL_SECTIONS = frozenset(section for section, tier in TIER.items() if tier is Tier.T1)
"""Sections that answer with three states, never two (sharing rules 5.4)."""
