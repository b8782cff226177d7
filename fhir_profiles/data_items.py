"""The data items of the record by section (sharing rules, section 1, "items by section").

Items about the keeping of the record itself (who looked, what was labelled or withdrawn) are in no rule; they are the
person's business with the record and go with the sharing choices.
"""

from __future__ import annotations

from fhir_profiles.tiers import Section

_ITEMS: dict[Section, str] = {
    Section.DEMOGRAPHICS: """
        nhs-number nhs-number-status nhs-number-unavailable-reason local-identifier family-name forename preferred-name
        date-of-birth gender date-of-death-pds actual-date-of-death""",
    Section.LOCATION: """
        address-home address-temporary phone residential-status registered-gp-practice usual-gp nominated-pharmacy
        accommodation ppd-place-details""",
    Section.ACCESS_DETAILS: "access-to-home key-safe",
    Section.ABOUT_ME: """
        sex ethnicity marital-status preferred-contact-method about-me relationship-detail personal-contacts lives-with
        carer-strain dependants finance-sr1""",
    Section.EMERGENCY_CONTACTS: """
        key-worker care-team-member care-team-member-period 24h-contact hospice-or-palliative-team people-to-involve
        rsp-emergency-contacts main-carer main-carer-phone next-of-kin""",
    Section.SHARING_CHOICES: """
        consent-create consent-share consent-withdrawn consent-basis consent-limits consent-discussion consent-child
        audit-view break-glass security-label withdrawal-of-record""",
    Section.DECISION_CONTEXT: "capacity-status capacity-assessment best-interests-decision imca dols",
    Section.LPA_HEALTH_WELFARE: "lpa-hw lpa-lst-authority lpa-registered lpa-attorneys deputy",
    Section.ADRT: "adrt-present adrt-life-sustaining adrt-treatments adrt-location adrt-hcp-involved adrt-retracted",
    Section.CPR_DECISION: """
        cpr-decision cpr-date cpr-review-date cpr-reason cpr-involved cpr-awareness cpr-decision-maker
        cpr-signed-form-location cpr-form-type""",
    Section.TREATMENT_ESCALATION: """
        respect-summary respect-priority-scale respect-confirm treatment-level escalation-intervention
        hospital-admission plan-document""",
    Section.DIAGNOSES: "primary-eol-diagnosis other-diagnoses disease-stage falls-self-neglect",
    Section.PROGNOSIS: "prognosis prognosis-date gsf-stage",
    Section.FAMILY_AWARENESS: "person-aware-prognosis carer-aware-prognosis",
    Section.FUNCTIONAL_STATUS: "akps efi cfs phase-of-illness ipos pcpss disability mobility cognition",
    Section.PREFERRED_PLACE: "preferred-place-of-care ppd-status ppd-first ppd-second preference-date",
    Section.SPIRITUAL: "religion spiritual-cultural-needs",
    Section.WHAT_MATTERS: """
        what-i-value what-i-fear body-donation advance-statement preferences-and-wishes organ-donation
        bereavement-wishes digital-legacy""",
    Section.ALLERGIES: "allergies no-known-allergy",
    Section.ANTICIPATORY_MEDICINES: """
        anticip-prescribed anticip-issued anticip-item anticip-authorisation anticip-expiry administered""",
    Section.MEDICATIONS: "current-medicines oxygen",
    Section.EQUIPMENT: "syringe-driver icd icd-deactivated pacemaker equipment contingency-equipment",
    Section.SAFETY_ALERTS: "alert staff-safety infection-risk clinical-alerts",
    Section.SAFEGUARDING: "safeguarding-adult safeguarding-child",
    Section.COMMUNICATION_NEEDS: """
        interpreter spoken-language reasonable-adjustment sensory-need written-format bsl-or-signed-mode
        written-proxy""",
    Section.THIRD_PARTY: "family-conflict",
    Section.CARE_PLAN: """
        ambulance-notified ooh-shared lpa-property shared-understanding problem-trigger on-register
        register-not-indicated eolc-tool identification-reason acp-conversation acp-declined acp-plan-status
        record-created record-reviewed last-amended goal-action person-agreed statement-source other-documents
        actual-place-of-death variance-reason verification-of-death bereavement-support record-closed printed-copy""",
}

DATA_ITEM_SECTION: dict[str, Section] = {item: section for section, items in _ITEMS.items() for item in items.split()}
"""The section of each data item, by its id."""
