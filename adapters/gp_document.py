"""Plans to the patient's practice as documents, by MESH: kind `gp-document` (NHS GP Connect Send Document 2).

Each state of a plan is one document: a message that carries it whole as a PDF and says which earlier one it replaces.
MESH makes a new message each time it is posted, so what is to be sent is noted before, and nothing is sent again before
it is known that it did not arrive (`gp_document_notes`, `mesh_outbox`). What is confirmed to the engine is that MESH
has it. Whether it arrived is what the practice replies, technically and about the patient, in any order
(`gp_document_replies`): both, or a person is told. No reply is replied to.

What a practice has filed cannot be taken back. When nothing may be shared any more nothing is sent, and no removal is
confirmed: that is for people.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta

import msgspec

from adapters.base import Adapter, Arrived, Cause, HeldThere, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.errors import NotTakenBack, NotThere, Unintelligible
from adapters.gp_document_notes import DocumentNotes
from adapters.gp_document_replies import (
    Kind,
    Notice,
    judged,
    long_over,
    no_longer_overdue,
    notice_of,
    overdue,
    unreadable,
)
from adapters.gp_document_sending import WORKFLOW, DocumentOf, Sending
from adapters.gp_document_settings import GpDocumentSettings, problems_of
from adapters.gp_document_state import Waiting
from adapters.itk_response import Meaning
from adapters.mesh import Mailbox
from adapters.mesh_inbox import ASK_EVERY, Inbox
from adapters.mesh_settings import mailbox_of
from adapters.partners import Partner
from adapters.settings import read_settings
from adapters.surroundings import Surroundings
from security.clock import Clock, instant
from security.errors import InvalidConfiguration

EVERYTHING_OF_IT = f"{WORKFLOW}*"
"""MESH's filter for replies (`..._ACK`) and for reports, which have the workflow of what they are about."""


class GpDocumentAdapter:
    """Sends to one practice, through a mailbox that may be that of several partners. One of them reads it for all."""

    def __init__(
        self, settings: GpDocumentSettings, mailbox: Mailbox, notes: DocumentNotes, document: DocumentOf, clock: Clock
    ) -> None:
        self._sending = Sending(settings, mailbox, notes, document, clock)
        self._mailbox = mailbox
        self._notes = notes
        self._clock = clock
        self._inbox = Inbox(mailbox, settings.mesh.largest)
        self._deadline = timedelta(days=settings.deadline_days)
        self._unreadable = set[str]()

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Send the plan as a document, if it says anything that the newest does not; confirm all of the parcel.

        Raise NotTakenBack where nothing may be shared any more and the practice has something; after a death that asks
        nothing of anybody.
        """
        if parcel.patient is not None and parcel.plan:
            await self._sending.bring(parcel, parcel.patient)
        elif not await self._sending.never_had_any(parcel.subject):
            await self._notes.withdraw(parcel.subject)
            if parcel.removals and parcel.cause is not Cause.DEATH:
                raise NotTakenBack
            return
        for put in parcel.puts:
            yield Receipt(put.reference, HeldThere(theirs="", version="", digest=put.digest))
        for removal in parcel.removals:
            yield Receipt(removal.reference, None)

    async def poll(self, cursor: str) -> Polled:
        """Return what lies in the mailbox about our documents, and which replies are missing."""
        await self._mailbox.validate()
        page = await self._inbox.waiting(workflow=EVERYTHING_OF_IT)
        known = await self._notes.known()
        notices = []
        for waiting in page.ids:
            try:
                notices.append(judged(await self._inbox.collect(waiting), known, self._mailbox.id))
            except NotThere:
                continue  # gone since it was listed
            except Unintelligible:
                if waiting not in self._unreadable:
                    notices.append(unreadable(waiting))
        now = self._clock()
        for reference in long_over(known, now, self._deadline):
            await self._notes.forget(reference)
        await self._notes.tidy(known, frozenset(one.reference for one in notices), now)
        notices += no_longer_overdue(known)
        if not page.more:
            # what lies in the mailbox is looked at before anything is said to be missing
            heard = {one.reference for one in notices}
            notices += [one for one in overdue(known, now, self._deadline) if one.reference not in heard]
        return Polled([one.as_message() for one in notices], cursor, more=bool(page.more))

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Nothing of a plan comes from here. Raise Untranslatable for what a person has to look at."""
        try:
            notice = notice_of(message)
        except msgspec.DecodeError:
            raise Untranslatable("What was kept is no notice about a document.") from None
        if notice.why:
            raise Untranslatable(notice.why)
        return ()

    async def settled(self, message: Message) -> None:
        """Remember what a notice says, let MESH delete it, forget what waits for nothing any more: in this order."""
        notice = notice_of(message)
        if notice.kind is Kind.UNREADABLE:
            self._unreadable.add(notice.message)  # it stays where it is: people may want to look at it there
            return
        await self._remember(notice)
        if notice.message:
            await self._inbox.acknowledge(notice.message)
        if notice.reference:
            await self._forget_settled(notice.reference)

    async def close(self) -> None:
        """Let go of connections."""
        await self._mailbox.close()

    async def _remember(self, notice: Notice) -> None:
        meaning, reference = notice.meaning, notice.reference
        if notice.kind is Kind.OVERDUE and notice.why:
            await self._heard(notice, told=True)
        elif notice.kind is Kind.OVERDUE:
            await self._notes.forget(reference)
        elif meaning is Meaning.TAKEN:
            await self._heard(notice, taken=True)
        elif meaning is Meaning.KNOWN:
            await self._heard(notice, known=True)
        elif meaning is Meaning.DUPLICATE:
            await self._heard(notice, taken=True, known=True)
        elif notice.subject and notice.why:
            await self._heard(notice, failed=True)
            await self._notes.failed(reference, notice.subject, notice.code or "unknown")

    async def _heard(self, notice: Notice, **change: bool) -> None:
        def edit(waiting: Waiting) -> Waiting:
            return msgspec.structs.replace(waiting, **change)

        await self._notes.heard(notice.reference, notice.subject, self._now(), edit)

    async def _forget_settled(self, reference: str) -> None:
        waiting = await self._notes.waiting(reference)
        # of what a person was told, people are told that it is over: at the next look
        if waiting is not None and waiting.settled and not waiting.told:
            await self._notes.forget(reference)

    def _now(self) -> str:
        return instant(self._clock())


