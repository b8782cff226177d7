"""Which section a code belongs to: by the value set it is in, with the exceptions named.

A code in several sets takes the section of the first set below that has it.
"""

from __future__ import annotations

from functools import cache

from fhir_profiles.terminology import EPACCS, SNOMED, value_set
from fhir_profiles.tiers import Section

_LOINC = "http://loinc.org"
_FLAGS = "https://fhir.nhs.uk/England/CodeSystem/PatientFlagCategory"
_HEADINGS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-RecordStandardHeadings"

_EXCEPTIONS: dict[tuple[str, str], Section] = {
    (SNOMED, "882961000000101"): Section.DECISION_CONTEXT,
    (SNOMED, "988851000000103"): Section.DECISION_CONTEXT,
    (SNOMED, "1052921000000100"): Section.LPA_HEALTH_WELFARE,
    (SNOMED, "735324008"): Section.TREATMENT_ESCALATION,
    (SNOMED, "887701000000100"): Section.TREATMENT_ESCALATION,
    (SNOMED, "1107891000000106"): Section.TREATMENT_ESCALATION,
    (SNOMED, "1382601000000107"): Section.TREATMENT_ESCALATION,
    (SNOMED, "15188001"): Section.COMMUNICATION_NEEDS,
    (SNOMED, "397540003"): Section.COMMUNICATION_NEEDS,
    (SNOMED, "288579009"): Section.COMMUNICATION_NEEDS,
    (SNOMED, "514331000000104"): Section.SAFEGUARDING,
    (SNOMED, "417430008"): Section.SAFEGUARDING,
    (SNOMED, "761571000000106"): Section.SAFEGUARDING,
    (SNOMED, "129839007"): Section.DIAGNOSES,
    (SNOMED, "401233007"): Section.DIAGNOSES,
    (SNOMED, "22761000175104"): Section.DIAGNOSES,
    (SNOMED, "225444004"): Section.DIAGNOSES,
    (SNOMED, "999002381000000108"): Section.SAFEGUARDING,
    (_FLAGS, "NRAF"): Section.COMMUNICATION_NEEDS,
    (_FLAGS, "CP-IS"): Section.SAFEGUARDING,
    (_FLAGS, "FGM"): Section.SAFEGUARDING,
    (_LOINC, "81335-2"): Section.LPA_HEALTH_WELFARE,
    (_LOINC, "75786-4"): Section.LPA_HEALTH_WELFARE,
    (_LOINC, "81346-9"): Section.LPA_HEALTH_WELFARE,
    (_LOINC, "81351-9"): Section.CPR_DECISION,
    (_LOINC, "100822-6"): Section.CPR_DECISION,
    (_LOINC, "LA33470-8"): Section.CPR_DECISION,
    (_LOINC, "LA33471-6"): Section.CPR_DECISION,
    (_LOINC, "42348-3"): Section.ADRT,
    (_LOINC, "75781-5"): Section.WHAT_MATTERS,
    (_LOINC, "8693-4"): Section.DECISION_CONTEXT,
    (_LOINC, "100826-7"): Section.DECISION_CONTEXT,
    (_LOINC, "100827-5"): Section.DECISION_CONTEXT,
}

