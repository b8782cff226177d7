"""Our code systems."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_profiles.build_package.head import HEAD, pascal
from fhir_profiles.build_package.local_codes import REVIEWED, UNVERIFIED, Concept
from fhir_profiles.canonical import code_system
from fhir_profiles.tiers import TIER, Section, Tier

Json = dict[str, Any]

_TIERS = {
    Tier.T0: ("Identity", "Who the person is, without an address."),
    Tier.T1: ("Critical", "What a crew needs: the decision group, and what keeps the person safe in an emergency."),
    Tier.T2: ("Clinical", "Diagnoses, prognosis, function, medicines, care plan and equipment."),
    Tier.T3: ("Personal", "What matters to the person and those around them, and their choices about sharing."),
    Tier.T4: ("Sensitive", "Mental health, substance use, sexual health, and whatever is of no known section."),
    Tier.T5: ("Safeguarding", "Safeguarding."),
    Tier.T6: ("Not for the patient", "What concerns a third party or would do the person serious harm."),
    Tier.T7: ("Restricted by law", "Gender recognition and fertility treatment."),
    Tier.L: ("Location", "Where the person can be found and how to get in. Apart from the order of the others."),
}

_ROLES = {
    "gp": ("General practice", "Clinical."),
    "hospice": ("Hospice", "Clinical."),
    "community": ("Community nursing and palliative care", "Clinical."),
    "hospital": ("Hospital", "Clinical."),
    "ambulance": ("Ambulance service", "Clinical."),
    "nhs111": ("NHS 111 and out-of-hours service", "Clinical."),
    "care_home": ("Care home", "Staff who care for the person where they live."),
    "social_care": ("Social care", "Staff of adult social care."),
    "patient": ("The person", "The person whose record it is."),
    "proxy": ("Proxy", "A verified attorney, deputy, parent or consented carer."),
    "admin": ("Administration", "Reception and administration, without clinical duties."),
    "system": ("System", "A system for which no human is named."),
    "privacy_officer": ("Privacy officer", "Reviews who looked."),
    "researcher": ("Researcher", "Known in order to be refused: the record serves one person's care."),
}

_OUTCOMES = {
    "not-allowed": (
        "Not allowed",
        "The caller's role and purpose do not allow the request. It says nothing about whether a record exists.",
    ),
    "not-allowed-to-write": ("Not allowed to write", "The caller may not make this change; each issue says why."),
    "not-shared-with-you": (
        "Not shared with you",
        "The person has chosen not to share with the caller's organisation, which may know that there is a plan.",
    ),
    "active-decision-not-named": (
        "Active decision not named",
        "An active decision of the same kind stands, and the new one does not say whether it replaces it, revokes it or"
        " disagrees with it.",
    ),
    "emergency-access-locked": (
        "Emergency access locked",
        "The caller was refused emergency access too often and may not ask for it for a while, whomever it is about.",
    ),
    "emergency-view-not-confirmed": (
        "Emergency view not confirmed",
        "The change would close critical parts of the plan to ambulance crews and 111, and does not say that somebody"
        " explained this to the person (extension emergency-view-confirmation).",
    ),
}

_PLAN_OUTCOMES = {
    "followed": ("Plan followed", "The crew could do what the plan asks for."),
    "not-followed": ("Plan not followed", "The crew could not do what the plan asks for; a reason is given."),
    "wishes-changed": ("The person wanted something else", "Said by the person, there and then."),
    "others-disagreed": ("Those present wanted something else", "Said by family or others, not by the person."),
    "medicines-missing": ("Medicines not there or could not be given", "The anticipatory medicines were no help."),
    "nobody-could-come": ("No service could come", "Whoever the plan relies on did not answer or could not come."),
    "not-reliable": ("Decision could not be relied on", "Missing, unsigned, out of date or in conflict."),
    "other-emergency": ("Something the plan does not speak of", "What happened was not what the plan is about."),
    "other-reason": ("Another reason", "Said in words."),
}


def code_systems() -> list[Json]:
    """Return the CodeSystem resources of the package."""
    return [
        _code_system(
            "epaccs",
            "Concepts for which no public code could be verified, and a reviewed list. The definition of"
            " each says why it is here.",
            ((c.code, c.display, c.reason) for c in local_concepts()),
        ),
        _code_system(
            "section",
            "Sections of the record. As a category or tag it says where its author puts an entry; it can"
            " raise the tier of an entry whose codes say otherwise, never lower it.",
            (
                (section.value, section.value.replace("_", " "), f"Tier {TIER[section].name}.")
                for section in Section
                if section is not Section.UNKNOWN
            ),
        ),
        _code_system(
            "tier",
            "How sensitive a section or an entry is. In a Consent a tier names everything that is of it.",
            ((tier.name, *_TIERS[tier]) for tier in Tier),
        ),
        _code_system(
            "role",
            "Roles in which people and systems ask. In a Consent an actor identified by one is everybody in that role.",
            ((code, *told) for code, told in _ROLES.items()),
        ),
        _code_system(
            "outcome",
            "Why a request was refused, where the reason is one that a client acts upon.",
            ((code, *told) for code, told in _OUTCOMES.items()),
        ),
        _code_system(
            "plan-outcome",
            "What became of a plan when it was needed: whether a crew could follow it, and why not. Category and"
            " reasonCode of the Communication that a crew leaves. For learning, never for ranking people or teams.",
            ((code, *told) for code, told in _PLAN_OUTCOMES.items()),
        ),
    ]


def local_concepts() -> tuple[Concept, ...]:
    """Return every concept of the code system `epaccs`."""
    return (*(concept for group in UNVERIFIED.values() for concept in group), *REVIEWED)


def _code_system(name: str, description: str, concepts: Iterable[tuple[str, str, str]]) -> Json:
    listed = [{"code": code, "display": display, "definition": told} for code, display, told in concepts]
    return {
        "resourceType": "CodeSystem",
        "id": name,
        "url": code_system(name),
        "name": pascal(name),
        **HEAD,
        "description": description,
        "caseSensitive": True,
        "content": "complete",
        "count": len(listed),
        "concept": listed,
    }
