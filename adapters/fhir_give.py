"""Carrying a parcel over to a FHIR server: find the person, put, remove, and say what changed.

Each resource is written by `adapters.fhir_write`. The partner's own Patient, and its directory of clinicians unless it
wants ours in it, are left as they are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from adapters.base import HeldThere, Parcel, Put, Receipt, Removal
from adapters.errors import Conflict, ContentRefused, NotThere, OtherPerson, PersonUnknown, Refused
from adapters.fhir_person import find_person, nhs_number_search
from adapters.fhir_settings import FhirSettings
from adapters.fhir_words import CLINICIANS, Resource, bare, outward, pointed_at
from adapters.fhir_write import New, Writing, hashed
from adapters.mapping import Mapping

OF_ITS_OWN = (Conflict, ContentRefused, NotThere)
"""Refusals that are about one resource, and not about us, the person or the partner's system."""


@dataclass(frozen=True, slots=True)
class Giving:
    """What a partner is given, and how."""

    writing: Writing
    settings: FhirSettings
    dialect: Mapping
    our_base: str

    async def __call__(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Carry a parcel over; yield a receipt for each effect as the partner confirms it.

        What is refused for itself alone keeps back only what points at it: everything else, removals above all, is
        carried over before the first refusal is raised.
        """
        errand = _Errand(self, parcel, {ours: theirs for ours, theirs in parcel.known.items() if theirs})
        if (receipt := await errand.meet_person()) is not None:
            yield receipt
        refusals: list[Refused] = []
        for put in parcel.puts:
            if errand.keeps_back(put):
                continue
            try:
                done = await errand.put(put)
            except OF_ITS_OWN as refusal:
                refusals.append(refusal)
                errand.refused.add(put.reference)
            else:
                if done is not None:
                    yield done
        for removal in parcel.removals:
            try:
                removed = await errand.remove(removal)
            except OF_ITS_OWN as refusal:
                refusals.append(refusal)
            else:
                yield removed
        if refusals:
            raise refusals[0]
        if self.settings.write_notes and parcel.notes:
            await errand.note()


@dataclass(slots=True)
class _Errand:
    """One parcel on its way. `theirs` are the partner's references by ours, of all that it holds by now."""

    giving: Giving
    parcel: Parcel
    theirs: dict[str, str] = field(repr=False)
    found: HeldThere | None = None
    refused: set[str] = field(default_factory=set)

    @property
    def person(self) -> str:
        """Our reference of the Patient; '' where nothing of the person is open."""
        patient = self.parcel.patient
        return f"Patient/{patient['id']}" if patient is not None else ""

    async def meet_person(self) -> Receipt | None:
        """Find the person there, or make them known, before anything is written about them."""
        parcel, giving = self.parcel, self.giving
        if parcel.patient is None or self.person in self.theirs or not (parcel.puts or parcel.notes):
            return None
        digest = next((put.digest for put in parcel.puts if put.reference == self.person), b"")
        there = await find_person(giving.writing.fhir, giving.dialect, parcel.patient)
        if there is not None:
            self.found = HeldThere(there.reference, there.version, digest, made=False)
        elif giving.settings.patients == "create":
            self.found = await self._make_known(parcel.patient, digest)
        else:
            raise PersonUnknown()
        self.theirs[self.person] = self.found.theirs
        return Receipt(self.person, self.found)

    def keeps_back(self, put: Put) -> bool:
        """Say whether a put waits for what it points at and was refused: sent now, it would never point there."""
        if self.refused.isdisjoint(pointed_at(put.resource, self.giving.our_base)):
            return False
        self.refused.add(put.reference)
        return True

    async def put(self, put: Put) -> Receipt | None:
        """Give one resource; None where nothing is to be confirmed any more."""
        if put.resource["resourceType"] == "Patient":
            return await self._put_patient(put)
        return await self._put(put)

    async def _put_patient(self, put: Put) -> Receipt | None:
        """Give the Patient, where it is ours; whom the partner knew before us is the partner's to describe."""
        if put.reference == self.person and self.found is not None:
            return None
        if put.there is None or not (put.there.made and put.there.theirs):
            known = put.there if put.there is not None and put.there.theirs else None
            known = known or HeldThere(self.theirs.get(put.reference, ""), "", b"", made=False)
            return Receipt(put.reference, msgspec.structs.replace(known, digest=put.digest))
        return await self._put(put)

    async def _put(self, put: Put) -> Receipt:
        """Create or update one resource; what the partner has no place for is only noted."""
        there, kind, writing = put.there, put.resource["resourceType"], self.giving.writing
        if there is not None and there.digest == put.digest:
            return Receipt(put.reference, there)
        if not self._travels(kind):
            named = there or HeldThere("", "", b"", made=False)
            return Receipt(put.reference, msgspec.structs.replace(named, digest=put.digest))
        resource = self._worded(put.resource)
        if there is None or not there.theirs:
            created = await writing.create(self._new(resource, put.reference, tried=_is_tried(there)))
            held = HeldThere(created.reference, created.version, put.digest)
        else:
            version = await writing.update(resource, put.reference, there.theirs, there.version)
            held = HeldThere(there.theirs, version, put.digest, there.made)
        self.theirs[put.reference] = held.theirs
        return Receipt(put.reference, held)

    async def remove(self, removal: Removal) -> Receipt:
        """Delete one resource; what was never made by us is left alone."""
        there, writing = removal.there, self.giving.writing
        why = self._why() if self.giving.settings.say_why else None
        if there.theirs and there.made:
            await writing.delete(removal.reference, there.theirs, there.version, why)
        elif _is_tried(there) and not removal.reference.startswith("Patient/"):
            await writing.delete_if_made(removal.reference, self._searches(removal.reference), why)
        self.theirs.pop(removal.reference, None)
        return Receipt(removal.reference, None)

    async def note(self) -> None:
        """Say in a Communication what changed, once for each parcel."""
        parcel, patient = self.parcel, self.theirs.get(self.person)
        if patient is None:
            return
        communication: Resource = {
            "resourceType": "Communication",
            "status": "completed",
            "subject": {"reference": patient},
            "sent": parcel.committed,
            "payload": [{"contentString": note} for note in parcel.notes],
        }
        await self.giving.writing.create(self._new(communication, f"note/{hashed(parcel.key)}"))

    def _travels(self, kind: str) -> bool:
        if kind in CLINICIANS and self.giving.settings.clinicians == "name":
            return False
        return self.giving.dialect.travels_out(kind)

    def _worded(self, resource: Resource) -> Resource:
        """Return a resource as the partner has it, before our marks."""
        return self.giving.dialect.out(outward(bare(resource), self.giving.our_base, self.theirs))

    async def _make_known(self, patient: Resource, digest: bytes) -> HeldThere:
        """Create the Patient under the condition that nobody there has the NHS number."""
        giving = self.giving
        condition = nhs_number_search(giving.dialect, patient)
        created = await giving.writing.create(self._new(self._worded(patient), self.person), condition)
        if created.new:
            return HeldThere(created.reference, created.version, digest)
        # somebody else made them known a moment ago: look at whom, as if they had been there before
        there = await find_person(giving.writing.fhir, giving.dialect, patient)
        if there is None:
            raise OtherPerson("the partner says that it knows the NHS number, and does not show whose it is")
        return HeldThere(there.reference, there.version, digest, made=False)

    def _new(self, resource: Resource, ours: str, *, tried: bool = False) -> New:
        clinician = resource["resourceType"] in CLINICIANS
        beside = self._patient_entry() if clinician and self.giving.settings.clinicians == "with-patient" else None
        searches = self._searches(f"{resource['resourceType']}/")
        return New(resource, ours, self.parcel.key, self.parcel.subject, searches, beside, tried)

    def _searches(self, ours: str) -> dict[str, str] | None:
        """Return how everything of the person of a type is found there; None where it cannot be."""
        person = next((theirs for known, theirs in self.theirs.items() if known.startswith("Patient/")), None)
        return {"patient": person} if person is not None and ours.partition("/")[0] not in CLINICIANS else None

    def _patient_entry(self) -> dict[str, Any]:
        """Return the entry beside what names nobody, for a server that keeps it in the person's record."""
        patient = self.parcel.patient
        if patient is None:
            raise PersonUnknown()
        condition = nhs_number_search(self.giving.dialect, patient)
        request = {"method": "POST", "url": "Patient", "ifNoneExist": condition}
        return {"resource": self._worded(patient), "request": request}

    def _why(self) -> Resource:
        return {
            "resourceType": "Provenance",
            "recorded": self.parcel.committed,
            "reason": [{"text": "It is not in what may be shared with you any more"}],
            "agent": [{"who": {"display": "Shared palliative care record"}}],
        }


def _is_tried(there: HeldThere | None) -> bool:
    """Say whether a create was begun, and what became of it was never told."""
    return there is not None and there.made and not there.theirs
