"""What lies in the mailbox about documents that were sent, judged: whom a person has to be told of, and why. Pure.

Each thing becomes a `Notice`, which is kept whole where a person has to look. Whether it is known is judged against the
notes at one moment, and the judgement travels with it, so that reading it again says the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from adapters.base import Message
from adapters.gp_document_state import Known
from adapters.itk_response import Meaning, NoReply, Reply, reply_of
from adapters.mesh_outgoing import mark_of
from adapters.mesh_received import Received, Report
from security.clock import parse_instant

LATE = timedelta(days=30)
"""How long after a person was told a late reply is still known."""
_STRAY = "A reply about a document that is not known here: nothing of ours waits for it."
_STRAY_REPORT = "MESH reports about a message that is not known here."
_UNREADABLE = "A message in the mailbox has holes, is no gzip, or is too large. It was not acknowledged."
_OVERDUE = {
    (False, False): "The practice's system did not reply within the deadline. Ask the practice by telephone.",
    (True, False): "The practice's system took the document in, and did not say within the deadline that the patient "
    "is known there. Ask the practice by telephone.",
    (False, True): "The practice knows the patient, and its system did not say within the deadline that it took the "
    "document in. Ask the practice by telephone.",
}
_REPORTS = {
    "14": "Nobody collected the document in five days. Ask the practice by telephone.",
    "12": "MESH knows no mailbox of the patient's practice.",
    "EPL-150": "Several mailboxes fit the patient's practice: the national service desk must say which.",
    "EPL-151": "No mailbox fits the patient's practice, or the patient has none.",
    "EPL-152": "MESH found the NHS number to be none.",
    "EPL-153": "PDS has nobody with the NHS number: trace the patient again.",
    "EPL-154": "Surname or birth date are not those of PDS: trace the patient again.",
}
_UNDELIVERED = "MESH could not deliver the document."


class Kind(StrEnum):
    """What a notice is."""

    REPLY = "reply"
    REPORT = "report"
    OVERDUE = "overdue"
    UNREADABLE = "unreadable"


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing about a document. `reference` and `subject` are '' where it is not known which; `why` is '' where
    nobody has to look. `message` is MESH's id, '' for what did not come by MESH; `content` is what came, whole."""

    kind: Kind
    reference: str = ""
    subject: str = ""
    code: str = ""
    why: str = ""
    message: str = ""
    sender: str = ""
    workflow: str = ""
    content: bytes = b""

    @property
    def meaning(self) -> Meaning | None:
        """What a reply means; None for what is no reply about a known document."""
        known = self.kind is Kind.REPLY and self.reference and self.subject
        return Reply(self.reference, self.code).meaning if known else None

    def as_message(self) -> Message:
        """Return it as a message from the partner."""
        return Message(self.message or f"overdue-{self.reference}", msgspec.json.encode(self))


def notice_of(message: Message) -> Notice:
    """Return the notice that a message is; raise msgspec.DecodeError for what is none."""
    return msgspec.json.decode(message.original, type=Notice)


def unreadable(id: str) -> Notice:
    """Return the notice of a message that cannot be had whole."""
    return Notice(Kind.UNREADABLE, why=_UNREADABLE, message=id)


def judged(received: Received, known: Known, mailbox: str) -> Notice:
    """Return the notice of a message that came."""
    notice = Notice(
        Kind.REPLY if received.report is None else Kind.REPORT,
        message=received.id,
        sender=received.sender,
        workflow=received.workflow,
        content=received.content,
    )
    if received.report is not None:
        return _reported(notice, received.report, known, mailbox)
    try:
        reply = reply_of(received.content)
    except NoReply as error:
        return msgspec.structs.replace(notice, why=error.why)
    subject = known.subject(reply.reference)
    why = _about(reply.sentence, subject) if subject else _STRAY
    return msgspec.structs.replace(notice, reference=reply.reference, subject=subject, code=reply.code, why=why)


def overdue(known: Known, now: datetime, deadline: timedelta) -> Iterator[Notice]:
    """Yield a notice for each document whose replies are not there in time, and nobody was told of."""
    for reference, waiting in known.waiting.items():
        if not waiting.settled and not waiting.told and now - parse_instant(waiting.since) > deadline:
            why = _about(_OVERDUE[waiting.taken, waiting.known], waiting.subject)
            yield Notice(Kind.OVERDUE, reference=reference, subject=waiting.subject, why=why)


def no_longer_overdue(known: Known) -> Iterator[Notice]:
    """Yield a notice, under the same id, for each document of which a person was told and that is settled by now."""
    for reference, waiting in known.waiting.items():
        if waiting.settled and waiting.told:
            yield Notice(Kind.OVERDUE, reference=reference, subject=waiting.subject)


def long_over(known: Known, now: datetime, deadline: timedelta) -> Iterator[str]:
    """Yield references of what a person was told of so long ago that no reply is waited for any more."""
    for reference, waiting in known.waiting.items():
        if waiting.told and now - parse_instant(waiting.since) > deadline + LATE:
            yield reference


def _reported(notice: Notice, report: Report, known: Known, mailbox: str) -> Notice:
    reference = _reported_on(report, known, mailbox)
    subject = known.subject(reference) if reference else ""
    if report.succeeded:
        return msgspec.structs.replace(notice, reference=reference, subject=subject)
    sentence = _REPORTS.get(report.code, _UNDELIVERED)
    why = _about(sentence, subject) if subject else f"{_STRAY_REPORT} {sentence}"
    code = report.code if report.code in _REPORTS else "undelivered"
    return msgspec.structs.replace(notice, reference=reference, subject=subject, code=code, why=why)


def _reported_on(report: Report, known: Known, mailbox: str) -> str:
    for reference, waiting in known.waiting.items():
        if report.about and waiting.message_id.upper() == report.about.upper():
            return reference
    for reference in (*known.waiting, *known.opened):
        if report.local_id == mark_of(mailbox, reference):
            return reference
    return ""


def _about(sentence: str, subject: str) -> str:
    """Say whom it is about by the keyed id that stands on the same page."""
    return f"{sentence} It is about person {subject}." if sentence else ""
