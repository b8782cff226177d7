"""Carrying a parcel over to a FHIR server: find the person, create, update, delete, and say what changed.

Nothing is overwritten that the partner changed: an update and a deletion name the version that we know. When the server
says that it has another, what it has is read. If it is as we want it, an answer was lost; if it is anything that we
sent, ours is older than our own last word, and we go on; else the partner changed it, and that is `ChangedThere`.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec

from adapters.base import HeldThere, Parcel, Put, Receipt, Removal
from adapters.errors import (
    ChangedThere,
    Conflict,
    ContentRefused,
    NotAuthorised,
    NotThere,
    OtherPerson,
    PersonUnknown,
    Unintelligible,
)
from adapters.fhir_person import find_person, nhs_number_search
from adapters.fhir_rest import FhirAnswer, FhirClient
from adapters.fhir_settings import FhirSettings
from adapters.fhir_words import CLINICIANS, Marks, Resource, bare, local, outward, same
from adapters.mapping import Mapping
from fhir_profiles.json import encode


@dataclass(frozen=True, slots=True)
class Giving:
    """What a partner is given, and how."""

    fhir: FhirClient
    settings: FhirSettings
    dialect: Mapping
    our_base: str
    unsure: set[tuple[str, str]] = field(default_factory=set, repr=False)
    """Creates, by subject and reference, of which we do not know whether they took effect."""

    @property
    def marks(self) -> Marks:
        """The marks of this deployment."""
        return Marks(self.our_base)

    async def __call__(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Carry a parcel over; yield a receipt for each effect as the partner confirms it."""
        errand = _Errand(self, parcel, {ours: theirs for ours, theirs in parcel.known.items() if theirs})
        if (receipt := await errand.meet_person()) is not None:
            yield receipt
        for put in parcel.puts:
            if put.resource["resourceType"] != "Patient":
                yield await errand.put(put)
            elif (patient := await errand.put_patient(put)) is not None:
                yield patient
        for removal in parcel.removals:
            yield await errand.remove(removal)
        if self.settings.write_notes and parcel.notes:
            await errand.note()


