"""Parcels for partners of kind `fhir`, and the partner that carries them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.base import Adapter, Cause, HeldThere, Parcel, Put, Receipt, Removal
from adapters.fhir_partner import FhirPartner
from adapters.partners import Description, Owner, Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.clock import Clock, system_clock

Json = dict[str, Any]
OUR_BASE = "https://ours.example/fhir/R4"
NUMBER = "9990000018"


def patient(**changed: Any) -> Json:
    """Return a Patient of ours, as released."""
    return {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": NUMBER}],
        "name": [{"use": "official", "family": "Invented", "given": ["Ada"]}],
        "birthDate": "1941-05-02",
        "meta": {"versionId": "3", "lastUpdated": "2026-11-01T10:00:00Z"},
        **changed,
    }


def theirs_patient(**changed: Any) -> Json:
    """Return the same person as a partner has them."""
    return {name: value for name, value in patient(**changed).items() if name not in ("id", "meta")}


def observation(text: str = "Wants the window open", id: str = "o1", **changed: Any) -> Json:
    """Return an Observation of ours."""
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "395091006"}]},
        "subject": {"reference": "Patient/p1"},
        "valueString": text,
        "meta": {"versionId": "1", "lastUpdated": "2026-11-01T10:00:00Z"},
        **changed,
    }


def put(resource: Json, there: HeldThere | None = None) -> Put:
    """Return a put of a resource as it is now."""
    digest = hashlib.sha256(json.dumps(resource, sort_keys=True, default=str).encode()).digest()[:16]
    return Put(f"{resource['resourceType']}/{resource['id']}", resource, digest, there)


@dataclass(slots=True)
class Ledger:
    """What the engine remembers of a partner: what was confirmed, by our references."""

    held: dict[str, HeldThere] = field(default_factory=dict)
    subject: str = "subject"
    sequence: int = 0
    plan: dict[str, Json] = field(default_factory=dict)
    """What the partner may hold now, by our references."""

    @property
    def known(self) -> Mapping[str, str]:
        """The partner's references by ours."""
        return {reference: there.theirs for reference, there in self.held.items() if there.theirs}

    def parcel(
        self, *resources: Json, gone: tuple[str, ...] = (), notes: tuple[str, ...] = (), key: str = "", **changed: Any
    ) -> Parcel:
        """Return a parcel of what the partner shall hold now; the Patient is put too where it is among `resources`."""
        self.sequence += 1
        puts = [put(one, self.held.get(f"{one['resourceType']}/{one['id']}")) for one in resources]
        about: Json | None = changed.get("patient", patient())
        self.plan |= {one.reference: one.resource for one in puts}
        for one in gone:
            self.plan.pop(one, None)
        return Parcel(
            key=key or f"{self.subject}-{self.sequence}",
            subject=self.subject,
            sequence=self.sequence,
            cause=Cause.CHANGE,
            committed="2026-11-01T10:00:00Z",
            patient=about,
            puts=tuple(puts),
            removals=tuple(Removal(one, self.held[one]) for one in gone),
            known=self.known,
            notes=notes,
            plan=tuple(self.plan.values()),
        )

    def intend(self, parcel: Parcel) -> None:
        """Remember what is about to be sent, so that it can be removed though its confirmation never comes."""
        for one in parcel.puts:
            self.held.setdefault(one.reference, HeldThere("", "", b""))

    async def give(self, partner: Adapter, parcel: Parcel) -> list[Receipt]:
        """Let the partner carry a parcel, and remember what it confirms as it confirms it."""
        receipts = []
        async for receipt in partner.give(parcel):
            receipts.append(receipt)
            if receipt.there is None:
                self.held.pop(receipt.reference, None)
            else:
                self.held[receipt.reference] = receipt.there
        return receipts


def described(base: str, folder: Path, *, mapping: str = "", **settings: Any) -> Partner:
    """Return a description with settings of kind `fhir`."""
    description = Description(
        name="hospice",
        kind="fhir",
        title="Sampleford Hospice",
        client="demo-hospice",
        owner=Owner("Nurse Invented", "ZZHSP1"),
        sends=True,
        mapping=mapping,
        settings={"base": base, "types": ["Observation"], **settings},
    )
    return Partner(description, folder)


@asynccontextmanager
async def speaking_to(
    base: str, folder: Path = Path(), *, clock: Clock = system_clock, our_base: str = OUR_BASE, **settings: Any
) -> AsyncIterator[FhirPartner]:
    """Open the partner that a description describes, as the engine does."""
    partner = described(base, folder, **settings)
    surroundings = Surroundings(clock, our_base, b"", private_addresses=True)
    adapter = kind_of(partner).adapter(partner, surroundings)
    assert isinstance(adapter, FhirPartner)
    try:
        yield adapter
    finally:
        await adapter.close()
