"""What a recipient replies to an ITK3 message (ITK3 Messaging Distribution, response codes), read with care. Pure.

A reply is a message Bundle whose MessageHeader has the event ITK008M and repeats our SenderReference, with an
OperationOutcome that holds one code. Codes of 1 and 2 are about the message, those of 3 about the patient. A negative
code is final: what was sent is not sent again unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from adapters.itk_message import EVENTS, HANDLING, RESPONSE, STU3
from adapters.itk_xml import FHIR
from adapters.safe_xml import Element, InvalidXml, read_xml

RESPONSE_CODES = f"{STU3}/CodeSystem/ITK-ResponseCodes-1"


class Meaning(StrEnum):
    """What a code means for the document."""

    TAKEN = "taken"
    """It was taken in, technically."""
    KNOWN = "known"
    """The patient is known there."""
    DUPLICATE = "duplicate"
    """It is there already."""
    NEGATIVE = "negative"


SENTENCES: Mapping[str, str] = {
    "10001": "The practice's system could not read how the message is to be handled.",
    "10002": "The practice's system could not read whether a technical reply is wanted.",
    "10003": "The practice's system could not read whether a reply about the patient is wanted.",
    "10004": "The practice's system does not take this type of message.",
    "10005": "The practice's system does not take this version of the type of message.",
    "10006": "The practice's system could not read the priority of the message.",
    "10007": "The practice's system could not read the sender's reference.",
    "10008": "How the message is to be handled breaks a rule for such documents.",
    "10009": "The practice's system could not read the message.",
    "10010": "The practice's system could not read the header of the message.",
    "20001": "The practice's system does not know the recipient that the message names.",
    "20002": "The practice's system does not know the receiving organisation.",
    "20003": "The practice's system does not know us as a sender.",
    "20004": "The practice's system may not take a document of this file type.",
    "20005": "The practice's system cannot take a document of this file type.",
    "20006": "The practice's system found the header of the message wrong.",
    "20009": "The practice's system found the content of the message wrong.",
    "20010": "The receiving organisation that the document names is not one of this system.",
    "20011": "The recipient that the document names is not one of this system.",
    "20012": "The practice's system takes no documents from us.",
    "20014": "The practice's system could not replace the earlier document, which it still shows.",
    "20015": "The document is too large for the practice's system.",
    "30002": "The patient is not known to the practice: trace them in PDS again.",
    "30003": "The patient has left the practice: trace them in PDS again.",
    "30004": "The practice knows the patient and says that they died recently: trace them in PDS again.",
}
"""Every negative code as a plain sentence for people."""
UNKNOWN_CODE = "The practice's system replied with a code that is not known."
_POSITIVE = {"20013": Meaning.TAKEN, "30001": Meaning.KNOWN, "20007": Meaning.DUPLICATE, "20008": Meaning.DUPLICATE}


class NoReply(Exception):
    """It is no reply that can be believed; `why` is a plain sentence that repeats nothing of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `reference` is the SenderReference that it repeats; `code` one of ITK3's, or '' for one unknown."""

    reference: str
    code: str

    @property
    def meaning(self) -> Meaning:
        """What it means for the document; what is not known is negative."""
        return _POSITIVE.get(self.code, Meaning.NEGATIVE)

    @property
    def sentence(self) -> str:
        """What a person is told, '' where nobody has to be."""
        return "" if self.meaning is not Meaning.NEGATIVE else SENTENCES.get(self.code, UNKNOWN_CODE)


def reply_of(content: bytes) -> Reply:
    """Read a reply; raise NoReply."""
    try:
        root = read_xml(content)
    except InvalidXml as error:
        raise NoReply(f"A reply of a practice cannot be read: {error}.") from None
    if (root.namespace, root.name, root.value("type")) != (FHIR, "Bundle", "message"):
        raise NoReply("What came is no message.")
    header = _one(root, "MessageHeader")
    if (header.value("event", "system"), header.value("event", "code")) != (EVENTS, RESPONSE):
        raise NoReply("What came is a message, and no reply.")
    reference = _reference(header)
    codes = {
        coding.value("code")
        for coding in root.all("entry", "resource", "OperationOutcome", "issue", "details", "coding")
        if coding.value("system") == RESPONSE_CODES
    }
    if len(codes) != 1:
        raise NoReply("A reply of a practice says nothing, or several things at once.")
    code = codes.pop()
    reply = Reply(reference, code if code in SENTENCES or code in _POSITIVE else "")
    said = header.value("response", "code")
    # a duplicate is an error to them, and to us a sign that it is there
    if reply.meaning in (Meaning.TAKEN, Meaning.KNOWN) and said != "ok":
        raise NoReply("A reply of a practice says that it succeeded, and that it failed.")
    return reply


def _one(root: Element, kind: str) -> Element:
    found = list(root.all("entry", "resource", kind))
    if len(found) != 1:
        raise NoReply("A reply of a practice has no header, or several.")
    return found[0]


def _reference(header: Element) -> str:
    for handling in header.all("extension"):
        if handling.attributes.get("url") != HANDLING:
            continue
        for key in handling.all("extension"):
            if key.attributes.get("url") == "SenderReference":
                return _uuid(key.value("valueString"))
    raise NoReply("A reply of a practice does not repeat our reference, so that nobody can say what it is about.")


def _uuid(said: str) -> str:
    try:
        return str(UUID(said))
    except ValueError:
        raise NoReply("A reply of a practice repeats a reference that is not one of ours.") from None