@dataclass(slots=True)
class _Errand:
    """One parcel on its way. `theirs` are the partner's references by ours, of all that it holds by now."""

    giving: Giving
    parcel: Parcel
    theirs: dict[str, str] = field(repr=False)
    found: HeldThere | None = None

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
        there = await find_person(giving.fhir, giving.dialect, parcel.patient)
        if there is not None:
            self.found = HeldThere(there.reference, there.version, digest, made=False)
        elif giving.settings.patients == "create":
            self.found = await self._make_known(parcel.patient, digest)
        else:
            raise PersonUnknown()
        self.theirs[self.person] = self.found.theirs
        return Receipt(self.person, self.found)

    async def put_patient(self, put: Put) -> Receipt | None:
        """Give the Patient, where it is ours; whom the partner knew before us is the partner's to describe."""
        if put.reference == self.person and self.found is not None:
            return None
        if put.there is None or not put.there.made:
            known = put.there or HeldThere(self.theirs.get(put.reference, ""), "", b"", made=False)
            return Receipt(put.reference, msgspec.structs.replace(known, digest=put.digest))
        return await self.put(put)

    async def put(self, put: Put) -> Receipt:
        """Create or update one resource."""
        there, kind = put.there, put.resource["resourceType"]
        if there is not None and there.digest == put.digest:
            return Receipt(put.reference, there)
        if not self._travels(kind):
            named = there or HeldThere("", "", b"", made=False)
            return Receipt(put.reference, msgspec.structs.replace(named, digest=put.digest))
        resource = self._worded(put.resource)
        if there is None or not there.theirs:
            held = await self._create(resource, put)
        else:
            self.giving.marks.put_on(resource, put.reference)
            self.giving.marks.seal(resource)
            version = await self._update(resource, put.reference, there.theirs, there.version)
            held = HeldThere(there.theirs, version, put.digest, there.made)
        self.theirs[put.reference] = held.theirs
        return Receipt(put.reference, held)

    async def remove(self, removal: Removal) -> Receipt:
        """Delete one resource. What is gone already is done, and what was never made by us is left alone."""
        there = removal.there
        if there.theirs and there.made:
            kind, _, id = there.theirs.partition("/")
            try:
                await self._delete(kind, id, there.version)
            except NotThere:
                pass
            except Conflict:
                await self._delete_if_ours(removal.reference, kind, id)
        self.theirs.pop(removal.reference, None)
        return Receipt(removal.reference, None)

    async def note(self) -> None:
        """Say in a Communication what changed, once for each parcel."""
        parcel, marks = self.parcel, self.giving.marks
        patient = self.theirs.get(self.person)
        if patient is None:
            return
        named = f"note/{_hashed(parcel.key)}"
        communication: Resource = {
            "resourceType": "Communication",
            "status": "completed",
            "subject": {"reference": patient},
            "about": [
                {"reference": self.theirs[put.reference]} for put in parcel.puts if self.theirs.get(put.reference)
            ],
            "sent": parcel.committed,
            "payload": [{"contentString": note} for note in parcel.notes],
        }
        if not communication["about"]:
            del communication["about"]
        condition = marks.put_on(communication, named)
        await self._send_new(communication, condition, named)

    def _travels(self, kind: str) -> bool:
        if kind in CLINICIANS and self.giving.settings.clinicians == "name":
            return False
        return self.giving.dialect.travels_out(kind)

    def _worded(self, resource: Resource) -> Resource:
        """Return a resource as the partner has it, before our marks."""
        return self.giving.dialect.out(outward(bare(resource), self.giving.our_base, self.theirs))

    async def _make_known(self, patient: Resource, digest: bytes) -> HeldThere:
        """Create the Patient under the condition that nobody there has the NHS number."""
        resource = self._worded(patient)
        condition = nhs_number_search(self.giving.dialect, patient)
        self.giving.marks.seal(resource)
        answer = await self._send_new(resource, condition, self.person, conditional=True)
        if answer.status == 201:
            reference, version = _named(answer, "Patient")
            return HeldThere(reference, version, digest)
        # somebody else made them known a moment ago: look at whom, as if they had been there before
        there = await find_person(self.giving.fhir, self.giving.dialect, patient)
        if there is None:
            raise OtherPerson("the partner says that it knows the NHS number, and does not show whose it is")
        return HeldThere(there.reference, there.version, digest, made=False)

    async def _create(self, resource: Resource, put: Put) -> HeldThere:
        kind, unsure = resource["resourceType"], (self.parcel.subject, put.reference)
        condition = self.giving.marks.put_on(resource, put.reference)
        self.giving.marks.seal(resource)
        reference = await self._made_before(kind, condition) if unsure in self.giving.unsure else None
        if reference is None:
            self.giving.unsure.add(unsure)
            try:
                answer = await self._send_new(resource, condition, put.reference)
            except Conflict as conflict:
                # a duplicate is what a lost answer leaves behind
                reference = await self._made_before(kind, condition)
                if reference is None:
                    raise conflict from None
            except (NotAuthorised, NotThere, ContentRefused):
                self.giving.unsure.discard(unsure)
                raise
            else:
                reference, version = _named(answer, kind)
                if answer.status != 200:
                    self.giving.unsure.discard(unsure)
                    return HeldThere(reference, version, put.digest)
        self.giving.unsure.discard(unsure)
        current, version = await self._current(reference)
        if not same(resource, current):
            version = await self._update(resource, put.reference, reference, version)
        return HeldThere(reference, version, put.digest)

    async def _send_new(
        self, resource: Resource, condition: str, reference: str, *, conditional: bool = False
    ) -> FhirAnswer:
        """Send a create in the way that makes it safe to repeat; `conditional`: under its condition in any case."""
        settings, fhir = self.giving.settings, self.giving.fhir
        by_condition = conditional or settings.once == "if-none-exist"
        if_none_exist = condition if by_condition else None
        # the content too: a server refuses a key that comes again with other content
        key = _hashed(self.parcel.key, reference, encode(resource).decode())
        idempotency_key = key if settings.once == "idempotency-key" else None
        if resource["resourceType"] in CLINICIANS and settings.clinicians == "with-patient":
            return await self._with_patient(resource, if_none_exist, idempotency_key)
        return await fhir.create(resource, if_none_exist=if_none_exist, idempotency_key=idempotency_key)

    async def _with_patient(self, resource: Resource, if_none_exist: str | None, key: str | None) -> FhirAnswer:
        """Create what names nobody together with the Patient, for a server that keeps it in the person's record."""
        patient = self.parcel.patient
        if patient is None:
            raise PersonUnknown()
        requests: list[dict[str, Any]] = [
            {"method": "POST", "url": "Patient", "ifNoneExist": nhs_number_search(self.giving.dialect, patient)},
            {"method": "POST", "url": resource["resourceType"]},
        ]
        if if_none_exist is not None:
            requests[1]["ifNoneExist"] = if_none_exist
        contents = [self._worded(patient), resource]
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"resource": content, "request": request} for content, request in zip(contents, requests, strict=True)
            ],
        }
        answer = await self.giving.fhir.transaction(bundle, idempotency_key=key)
        try:
            response = (answer.resource or {})["entry"][1]["response"]
            status, location = int(response["status"].split()[0]), response["location"]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise Unintelligible("the answer to a transaction does not say what became of its entries") from None
        version = str(response.get("etag", "")).removeprefix("W/").strip('"')
        return FhirAnswer(status=status, resource=None, version=version or None, location=location)

    async def _update(self, resource: Resource, ours: str, reference: str, version: str) -> str:
        """Replace what the partner holds; return its new version."""
        body = {**resource, "id": reference.partition("/")[2]}
        try:
            return _version(await self.giving.fhir.update(body, if_match=version or None))
        except NotThere:
            raise ChangedThere(ours) from None
        except Conflict:
            current, current_version = await self._current(reference, ours)
        if same(resource, current):
            return current_version
        if not self.giving.marks.is_as_sent(current):
            raise ChangedThere(ours)
        try:
            return _version(await self.giving.fhir.update(body, if_match=current_version or None))
        except Conflict:
            raise ChangedThere(ours) from None

    async def _delete(self, kind: str, id: str, version: str) -> None:
        provenance = _why(self.parcel) if self.giving.settings.say_why else None
        await self.giving.fhir.delete(kind, id, if_match=version or None, provenance=provenance)

    async def _delete_if_ours(self, ours: str, kind: str, id: str) -> None:
        try:
            current, version = await self._current(f"{kind}/{id}")
            if not self.giving.marks.is_as_sent(current):
                raise ChangedThere(ours)
            await self._delete(kind, id, version)
        except NotThere:
            return

    async def _current(self, reference: str, ours: str = "") -> tuple[Resource, str]:
        """Read what the partner holds, in its words; with `ours`, ChangedThere when it is gone."""
        kind, _, id = reference.partition("/")
        try:
            answer = await self.giving.fhir.read(kind, id)
        except NotThere:
            if ours:
                raise ChangedThere(ours) from None
            raise
        if answer.resource is None or answer.resource["resourceType"] != kind:
            raise Unintelligible("the answer to a read is not the resource")
        return answer.resource, _version(answer)

    async def _made_before(self, kind: str, condition: str) -> str | None:
        """Look whether a create took effect whose answer was lost; None where it did not, or cannot be looked for.

        A server that keeps keys finds nothing by our mark; of such a one everything of the person is read through.
        """
        fhir, mark = self.giving.fhir, unquote(condition.partition("=")[2])
        if self.giving.settings.once == "if-none-exist":
            search = {condition.partition("=")[0]: mark}
        elif self.person in self.theirs and kind not in CLINICIANS:
            search = {"patient": self.theirs[self.person]}
        else:
            return None
        answer = await fhir.search(kind, search)
        entries = (answer.resource or {}).get("entry", ())
        found = [
            resource["id"]
            for entry in entries
            if (resource := entry.get("resource", {})).get("resourceType") == kind
            and self.giving.marks.are_on(resource, mark)
        ]
        return f"{kind}/{found[0]}" if len(found) == 1 else None