_SETS: dict[Section, tuple[str, ...]] = {
    Section.CPR_DECISION: ("CprDecision", "CprDecisionSynonyms", "CprAwareness", "CprDiscussion"),
    Section.TREATMENT_ESCALATION: (
        "RespectPlan",
        "TreatmentEscalationIntervention",
        "TreatmentGoal",
        "LoincAdvanceDirective",
        "LoincPolstAnswers",
    ),
    Section.ADRT: ("AdvanceDecision", "AdvanceDecisionDocument"),
    Section.LPA_HEALTH_WELFARE: ("LastingPowerOfAttorney", "HealthcareAttorneyRole"),
    Section.DECISION_CONTEXT: ("ProxyAuthority",),
    Section.ALLERGIES: ("NoKnownAllergy", "AllergyNotTransferable"),
    Section.ANTICIPATORY_MEDICINES: ("AnticipatoryMedicationStatus",),
    Section.EMERGENCY_CONTACTS: ("CarerStatus", "CareTeamRoleSnomed", "KeyWorkerRole", "ServiceStatus"),
    Section.SAFETY_ALERTS: ("SafetyAlert",),
    Section.PREFERRED_PLACE: (
        "PreferredPlaceOfDeath",
        "PreferredPlaceOfDeathStatus",
        "PreferredPlaceObservable",
        "PreferredPlaceDocument",
    ),
    Section.COMMUNICATION_NEEDS: ("InterpreterNeed", "ReasonableAdjustment", "RaCategory"),
    Section.PROGNOSIS: ("Prognosis", "PrognosisLegacy", "GsfPrognosticStage", "GsfSupportiveCareStage"),
    Section.FUNCTIONAL_STATUS: (
        "FunctionalStatusMeasure",
        "ClinicalFrailtyScaleCategory",
        "ClinicalFrailtyScaleMeasure",
        "IposMeasure",
        "PhaseOfIllnessMeasure",
        "PalliativeCareProblemSeverityScore",
        "Impairment",
        "RaImpairmentCategory",
    ),
    Section.EQUIPMENT: ("ImplantedCardiacDevice",),
    Section.WHAT_MATTERS: ("AdvanceStatement", "OrganDonorRegister", "OrganDonorV2"),
    Section.FAMILY_AWARENESS: ("PrognosisAwareness",),
    Section.ABOUT_ME: ("FinancialSupport", "Household"),
    Section.SHARING_CHOICES: ("EpaccsConsent", "ElectronicRecordSharingConsent", "RaConsentPurpose"),
    Section.DEMOGRAPHICS: ("GenderScci",),
    Section.CARE_PLAN: (
        "LastingPowerOfAttorneyOther",
        "AcpDiscussion",
        "AcpPlanStatus",
        "PlanReview",
        "PlanShared",
        "EolRegisterStatus",
        "EolRegisterNotIndicated",
        "EndOfLifeAssessment",
        "ActualPlaceOfDeath",
        "ActualPlaceOfDeathLegacy",
        "PalliativeCareRegisterTriggers",
        "EolDocumentType",
        "DocumentCategory",
    ),
}
"""Value sets whose codes, as what a resource is about, name a section. In order: the first match counts."""

_LOCAL: dict[Section, tuple[str, ...]] = {
    Section.CPR_DECISION: ("cpr-modified", "cpr-reason"),
    Section.TREATMENT_ESCALATION: (
        "full",
        "selective",
        "comfort",
        "respect-priority-scale",
        "ceiling-ward",
        "ceiling-high-dependency",
        "ceiling-non-invasive-ventilation",
        "defibrillation",
    ),
    Section.LPA_HEALTH_WELFARE: ("court-appointed-deputy",),
    Section.DECISION_CONTEXT: (
        "decision-review",
        "decision-capacity",
        "has-capacity",
        "lacks-capacity",
        "best-interests-decision",
        "imca",
        "deprivation-of-liberty",
    ),
    Section.ANTICIPATORY_MEDICINES: ("anticipatory-medicine-returned",),
    Section.SAFETY_ALERTS: ("infection-risk",),
    Section.PREFERRED_PLACE: (
        "preferred-place-of-care",
        "place-community-hospital",
        "place-residential-home",
        "place-discussion-declined",
        "place-discussion-not-appropriate",
        "place-unable-to-express",
        "place-of-death-discussed",
    ),
    Section.PROGNOSIS: ("gsf-amber", "gsf-after-death"),
    Section.FUNCTIONAL_STATUS: (
        *(f"phase-{phase}" for phase in ("stable", "unstable", "deteriorating", "dying", "deceased")),
        *(f"ipos-score-{score}" for score in range(5)),
        "mobility",
        "cognition",
    ),
    Section.MEDICATIONS: ("home-oxygen",),
    Section.EQUIPMENT: ("syringe-driver", "icd-shocks-off", "icd-shocks-on"),
    Section.WHAT_MATTERS: (
        "organ-donation-opt-in",
        "organ-donation-opt-out",
        "tissue-donation",
        "preferences-and-wishes",
        "bereavement-wishes",
        "digital-legacy",
        "body-donation",
        "what-i-value",
        "what-i-fear",
    ),
    Section.SPIRITUAL: ("spiritual-cultural-needs",),
    Section.FAMILY_AWARENESS: ("person-aware-of-prognosis",),
    Section.ABOUT_ME: ("about-me", "dependants", "carer-strain"),
    Section.SHARING_CHOICES: ("record-creation",),
    Section.DEMOGRAPHICS: ("identity-review",),
    Section.CARE_PLAN: (
        "death-verified",
        "bereavement-support-offered",
        "preferred-place-not-achieved",
        "fast-track-continuing-care",
        "identification-reason",
        "crew-outcome",
    ),
    Section.THIRD_PARTY: ("family-conflict",),
    Section.LOCATION: ("accommodation",),
    Section.ACCESS_DETAILS: ("key-safe",),
}

