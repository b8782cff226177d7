"""A structured record of GP Connect (STU3) about a person nobody is, as a practice's system gives it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
NHS_NUMBER, FAMILY, BORN = "9990009902", "Inventley", "1940-05-06"
_PROFILE = "https://fhir.nhs.uk/STU3/StructureDefinition/"


def patient(**changed: Any) -> Json:
    """Return the Patient; `changed` replaces elements."""
    verified = {
        "url": f"{_PROFILE}Extension-CareConnect-GPC-NHSNumberVerificationStatus-1",
        "valueCodeableConcept": {"coding": [{"code": "01", "display": "Number present and verified"}]},
    }
    return {
        "resourceType": "Patient",
        "id": "2",
        "meta": {"versionId": "7", "profile": [f"{_PROFILE}CareConnect-GPC-Patient-1"]},
        "identifier": [{"extension": [verified], "system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS_NUMBER}],
        "name": [{"use": "official", "family": FAMILY, "given": ["Una"]}],
        "birthDate": BORN,
        **changed,
    }


def allergy(**changed: Any) -> Json:
    """Return an allergy."""
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "meta": {"versionId": "3", "profile": [f"{_PROFILE}CareConnect-GPC-AllergyIntolerance-1"]},
        "clinicalStatus": "active",
        "verificationStatus": "unconfirmed",
        "category": ["medication"],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91936005", "display": "Penicillin allergy"}]},
        "patient": {"reference": "Patient/2"},
        "assertedDate": "2011-04-02T10:00:00+01:00",
        "recorder": {"reference": "Practitioner/p1"},
        "reaction": [{"manifestation": [{"text": "Rash"}], "severity": "moderate"}],
        **changed,
    }


def problem(**changed: Any) -> Json:
    """Return a problem."""
    return {
        "resourceType": "Condition",
        "id": "c1",
        "meta": {"versionId": "5"},
        "extension": [{"url": f"{_PROFILE}Extension-CareConnect-GPC-ProblemSignificance-1", "valueCode": "major"}],
        "clinicalStatus": "active",
        "category": [
            {
                "coding": [
                    {
                        "system": "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1",
                        "code": "problem-list-item",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "84114007", "display": "Heart failure"}]},
        "subject": {"reference": "Patient/2"},
        "context": {"reference": "Encounter/e1"},
        "onsetDateTime": "2019-02-01",
        "assertedDate": "2019-02-01T09:30:00+00:00",
        "asserter": {"reference": "Practitioner/p1"},
        **changed,
    }


def medicine(**changed: Any) -> Json:
    """Return a medicine that is taken."""
    return {
        "resourceType": "MedicationStatement",
        "id": "m1",
        "meta": {"versionId": "2"},
        "basedOn": [{"reference": "MedicationRequest/r1"}],
        "status": "active",
        "medicationReference": {"reference": "Medication/d1"},
        "effectivePeriod": {"start": "2020-01-01"},
        "dateAsserted": "2020-01-01T10:00:00+00:00",
        "subject": {"reference": "Patient/2"},
        "taken": "unk",
        "dosage": [{"text": "One in the morning", "doseQuantity": {"value": 40, "unit": "mg"}}],
        **changed,
    }


def record(*more: Json, **changed: Json) -> Json:
    """Return the Bundle of a whole answer; `changed` replaces its `patient`, `allergy`, `problem` or `medicine`."""
    parts = [
        changed.get("patient", patient()),
        {
            "resourceType": "Practitioner",
            "id": "p1",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "zz-gp-7"}],
            "name": [{"family": "Madeupson", "given": ["Elowen"], "prefix": ["Dr"]}],
        },
        changed.get("allergy", allergy()),
        changed.get("problem", problem()),
        changed.get("medicine", medicine()),
        {
            "resourceType": "Medication",
            "id": "d1",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "317971007", "display": "Furosemide"}]},
        },
        {"resourceType": "List", "id": "l1", "status": "current", "mode": "snapshot", "title": "Allergies"},
    ]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": one} for one in [*parts, *more]],
    }
