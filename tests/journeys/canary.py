"""A person of whom every element that can hold a place holds a word that nobody else has."""

from __future__ import annotations

from typing import Any

from fhir_profiles.canonical import code_system, structure_definition
from fhir_profiles.identifiers import ODS_SYSTEM
from service.people.values import USER_ID
from tests.journeys.people import DR_TESTWICK, Json, Person, nhs_number, transaction

PLACES = (
    *("zorblane", "zorbchester", "zz98 4wx", "zz984wx", "zorbpractice", "zzz01p", "zorbhome", "zzz02c"),
    *(
        "zorbhospice",
        "zzz03h",
        "960777",
        "960 777",
        "960778",
        "q8472",
        "drainpipe",
        "zorbfile",
        "zorb.example",
        "zorbmrn",
    ),
)
"""What must occur nowhere in what a caller gets who may not learn where the person is, in small letters."""
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
TELLING = (
    "Lives at 17 ZORBLANE st, Zorbchester (zz984wx), once at Zorbhome; ring 01632-960 777 or 960778. Key safe Q8472. "
    "Known to Zorbhospice and zzz02c. My cat stays with me."
)
_SNOMED = "http://snomed.info/sct"
_ALLERGY_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


def canary(index: int, **patient: Any) -> Person:
    """Return the person, not yet posted; `patient` are further elements of the Patient."""
    number = nhs_number(index)
    urn = {name: f"urn:uuid:0000000{place}-0000-4000-8000-000000000000" for place, name in enumerate(_NAMES)}
    return Person(number, _bundle(number, urn, patient))


def flagged(patient: Json, flag: str) -> Json:
    """Return a Patient with PDS's flag on it."""
    meta = {**patient.get("meta", {}), "security": [{"system": CONFIDENTIALITY, "code": flag}]}
    return {**patient, "meta": meta}


_NAMES = ("person", "practice", "home", "hospice", "doctor", "role", "note", "cpr")


def _organisation(name: str, code: str) -> Json:
    return {
        "resourceType": "Organization",
        "name": name,
        "identifier": [{"system": ODS_SYSTEM, "value": code}],
        "telecom": [{"system": "phone", "value": "01632 960778"}],
        "address": [{"line": ["Zorbhouse, 1 Zorblane Way"], "city": "Zorbchester"}],
    }


def _to(urn: str, kind: str, display: str) -> Json:
    return {"reference": urn, "type": kind, "display": display}


def _note(person: Json, system: str, code: str, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": system, "code": code}]},
        "subject": person,
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        **more,
    }