_HEADING_SECTIONS: dict[Section, tuple[str, ...]] = {
    Section.DEMOGRAPHICS: ("person-demographics",),
    Section.ADRT: ("advance-decision-to-refuse-treatment", "advance-decisions-about-treatment"),
    Section.LPA_HEALTH_WELFARE: (
        "lasting-or-enduring-power-of-attorney-or-similar",
        "lasting-power-of-attorney-for-health-and-welfare-or-court-appointed-deputy-or-equivalent",
    ),
    Section.DECISION_CONTEXT: (
        "deprivation-of-liberty-safeguards-or-equivalent",
        "mental-capacity-assessment",
        "legal-information",
    ),
    Section.TREATMENT_ESCALATION: ("individualised-treatment-guideline",),
    Section.ALLERGIES: ("allergies-and-adverse-reaction", "ended-allergies"),
    Section.SAFETY_ALERTS: ("alerts", "safety-alerts"),
    Section.SAFEGUARDING: ("safeguarding", "safeguarding-issues"),
    Section.COMMUNICATION_NEEDS: ("individual-requirement", "individual-requirements"),
    Section.MEDICATIONS: (
        "acute-medication",
        "repeat-medication",
        "discontinued-repeat-medication",
        "medications-and-medical-devices",
        "active-medications",
        "discontinued-medications",
    ),
    Section.EQUIPMENT: ("medical-devices",),
    Section.WHAT_MATTERS: ("advance-statement", "organ-and-tissue-donation"),
    Section.ABOUT_ME: ("social-circumstances", "social-context"),
    Section.SHARING_CHOICES: (
        "consent",
        "consent-for-information-sharing",
        "consent-for-treatment-record",
        "consent-relating-to-child",
        "consent-for-treatment-intervention-record",
    ),
    Section.MENTAL_HEALTH: (
        "mental-health-therapy-follow-up",
        "mental-health-act-or-equivalent-status",
        "relevant-past-medical-surgical-and-mental-health-history",
    ),
    Section.DIAGNOSES: ("relevant-medical-information",),
    Section.CARE_PLAN: (
        "current-palliative-oncology-treatment",
        "planned-palliative-oncology-treatment",
        "medical-follow-up",
        "medical-follow-up-normal",
        "attendance-details",
        "nuclear-medicine-images",
        "person-completing-record",
        "person-handing-over",
        "person-receiving-handover",
    ),
}


@cache
def code_sections() -> dict[tuple[str, str], Section]:
    """Return the section of each (system, code) that names one."""
    sections: dict[tuple[str, str], Section] = dict(_EXCEPTIONS)
    for section, names in _SETS.items():
        for name in names:
            for pair in value_set(name):
                sections.setdefault(pair, section)
    for system, groups in ((EPACCS, _LOCAL), (_HEADINGS, _HEADING_SECTIONS)):
        for section, codes in groups.items():
            sections.update({(system, code): section for code in codes})
    return sections
