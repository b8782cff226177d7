"""Messages of the test partner: what it sends of a person, as its own system has it."""

from __future__ import annotations

from typing import Any

from adapters.base import Message
from fhir_profiles import json
from fhir_profiles.identifiers import ODS_SYSTEM, SDS_USER_SYSTEM
from fhir_profiles.terminology import EPACCS, SNOMED
from service.plan import vocabulary as v

Json = dict[str, Any]
NURSE, ROLE, WARD = "Practitioner/n1", "PractitionerRole/r1", "Organization/o1"


def message(whom: Json, theirs: str, version: str, resource: Json | None, sent: str = "") -> Message:
    """Return one version of a resource as the partner sends it, with who wrote it."""
    said = {
        "whom": whom,
        "theirs": theirs,
        "version": version,
        "resource": resource,
        "companions": team() if ROLE in str(resource) else {},
    }
    return Message(f"{theirs}/{version}/{sent}", json.encode(said), sent)


def whom(bundle: Json, number: str, **other: str) -> Json:
    """Return a person as the partner knows them."""
    patient = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
    family = next(name["family"] for name in patient["name"] if name.get("use") == "official")
    return {"nhs_number": number, "family": family, "birth_date": patient["birthDate"], **other}


def preferred_place(words: str) -> Json:
    """Return a preferred place of death in the partner's record."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": SNOMED, "code": v.PREFERRED_PLACE_OF_DEATH}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-02-20T10:00:00Z",
        "performer": [{"reference": ROLE}],
        "valueCodeableConcept": {"text": words},
    }


def allergy(words: str) -> Json:
    """Return an allergy in the partner's record."""
    return {
        "resourceType": "AllergyIntolerance",
        "code": {"text": words},
        "patient": {"reference": "Patient/p1"},
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        },
    }


def cpr(code: str, when: str, **more: Any) -> Json:
    """Return a CPR decision in the partner's record, made by its nurse consultant."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": SNOMED, "code": v.RESUSCITATION_STATUS}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": when,
        "performer": [{"reference": ROLE}],
        "valueCodeableConcept": {"coding": [{"system": SNOMED, "code": code}]},
        "extension": [{"url": v.DECISION_BASIS, "valueCode": "clinical-recommendation"}],
        **more,
    }


def team(organisation: str = "ZZHSP1") -> Json:
    """Return who wrote it, and where they work, by the partner's references."""
    return {
        NURSE: {
            "resourceType": "Practitioner",
            "id": "n1",
            "identifier": [{"system": SDS_USER_SYSTEM, "value": "999000111222"}],
            "name": [{"family": "Consultant", "given": ["Nia"]}],
        },
        WARD: {
            "resourceType": "Organization",
            "id": "o1",
            "identifier": [{"system": ODS_SYSTEM, "value": organisation}],
            "name": "A hospice",
        },
        ROLE: {
            "resourceType": "PractitionerRole",
            "id": "r1",
            "practitioner": {"reference": NURSE},
            "organization": {"reference": WARD},
            "code": [{"text": "Nurse consultant"}],
        },
    }


__all__ = ["EPACCS", "allergy", "cpr", "message", "preferred_place", "team", "whom"]
