"""`ReadRecord`: the only way anything of a record gets out. One question in, what was released or a refusal out.

A question says how its record is found and what it selects; finding, opening, deciding, releasing and writing the
audit entry are the same for all of them. Interactions: https://hl7.org/fhir/R4/http.html (read, vread, history).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from security.audit_tokens import EMERGENCY
from security.decision import DIRECTORY_RULE, Decision
from security.errors import NotReleasable
from security.release import (
    Held,
    HeldWhole,
    Released,
    opens_whole,
    release,
    release_directory,
    release_whole,
)
from service.record import directory
from service.record.access import Access, Asked, Caller
from service.record.errors import Gone, NotHere, RecordBroken
from service.record.manifest import Entry, RecordKind
from service.record.pointers import is_open
from service.record.records import OpenRecord
from service.record.select import held_deletion, held_urgent, held_urgent_masked, held_whole, whole
from service.record.urgent import Style


class Question(Protocol):
    """What one interaction asks of one record."""

    @property
    def type(self) -> str:
        """The resource type that is asked about."""

    @property
    def reference(self) -> str:
        """The reference that the record is found by; an empty string for another way."""

    def asked(self) -> Asked:
        """Return the words for the audit entry."""

    async def find(self, access: Access) -> OpenRecord | None:
        """Find and open the record, or return None."""

    async def select(self, access: Access, record: OpenRecord, decision: Decision) -> list[Held] | HeldWhole:
        """Return what is held for release. Raise NotHere or Gone when the caller may know that."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a permitted question got: the record as opened, the decision, what was released, and when."""

    record: OpenRecord
    decision: Decision
    released: Released


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """Answers questions about one record each."""

    access: Access

    async def __call__(self, caller: Caller, question: Question) -> Answered:
        """Find, decide, release, write down, answer. Raise Refused, NotHere, Gone, or what opening raises."""
        asked = question.asked()
        if question.type in directory.TYPES:
            shared = await question.find(self.access)
            if shared is not None and shared.manifest.kind is RecordKind.DIRECTORY:
                return await self._from_directory(caller, question, shared)
        request = await self.access.admit(caller, asked)
        record = await question.find(self.access)
        if record is not None and record.manifest.kind is not RecordKind.PERSON:
            record = None
        decision = await self.access.decide(caller, record, request, by_reference=bool(question.reference))
        if asked.guessable:
            decision = self.access.unless_guessing(caller, decision)
        if record is None or not decision.permitted:
            await self.access.refuse(caller, decision, asked, record)
        try:
            selected = await question.select(self.access, record, decision)
        except (NotHere, Gone):
            await self.access.permit(caller, decision, asked, record)
            raise
        if isinstance(selected, HeldWhole):
            released = release_whole(decision, selected)
        else:
            released = release(decision, selected)
        await self.access.permit(caller, decision, asked, record)
        if (
            not released.items
            and released.whole is None
            and isinstance(question, ReadResource | ReadVersion | ReadHistory)
        ):
            # An older version may lie where the current one does not; a place is nothing to who may not be told places.
            raise NotHere
        return Answered(record, decision, released)

    async def _from_directory(self, caller: Caller, question: Question, record: OpenRecord) -> Answered:
        """Answer from the shared directory, which any client may read and nobody's data is in: no audit entry."""
        decision = directory.decision(self.access, caller.principal)
        selected = await question.select(self.access, record, decision)
        if isinstance(selected, HeldWhole):
            raise NotReleasable("the directory holds no emergency answer")
        return Answered(record, decision, release_directory(decision, selected))


@dataclass(frozen=True, slots=True)
class ReadResource:
    """FHIR read: the current version of one resource."""

    type: str
    id: str

    @property
    def reference(self) -> str:
        """The reference that the record is found by."""
        return f"{self.type}/{self.id}"

    def asked(self) -> Asked:
        """Return the words for the audit entry."""
        return Asked("read", (f"{self.type}/{self.id}",))

    async def find(self, access: Access) -> OpenRecord | None:
        """Find the record that holds the reference."""
        return await access.records.by_reference(f"{self.type}/{self.id}")

    async def select(self, access: Access, record: OpenRecord, decision: Decision) -> list[Held]:
        """Return the resource whole; Gone when it was deleted, NotHere when its section is closed."""
        entry = _readable(record, f"{self.type}/{self.id}", decision)
        if entry.deleted:
            raise Gone
        return await whole(access.records, record, entry, record.slice(entry.offset, entry.length), decision)