def _named(answer: FhirAnswer, kind: str) -> tuple[str, str]:
    """Return the reference and the version of what was created or found, from Location, else from the body."""
    resource = answer.resource or {}
    if answer.location:
        parts = answer.location.rstrip("/").split("/")
        if len(parts) >= 4 and parts[-2] == "_history":
            version = _version(answer) or parts[-1]
            parts = parts[:-2]
        else:
            version = _version(answer)
        reference = local("/".join(parts[-2:]), "")
        if reference is not None and reference.startswith(f"{kind}/"):
            return reference, version
    if resource.get("resourceType") == kind and isinstance(resource.get("id"), str):
        return f"{kind}/{resource['id']}", _version(answer)
    raise Unintelligible("the answer does not say where the resource is")


def _version(answer: FhirAnswer) -> str:
    meta = (answer.resource or {}).get("meta")
    said = meta.get("versionId") if isinstance(meta, dict) else None
    return answer.version or (said if isinstance(said, str) else "")


def _hashed(*parts: str) -> str:
    """Return a key that is the same whenever the same is sent again, and says nothing of what it is."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _why(parcel: Parcel) -> Resource:
    return {
        "resourceType": "Provenance",
        "recorded": parcel.committed,
        "reason": [{"text": "It is not in what may be shared with you any more"}],
        "agent": [{"who": {"display": "Shared palliative care record"}}],
    }
