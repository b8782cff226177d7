"""Sending one person's plan as a document, at most once for each state of it, wherever it was interrupted.

nothing is open     the newest document says the same: nothing to do. Else open the next one, and send it
one is open         find out what became of it: MESH has it, does not have it, or it is too soon to say. What says the
                    same goes on; what does not, and is not there whole, is dropped, and the newest state sent
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from adapters.base import Parcel, Resource
from adapters.errors import ContentRefused, ReportedIssue
from adapters.gp_document_addressee import Addressee, addressee_of, practices_of
from adapters.gp_document_message import Document, message, subject
from adapters.gp_document_notes import DocumentNotes
from adapters.gp_document_settings import GpDocumentSettings
from adapters.gp_document_state import Opened, Person
from adapters.itk_message import reference_of
from adapters.mesh import Mailbox
from adapters.mesh_intent import Step
from adapters.mesh_outbox import Outbox
from adapters.mesh_outgoing import Outgoing
from fhir_profiles.json import encode
from security.clock import Clock, instant

WORKFLOW = "GPCONNECT_SEND_DOCUMENT"
DocumentOf = Callable[[Sequence[Resource]], Awaitable[bytes]]


@dataclass(slots=True)
class Sending:
    """Sends for one partner. `document` makes a plan a PDF."""

    settings: GpDocumentSettings
    mailbox: Mailbox
    notes: DocumentNotes
    document: DocumentOf
    clock: Clock
    _outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        mesh = self.settings.mesh
        self._outbox = Outbox(self.mailbox, self.notes.intents, mesh.chunk, looks=mesh.look_for_lost)

    async def bring(self, parcel: Parcel, patient: Resource) -> None:
        """Send the plan, if it says anything that the newest document does not; go on where an earlier call ended."""
        about = self._addressee(patient, parcel.plan)
        state = state_of(parcel)
        person = await self.notes.person(parcel.subject)
        if person.opened is not None:
            person = await self._resolved(parcel.subject, person, person.opened, state)
        opened = person.opened
        if opened is None:
            if person.newest is not None and person.newest.state == state:
                if person.failed:
                    # a negative answer is final: the same is not sent again before something of it changes
                    raise ContentRefused((ReportedIssue("error", person.failed),))
                return
            opened = self._next(parcel, person, state)
            await self.notes.open(parcel.subject, opened)
        await self._send(parcel, opened, about)

    async def never_had_any(self, subject: str) -> bool:
        """Say whether MESH never took a document about a person, so that there is nothing to be removed."""
        person = await self.notes.person(subject)
        if person.opened is not None:
            person = await self._resolved(subject, person, person.opened, b"")
        return person.version == 0

    def _addressee(self, patient: Resource, plan: Sequence[Resource]) -> Addressee:
        """Return whom it is about; raise ContentRefused where it would reach another practice than it is meant for."""
        about, practices = addressee_of(patient), practices_of(patient, plan)
        if practices and self.settings.practice not in practices:
            raise ContentRefused((ReportedIssue("error", "business-rule", ("Patient.generalPractitioner",)),))
        return about

    async def _resolved(self, subject: str, person: Person, opened: Opened, state: bytes) -> Person:
        """Find out what became of a document whose sending was begun; it stays open where it can go on."""
        intent = await self.notes.intents.held(opened.reference)
        if intent is not None and intent.step is Step.POSTING:
            intent = await self._outbox.reconcile(opened.reference)
        if intent is not None and intent.step is Step.SENT:
            return await self.notes.sent(subject, opened.reference, intent.message_id, self._now())
        if opened.state == state:
            return person
        # MESH does not have it, or not whole, which nobody gets; what it says is not so any more
        return await self.notes.drop(subject, opened.reference)

    def _next(self, parcel: Parcel, person: Person, state: bytes) -> Opened:
        version = person.version + 1
        # After a restore of older notes sequences are others. So what is sent then is a document of its own, which the
        # practice shows, and no duplicate of one that it may have replaced since.
        reference = reference_of(self.mailbox.id, parcel.subject, str(parcel.sequence), str(version), state.hex())
        return Opened(reference, state, version, person.filed, self._now())

    async def _send(self, parcel: Parcel, opened: Opened, about: Addressee) -> None:
        settings = self.settings
        pdf = await self.document(parcel.plan)
        document = Document(opened.reference, opened.version, opened.replaces, opened.made, about, pdf)
        outgoing = Outgoing(
            key=opened.reference,
            to=about.mesh_address(settings.birth_date),
            workflow=WORKFLOW,
            content=message(document, settings),
            subject=subject(document, settings),
            local_id=settings.sender.ods if settings.local_id == "ods" else "",
        )
        message_id = await self._outbox.send(outgoing)
        await self.notes.sent(parcel.subject, opened.reference, message_id, self._now())

    def _now(self) -> str:
        return instant(self.clock())


def state_of(parcel: Parcel) -> bytes:
    """Return what stands for all that a document of a parcel says: of the person and of their plan."""
    said = sorted(encode(_content(one)) for one in (parcel.patient or {}, *parcel.plan))
    return hashlib.sha256(b"\n".join(said)).digest()


def _content(resource: Resource) -> Resource:
    """Return a resource without what changes while it says the same, in one order."""
    meta = {name: one for name, one in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: one for name, one in resource.items() if name not in ("text", "meta")}
    return dict(sorted({**rest, "meta": meta}.items()))