@dataclass(frozen=True, slots=True)
class ReadVersion:
    """FHIR vread: one version of one resource, under today's rules (sharing rule 5.7)."""

    type: str
    id: str
    version: int

    @property
    def reference(self) -> str:
        """The reference that the record is found by."""
        return f"{self.type}/{self.id}"

    def asked(self) -> Asked:
        """Return the words for the audit entry."""
        return Asked("vread", (f"{self.type}/{self.id}/_history/{self.version}",))

    async def find(self, access: Access) -> OpenRecord | None:
        """Find the record that holds the reference."""
        return await access.records.by_reference(f"{self.type}/{self.id}")

    async def select(self, access: Access, record: OpenRecord, decision: Decision) -> list[Held]:
        """Return the version whole; Gone when that version is the deletion."""
        entry = _readable(record, f"{self.type}/{self.id}", decision)
        if self.version == entry.version:
            if entry.deleted:
                raise Gone
            return await whole(access.records, record, entry, record.slice(entry.offset, entry.length), decision)
        replaced_in = entry.replaced_in(self.version)
        if replaced_in is None:
            raise NotHere
        for version in await access.records.superseded(record, replaced_in):
            if version.entry.reference == entry.reference and version.entry.version == self.version:
                if version.entry.deleted:
                    raise Gone
                return await whole(access.records, record, version.entry, version.body, decision)
        raise RecordBroken("a version that the manifest names is not filed")


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """FHIR instance history, newest first."""

    type: str
    id: str

    @property
    def reference(self) -> str:
        """The reference that the record is found by."""
        return f"{self.type}/{self.id}"

    def asked(self) -> Asked:
        """Return the words for the audit entry."""
        return Asked("history-instance", (f"{self.type}/{self.id}",))

    async def find(self, access: Access) -> OpenRecord | None:
        """Find the record that holds the reference."""
        return await access.records.by_reference(f"{self.type}/{self.id}")

    async def select(self, access: Access, record: OpenRecord, decision: Decision) -> list[Held]:
        """Return every version, newest first; for a deletion what it says of itself."""
        entry = _readable(record, f"{self.type}/{self.id}", decision)
        records = access.records
        if entry.deleted:
            versions = [held_deletion(record, entry, decision)]
        else:
            versions = await whole(records, record, entry, record.slice(entry.offset, entry.length), decision)
        for sequence in reversed(dict.fromkeys(entry.superseded)):
            for version in reversed(await records.superseded(record, sequence)):
                if version.entry.reference == entry.reference:
                    versions += await whole(records, record, version.entry, version.body, decision)
        return versions


BEHIND_POINTER = "$ssp-read"
"""The interaction of an emergency answer that was given as a document, to who followed a pointer to the plan."""


@dataclass(frozen=True, slots=True)
class EmergencySummary:
    """What a crew at the door asks: the critical sections of the person with this NHS number, or this reference."""

    nhs_number: str
    now: datetime
    style: Style
    reference: str = ""
    type: str = "Patient"
    interaction: str = "$emergency-summary"

    def asked(self) -> Asked:
        """Return the words for the audit entry."""
        return Asked(self.interaction, guessable=self.interaction == EMERGENCY and not self.reference)

    async def find(self, access: Access) -> OpenRecord | None:
        """Find the record by NHS number, or by the reference of its Patient for who has none."""
        if self.reference:
            record = await access.records.by_reference(self.reference)
            return record if record is None or record.manifest.patient == self.reference else None
        return await access.records.by_nhs_number(self.nhs_number)

    async def select(self, access: Access, record: OpenRecord, decision: Decision) -> list[Held] | HeldWhole:
        """Return identity, the critical sections and whom they name; ready made, if that is right for this caller."""
        ready = record.manifest.ready
        if ready is not None and ready.style == self.style.digest and ready.since < self.now.timestamp() <= ready.until:
            whole = held_whole(record, ready)
            if opens_whole(decision, whole):
                return whole
        if decision.masks_location and not record.flagged:
            return held_urgent_masked(record, decision)
        return [held_urgent(record, urgent, decision) for urgent in record.contents.urgent]


def _readable(record: OpenRecord, reference: str, decision: Decision) -> Entry:
    entry = record.entry(reference)
    if entry is None:
        raise NotHere
    if decision.rule == DIRECTORY_RULE or is_open(entry, decision):
        return entry
    raise NotHere