class GpDocumentKind:
    """The kind `gp-document` (`docs/nhs-gpdocument.md`)."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description."""
        one = partner.description
        try:
            problems = list(problems_of(read_settings(partner, GpDocumentSettings), partner.file))
        except ValueError as error:
            problems = [str(error)]
        if not one.gets:
            problems.append("`gets` is true: nothing but replies comes from there")
        if one.mapping:
            problems.append("`mapping` is not for this kind")
        if one.person:
            problems.append("`person` is not for this kind: a reply changes nothing of the person")
        if one.sends and one.limits.poll_every <= ASK_EVERY.total_seconds():
            problems.append("`limits.poll_every` is more than 300 seconds, which is how often MESH may be asked")
        return problems

    def problems_together(self, partners: Sequence[tuple[Partner, str]]) -> list[str]:
        """Return who is meant for another practice than its client's, and mailboxes that not exactly one reads."""
        problems, readers = list[str](), dict[str, list[Partner]]()
        for partner, organisation in partners:
            try:
                settings = read_settings(partner, GpDocumentSettings)
            except ValueError:
                continue  # said by `problems`
            if settings.practice != organisation:
                problems.append(f"{partner.name}: `settings.practice` is not the organisation of its client")
            readers.setdefault(settings.mesh.mailbox, []).append(partner)
        for several in readers.values():
            if sum(one.description.sends for one in several) != 1:
                problems += [f"{one.name}: exactly one partner of its mailbox `sends`" for one in several]
        return problems

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Adapter:
        """Return the adapter; raise InvalidConfiguration where this deployment makes no documents."""
        if surroundings.document is None:
            raise InvalidConfiguration([f"{partner.name}: this deployment makes no documents of plans"])
        settings = read_settings(partner, GpDocumentSettings)
        within = partner.description.limits.timeout
        mailbox = mailbox_of(settings.mesh, partner.file, surroundings.clock, within)
        # of the mailbox, not of the partner: who reads it knows what every partner sent through it
        notes = DocumentNotes(surroundings.notes(f"mesh.{settings.mesh.mailbox}.documents"))
        return GpDocumentAdapter(settings, mailbox, notes, surroundings.document, surroundings.clock)