def _bundle(number: str, urn: dict[str, str], more: Json) -> Json:
    person = {"reference": urn["person"]}
    practice = _to(urn["practice"], "Organization", "Zorbpractice Surgery")
    home = _to(urn["home"], "Organization", "Zorbhome Lodge")
    hospice = _to(urn["hospice"], "Organization", "Zorbhospice")
    doctor = {
        "reference": urn["doctor"],
        "type": "Practitioner",
        "identifier": {"system": USER_ID, "value": DR_TESTWICK.id, "assigner": hospice},
        "display": "Dr Anwen Testwick, Zorbhospice",
    }
    address = {"line": ["17 Zorblane Street"], "city": "Zorbchester", "postalCode": "ZZ98 4WX"}
    telecom = [{"system": "phone", "value": "01632 960777"}, {"system": "email", "value": "door@zorb.example"}]
    patient = {
        "resourceType": "Patient",
        "identifier": [
            {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number, "assigner": practice},
            {"system": "https://zorb.example/ids", "value": f"ZORBMRN{number}", "assigner": hospice},
        ],
        "name": [{"use": "official", "family": "Canarytest", "given": ["Ada"]}],
        "birthDate": "1940-05-06",
        "address": [address],
        "telecom": telecom,
        "generalPractitioner": [practice],
        "managingOrganization": home,
        "contact": [{"name": {"family": "Friendtest"}, "address": address, "telecom": telecom}],
        "extension": [
            {"url": structure_definition("key-safe"), "valueString": "Behind the drainpipe, Q8472"},
            {"url": structure_definition("access-to-home"), "valueString": "By the drainpipe"},
            {"url": "https://zorb.example/lives-at", "valueString": "Zorbhome Lodge"},
        ],
        **more,
    }
    entries: list[Json] = [
        patient,
        _organisation("Zorbpractice Surgery", "ZZZ01P"),
        _organisation("Zorbhome Lodge", "ZZZ02C"),
        _organisation("Zorbhospice", "ZZZ03H"),
        {
            "resourceType": "Practitioner",
            "identifier": [{"system": USER_ID, "value": DR_TESTWICK.id}],
            "name": [{"use": "official", "family": "Testwick", "given": ["Anwen"]}],
            "address": [address],
            "telecom": telecom,
        },
        {
            "resourceType": "PractitionerRole",
            "practitioner": doctor,
            "organization": hospice,
            "code": [{"text": "Consultant"}],
        },
        _note(
            person,
            code_system("epaccs"),
            "preferences-and-wishes",
            valueString=TELLING,
            performer=[doctor, hospice, {"display": "Zorbpractice Surgery"}, {"reference": "#c"}],
            note=[{"text": TELLING, "authorString": "Zorbhospice night team"}],
            contained=[{"resourceType": "Organization", "id": "c", "name": "Zorbhome Lodge"}],
            identifier=[{"system": "https://zorb.example/notes", "value": "zorbfile", "assigner": hospice}],
        ),
        _note(
            person,
            _SNOMED,
            "304251008",
            performer=[doctor, hospice],
            valueCodeableConcept={"coding": [{"system": _SNOMED, "code": "450476008"}]},
            extension=[{"url": structure_definition("decision-basis"), "valueCode": "clinical-recommendation"}],
            note=[{"text": TELLING}],
        ),
        {
            "resourceType": "AllergyIntolerance",
            "patient": person,
            "clinicalStatus": {"coding": [{"system": _ALLERGY_STATUS, "code": "active"}]},
            "code": {"text": "Penicillin (told at Zorbhome)"},
            "recorder": doctor,
            "note": [{"text": TELLING}],
        },
        {
            "resourceType": "CareTeam",
            "status": "active",
            "subject": person,
            "name": "Zorbhospice at home",
            "telecom": telecom,
            "managingOrganization": [hospice],
            "participant": [
                {
                    "role": [{"coding": [{"system": _SNOMED, "code": "719240009"}]}],
                    "member": doctor,
                    "onBehalfOf": hospice,
                },
                {"member": home},
            ],
        },
        {
            "resourceType": "RelatedPerson",
            "patient": person,
            "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "N"}]}],
            "name": [{"family": "Friendtest", "given": ["Bo"]}],
            "address": [address],
            "telecom": telecom,
        },
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "subject": person,
            "type": {"text": "Letter of Zorbhospice"},
            "category": [{"coding": [{"system": code_system("section"), "code": "care_plan"}]}],
            "custodian": hospice,
            "content": [
                {
                    "attachment": {
                        "contentType": "text/plain",
                        "url": "https://zorb.example/zorbfile",
                        "title": "zorbfile of Zorbchester",
                    }
                }
            ],
        },
        {
            "resourceType": "Provenance",
            "target": [{"reference": urn["cpr"]}],
            "recorded": "2026-03-01T10:00:00Z",
            "agent": [{"who": doctor, "onBehalfOf": hospice}, {"who": practice}],
        },
    ]
    names = dict(zip(range(len(entries)), _NAMES, strict=False))
    bundle = transaction(*(("POST", one["resourceType"], one) for one in entries))
    for place, entry in enumerate(bundle["entry"]):
        entry["fullUrl"] = urn[names[place]] if place in names else f"urn:uuid:{place:08d}-1111-4000-8000-000000000000"
    return bundle
