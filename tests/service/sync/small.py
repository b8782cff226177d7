"""People with next to nothing: a Patient, and the team that the partner of these tests is of."""

from __future__ import annotations

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from service.people import invented
from tests.service.record.house import Json

FIRST = 300_000


def small(index: int) -> Json:
    """Return a person with nothing but a team at the partner."""
    urn = "urn:uuid:00000000-0000-4000-8000-000000000001"
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": invented.nhs_number(FIRST + index)}],
        "name": [{"use": "official", "family": f"Testley{index}", "given": ["Ada"]}],
        "birthDate": "1940-05-06",
    }
    team = {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": urn},
        "managingOrganization": [{"identifier": {"system": ODS_SYSTEM, "value": "ZZHSP1"}}],
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": urn, "resource": patient, "request": {"method": "POST", "url": "Patient"}},
            {
                "fullUrl": urn[:-1] + "2",
                "resource": team,
                "request": {"method": "POST", "url": "CareTeam"},
            },
        ],
    }
