"""The people and organisations of a synthetic plan: the person, those close to them, those who care for them."""

from __future__ import annotations

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from fhir_profiles.terminology import SNOMED
from service.people.values import USER_ID, Json, concept
from service.plan import vocabulary as v

_NHS_COMMUNICATION = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSCommunication"


def organisation(code: str, name: str, phone: str) -> Json:
    """Return an Organization with its ODS code and switchboard."""
    return {
        "resourceType": "Organization",
        "identifier": [{"system": ODS_SYSTEM, "value": code}],
        "active": True,
        "name": name,
        "telecom": [{"system": "phone", "value": phone, "use": "work"}],
    }


def practitioner(user: str, prefix: str, given: str, family: str, phone: str | None = None) -> Json:
    """Return a Practitioner with the id of their sign-in."""
    resource: Json = {
        "resourceType": "Practitioner",
        "identifier": [{"system": USER_ID, "value": user}],
        "name": [{"use": "official", "family": family, "given": [given], "prefix": [prefix]}],
    }
    if phone:
        resource["telecom"] = [{"system": "phone", "value": phone, "use": "work"}]
    return resource


def practitioner_role(person: Json, works_for: Json, role: str) -> Json:
    """Return what a clinician does, and for whom."""
    return {
        "resourceType": "PractitionerRole",
        "active": True,
        "practitioner": person,
        "organization": works_for,
        "code": [{"text": role}],
    }


def patient(number: str, given: str, family: str, usual: str, gender: str, born: str, home: Json, phone: str) -> Json:
    """Return the person."""
    return {
        "resourceType": "Patient",
        "identifier": [{"use": "official", "system": NHS_NUMBER_SYSTEM, "value": number}],
        "active": True,
        "name": [
            {"use": "official", "family": family, "given": [given]},
            {"use": "usual", "text": usual},
        ],
        "telecom": [{"system": "phone", "value": phone, "use": "home", "rank": 1}],
        "gender": gender,
        "birthDate": born,
        "address": [home],
    }


def speaks(resource: Json, language: str) -> None:
    """Give a Patient a language of their own and the need for an interpreter."""
    resource["communication"] = [{"language": {"text": language}, "preferred": True}]
    resource.setdefault("extension", []).append(
        {
            "url": _NHS_COMMUNICATION,
            "extension": [
                {"url": "language", "valueCodeableConcept": {"text": language}},
                {"url": "interpreterRequired", "valueBoolean": True},
            ],
        }
    )


def contact(subject: Json, given: str, family: str, phone: str, roles: list[Json], use: str = "mobile") -> Json:
    """Return somebody close to the person."""
    return {
        "resourceType": "RelatedPerson",
        "active": True,
        "patient": subject,
        "relationship": roles,
        "name": [{"use": "official", "family": family, "given": [given]}],
        "telecom": [{"system": "phone", "value": phone, "use": use, "rank": 1}],
    }


def care_team(subject: Json, name: str, phone: str, key_worker: Json, manager: Json) -> Json:
    """Return the team with its 24-hour number and the key worker."""
    return {
        "resourceType": "CareTeam",
        "status": "active",
        "name": name,
        "subject": subject,
        "participant": [
            {
                "role": [concept(SNOMED, "719240009")],
                "member": key_worker,
            }
        ],
        "managingOrganization": [manager],
        "telecom": [
            {
                "extension": [{"url": v.AVAILABILITY, "valueCode": "24h"}],
                "system": "phone",
                "value": phone,
                "use": "work",
            }
        ],
    }


def provenance(targets: list[str], when: str, who: Json, on_behalf_of: Json) -> Json:
    """Return who wrote all this, on whose behalf, when."""
    return {
        "resourceType": "Provenance",
        "target": [{"reference": urn} for urn in targets],
        "occurredDateTime": when,
        "recorded": when,
        "agent": [{"who": who, "onBehalfOf": on_behalf_of}],
    }
