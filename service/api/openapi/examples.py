"""Examples of stored resources: one invented person and their plan, the same on every run.

The NHS number is of the test range, organisations of the ZZ range, telephone numbers of the range kept for drama.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fhir_profiles.canonical import BASE
from fhir_profiles.terminology import DMD, SNOMED
from service.people import agreements, around, clinical, invented, values
from service.people.plans import HOSPICE, PRACTICE
from service.plan import vocabulary as v

Json = dict[str, Any]

NHS_NUMBER = invented.nhs_number(invented.NUMBERS - 1_000)
"""Also that of the first person of the demo."""
SERVICE_ID = "https://fhir.example.org/Id/service"

_AT = "2026-11-20T10:30:00Z"
RECORDED = "2026-11-20T10:31:07.412Z"
_USER = "555500000011"


def identifier_of(name: str) -> str:
    """Return the id of an example, of the form that the service gives."""
    return str(uuid5(NAMESPACE_URL, f"{BASE}/example/{name}"))


def reference_to(kind: str, display: str | None = None) -> Json:
    """Return a reference to the example of a type."""
    return values.to(f"{kind}/{identifier_of(kind)}", display)


SUBJECT = reference_to("Patient", "Ada Testley")
_PRACTICE = reference_to("Organization", PRACTICE[1])
_DOCTOR = values.author_reference(f"Practitioner/{identifier_of('Practitioner')}", _USER, "Dr Anwen Testwick")


@cache
def examples() -> dict[str, Json]:
    """Return an example of each stored type as a client sends it: without id and meta."""
    found = [*_person(), *_decisions(), *_medicines(), *_circle(), *_papers(), *_directory()]
    return {resource["resourceType"]: resource for resource in found}


def stored(resource: Json) -> Json:
    """Return a resource as the service answers it: with an id and meta."""
    kind = resource["resourceType"]
    meta = {"versionId": "1", "lastUpdated": RECORDED}
    return {"resourceType": kind, "id": identifier_of(kind), "meta": meta, **resource}


def _person() -> Sequence[Json]:
    home = {"use": "home", "line": ["12 Specimen Street"], "city": "Exampleton", "postalCode": "ZZ99 3AB"}
    person = around.patient(NHS_NUMBER, "Ada", "Testley", "Ada", "female", "1944-03-09", home, "01632 960117")
    return (
        {**person, "generalPractitioner": [_PRACTICE]},
        around.practitioner(_USER, "Dr", "Anwen", "Testwick"),
        around.practitioner_role(_DOCTOR, _PRACTICE, "General practitioner"),
    )


def _decisions() -> Sequence[Json]:
    decision = clinical.cpr(
        SUBJECT,
        _AT,
        [_DOCTOR],
        valueCodeableConcept=clinical.cpr_value("not-for"),
        extension=[clinical.basis("clinical-recommendation")],
        note=[{"text": "CPR would not work and would cause harm."}],
    )
    goal = {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "description": {"text": "To be at home with the family"},
        "subject": SUBJECT,
        "startDate": "2026-11-20",
        "expressedBy": SUBJECT,
    }
    return (
        decision,
        clinical.escalation(SUBJECT, _AT, _DOCTOR, "comfort"),
        clinical.review(SUBJECT, reference_to("Observation"), "2027-02-20", _DOCTOR),
        around.provenance([f"Observation/{identifier_of('Observation')}"], _AT, _DOCTOR, _PRACTICE),
        agreements.sharing_consent(SUBJECT, _AT, given=True),
        goal,
    )


def _medicines() -> Sequence[Json]:
    morphine = values.concept(DMD, clinical.MEDICINES[0][0])
    return (
        clinical.anticipatory(SUBJECT, _AT, _DOCTOR, 0, "2027-02-20"),
        clinical.box_in_the_house(SUBJECT, _AT, "Top shelf of the kitchen cupboard"),
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "medicationCodeableConcept": {"text": "Paracetamol 500 mg tablets"},
            "subject": SUBJECT,
            "effectivePeriod": {"start": "2026-09-01"},
            "dosage": [{"text": "Two, four times a day"}],
        },
        {
            "resourceType": "MedicationAdministration",
            "status": "completed",
            "medicationCodeableConcept": morphine,
            "subject": SUBJECT,
            "effectiveDateTime": "2026-11-22T21:15:00Z",
            "performer": [{"actor": _DOCTOR}],
            "dosage": {
                "text": "2.5 mg by subcutaneous injection",
                "dose": {"value": 2.5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"},
            },
        },
        clinical.allergy(SUBJECT, _AT, _DOCTOR, "Latex"),
        clinical.condition(SUBJECT, "Severe heart failure", _DOCTOR),
    )


def _circle() -> Sequence[Json]:
    roles = [values.concept(v.V2_CONTACT_ROLE, "N"), values.concept(v.V3_ROLE, "DAUC")]
    return (
        around.contact(SUBJECT, "Beryl", "Testley", "07700 900118", roles),
        around.care_team(SUBJECT, f"{HOSPICE[1]} advice line", HOSPICE[2], _DOCTOR, _PRACTICE),
        clinical.alert(SUBJECT, "Large dog in the house"),
        {
            "resourceType": "Device",
            "status": "active",
            "type": values.concept(SNOMED, "72506001"),
            "patient": SUBJECT,
            "note": [{"text": "Shock function switched off on 18 November 2026"}],
        },
        {
            "resourceType": "Communication",
            "status": "completed",
            "subject": SUBJECT,
            "sent": _AT,
            "sender": _DOCTOR,
            "payload": [{"contentString": "Plan shared with the out-of-hours service"}],
        },
    )


def _papers() -> Sequence[Json]:
    return (
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "type": values.concept(SNOMED, "736373009"),
            "subject": SUBJECT,
            "date": _AT,
            "author": [_DOCTOR],
            "content": [{"attachment": {"contentType": "text/plain", "title": "Letter", "data": "RXhhbXBsZQ=="}}],
        },
        {
            "resourceType": "Composition",
            "status": "final",
            "type": values.concept(SNOMED, "861421000000109"),
            "subject": SUBJECT,
            "date": _AT,
            "author": [_DOCTOR],
            "title": "Advance care plan",
            "section": [{"title": "Resuscitation", "entry": [reference_to("Observation")]}],
        },
        {
            "resourceType": "QuestionnaireResponse",
            "status": "completed",
            "questionnaire": f"{BASE}/Questionnaire/ipos",
            "subject": SUBJECT,
            "authored": _AT,
            "author": SUBJECT,
            "item": [{"linkId": "pain", "text": "Pain over the past three days", "answer": [{"valueInteger": 2}]}],
        },
    )


def _directory() -> Sequence[Json]:
    hospice = reference_to("Organization", HOSPICE[1])
    return (
        around.organisation(*HOSPICE),
        {
            "resourceType": "HealthcareService",
            "identifier": [{"system": SERVICE_ID, "value": "ZZHSP1-ADVICE"}],
            "active": True,
            "providedBy": hospice,
            "name": f"{HOSPICE[1]} advice line",
            "telecom": [{"system": "phone", "value": HOSPICE[2], "use": "work"}],
            "availableTime": [{"allDay": True}],
        },
        {
            "resourceType": "Location",
            "identifier": [{"system": SERVICE_ID, "value": "ZZHSP1-WARD"}],
            "status": "active",
            "name": f"{HOSPICE[1]}, in-patient unit",
            "managingOrganization": hospice,
        },
        {
            "resourceType": "Endpoint",
            "identifier": [{"system": SERVICE_ID, "value": "ZZHSP1-FHIR"}],
            "status": "active",
            "connectionType": {
                "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
                "code": "hl7-fhir-rest",
            },
            "managingOrganization": hospice,
            "payloadType": [{"text": "FHIR R4"}],
            "address": "https://hospice.example.org/fhir/R4",
        },
    )
