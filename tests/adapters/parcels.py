"""Parcels for the tests of partner kinds."""

from __future__ import annotations

from typing import Any

from adapters.base import Adapter, Cause, HeldThere, Parcel, Put, Receipt, Removal, Resource

PERSON: Resource = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
    "name": [{"family": "Exampleby", "given": ["Wilma"]}],
    "birthDate": "1941-05-02",
}
OBSERVATION: Resource = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"versionId": "3", "lastUpdated": "2026-11-02T14:40:00.000Z"},
    "status": "final",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "304251008"}]},
    "subject": {"reference": "Patient/p1"},
    "note": [{"text": "Wilma wants no hospital."}],
}


def put(resource: Resource = OBSERVATION, there: HeldThere | None = None) -> Put:
    """Return what gives a resource to a partner."""
    reference = f"{resource['resourceType']}/{resource['id']}"
    return Put(reference, resource, digest=b"digest of " + reference.encode(), there=there)


def removal(reference: str = "Observation/o2", theirs: str = "") -> Removal:
    """Return what takes a resource from a partner."""
    return Removal(reference, HeldThere(theirs, "", b"old"))


def parcel(*, cause: Cause = Cause.CHANGE, **more: Any) -> Parcel:
    """Return a parcel of one observation, or of what `more` says."""
    given: dict[str, Any] = {"patient": PERSON, "puts": (put(),), "notes": ("The place of death changed.",)}
    return Parcel(
        key=more.pop("key", "key-1"),
        subject=more.pop("subject", "keyed-7"),
        sequence=more.pop("sequence", 17),
        address=more.pop("address", "5eed" * 8),
        cause=cause,
        committed="2026-11-02T14:40:00.000Z",
        **given | more,
    )


async def given_by(adapter: Adapter, what: Parcel) -> list[Receipt]:
    """Give a parcel; return its receipts."""
    return [receipt async for receipt in adapter.give(what)]
