"""What a synthetic person agreed to or refused: consents, an advance decision, a power of attorney."""

from __future__ import annotations

from fhir_profiles.terminology import EPACCS, SNOMED
from service.people.values import Json, concept, observation
from service.plan import vocabulary as v

_CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_CONSENT_CATEGORY = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def sharing_consent(subject: Json, when: str, given: bool) -> Json:
    """Return consent to share, or its withdrawal."""
    code = "882921000000109" if given else "882941000000102"
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept(_CONSENT_SCOPE, "patient-privacy"),
        "category": [concept(SNOMED, code)],
        "patient": subject,
        "dateTime": when,
        "policyRule": {"coding": [{"system": _ACT_CODE, "code": "OPTIN" if given else "OPTOUT"}]},
        "provision": {"type": "permit" if given else "deny"},
    }


def record_consent(subject: Json, when: str) -> Json:
    """Return consent to make the record."""
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept(_CONSENT_SCOPE, "adr"),
        "category": [concept(EPACCS, "record-creation")],
        "patient": subject,
        "dateTime": when,
        "policyRule": {"coding": [{"system": _ACT_CODE, "code": "OPTIN"}]},
        "provision": {"type": "permit"},
    }


def advance_decision(subject: Json, when: str, *, seen: bool = True) -> Json:
    """Return an advance decision to refuse ventilation; `seen`: somebody saw that it is valid, on the day of `when`."""
    checked = {"verified": True, "verificationDate": when} if seen else {"verified": False}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": concept(_CONSENT_SCOPE, "treatment"),
        "category": [concept(_CONSENT_CATEGORY, "acd")],
        "patient": subject,
        "dateTime": when,
        "policy": [{"uri": "https://www.legislation.gov.uk/id/ukpga/2005/9/section/24"}],
        "provision": {
            "type": "deny",
            "code": [concept(SNOMED, "40617009")],
        },
        "verification": [checked],
    }


_POWERS = {
    "life-sustaining": (SNOMED, v.LPA_LIFE_SUSTAINING),
    "welfare": (SNOMED, "816361000000101"),
    "deputy": (EPACCS, "court-appointed-deputy"),
}


def power_of_attorney(subject: Json, when: str, by: list[Json], attorney: Json, power: str = "life-sustaining") -> Json:
    """Return who may decide for somebody without capacity; `power`: life-sustaining, welfare (without it) or deputy."""
    return observation(concept(*_POWERS[power]), subject, when, by, valueBoolean=True, focus=[attorney])
