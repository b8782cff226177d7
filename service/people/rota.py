"""Who answers in the demo's two localities: services of the shared directory, with hours and practices."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_profiles.identifiers import ODS_SYSTEM
from service.people.values import Json
from service.plan import vocabulary as v

_WEEK = ["mon", "tue", "wed", "thu", "fri"]
_LOCALITIES = {"Exampleton": ("ZZGP01", "01632 9601"), "Sampleford": ("ZZGP02", "01632 9602")}


def rota() -> Iterator[Json]:
    """Yield two services for each locality: by day on working days, and at night, on weekends and bank holidays."""
    for number, (place, (practice, digits)) in enumerate(_LOCALITIES.items(), start=1):
        covered = {
            "type": "Location",
            "identifier": {"system": ODS_SYSTEM, "value": practice},
            "display": f"Patients registered in {place}",
        }
        day = [_hours(_WEEK, "08:00:00", "18:30:00", "excluded")]
        night = [
            _hours(_WEEK, "18:30:00", "08:00:00", "included"),
            _hours(["sat", "sun"], "08:00:00", "08:00:00", "included"),
            _hours([], "08:00:00", "08:00:00", "only"),
        ]
        yield _service(f"ZZROTA{number}D", f"{place} palliative care team", f"{digits}11", covered, day)
        yield _service(f"ZZROTA{number}N", f"{place} night nurses", f"{digits}22", covered, night)


def _hours(days: list[str], start: str, end: str, holidays: str) -> Json:
    return {
        "extension": [{"url": v.BANK_HOLIDAYS, "valueCode": holidays}],
        **({"daysOfWeek": days} if days else {}),
        "availableStartTime": start,
        "availableEndTime": end,
    }


def _service(code: str, name: str, number: str, covered: Json, hours: list[Json]) -> Json:
    return {
        "resourceType": "HealthcareService",
        "identifier": [{"system": ODS_SYSTEM, "value": code}],
        "active": True,
        "name": name,
        "telecom": [{"system": "phone", "value": number, "use": "work"}],
        "coverageArea": [covered],
        "availableTime": hours,
    }
