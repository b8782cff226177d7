"""Who acts for a synthetic person, with all that a record must hold before they may read (sharing rules 5.8).

They sign in as `Traits.proxy_user`, which nobody can where the policy keeps proxies out, as the shipped one does.
"""

from __future__ import annotations

from collections.abc import Iterator

from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import PROXY_USER_SYSTEM
from fhir_profiles.terminology import EPACCS, SNOMED
from service.people import values
from service.people.draft import Scene
from service.people.traits import Traits
from service.people.values import Json
from service.plan.phrases import is_attorney
from service.plan.proxies import CAPACITY, PARENTAL_RESPONSIBILITY, PROXY_ROLE

PERMITTED_TO_A_CARER = ("preferred_place", "what_matters", "about_me", "emergency_contacts")
_POWER_OF_ATTORNEY = "1052921000000100"


def proxy(scene: Scene, traits: Traits) -> Iterator[str]:
    """Let somebody of a plan act for the person: their attorney, else the first of those close to them.

    Yields the URNs of what is added for it. An attorney has a registered power that was seen, of a person who lacks
    capacity; a parent has parental responsibility; a carer is permitted a few sections by name.
    """
    people = [one for one in _of_type(scene, "RelatedPerson") if is_attorney(one[1]) == (traits.proxy == "attorney")]
    urn, person = people[0]
    person["identifier"] = [{"system": PROXY_USER_SYSTEM, "value": traits.proxy_user}]
    match traits.proxy:
        case "attorney":
            yield scene.add(_seen(scene, values.to(urn)))
            yield scene.add(_lacks_capacity(scene))
        case "parent":
            person["relationship"].append(values.concept(PROXY_ROLE, PARENTAL_RESPONSIBILITY))
        case _:
            consents = (one for _, one in _of_type(scene, "Consent") if "patient-privacy" in str(one["scope"]))
            next(consents)["provision"]["provision"] = [_permitted(values.to(urn))]


def _of_type(scene: Scene, wanted: str) -> Iterator[tuple[str, Json]]:
    for entry in scene.draft.entries:
        if entry["resource"]["resourceType"] == wanted:
            yield entry["fullUrl"], entry["resource"]


def _seen(scene: Scene, attorney: Json) -> Json:
    """Return the power of attorney as a document that was registered, and seen at the practice."""
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": values.concept(SNOMED, _POWER_OF_ATTORNEY),
        "subject": scene.subject,
        "date": scene.when,
        "content": [{"attachment": {"title": "Lasting power of attorney, registered; seen at the practice"}}],
        "context": {"related": [attorney]},
    }


def _lacks_capacity(scene: Scene) -> Json:
    value = values.concept(EPACCS, "lacks-capacity")
    code = values.concept(EPACCS, CAPACITY)
    return values.observation(code, scene.subject, scene.when, [scene.doctor], valueCodeableConcept=value)


def _permitted(carer: Json) -> Json:
    recipient = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    sections = [{"system": code_system("section"), "code": section} for section in PERMITTED_TO_A_CARER]
    return {
        "type": "permit",
        "actor": [{"role": recipient, "reference": carer}],
        "code": [{"coding": [section]} for section in sections],
    }
