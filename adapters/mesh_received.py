"""What MESH says of a message: the headers that one arrives with, and how one of ours stands (tracking). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from adapters.errors import Refused, Unintelligible
from adapters.mesh_refusals import failure
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Kind(StrEnum):
    """What a message is: something for us, or MESH's own word about one that we sent."""

    DATA = "DATA"
    REPORT = "REPORT"


@dataclass(frozen=True, slots=True)
class Report:
    """MESH's word that a message of ours did not arrive, or did.

    `about` is our message's id, '' where MESH names none; `local_id` is ours. `code` and `event` are MESH's.
    """

    about: str
    local_id: str
    succeeded: bool
    code: str
    event: str

    @property
    def failure(self) -> Refused | None:
        """The fact that it is: why the message did not arrive; None for one that did."""
        return None if self.succeeded else failure(self.code, self.event)


@dataclass(frozen=True, slots=True)
class Received:
    """One message out of our inbox, whole. `id` is the same whenever the same message is collected again.

    `report` is there for a REPORT, whose content is empty. What else a header said is believed by nobody: a recipient
    compares the content.
    """

    id: str
    kind: Kind
    sender: str
    workflow: str
    local_id: str
    content_type: str
    subject: str = field(repr=False)
    file_name: str = field(repr=False)
    content: bytes = field(repr=False)
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """Ids of messages that wait, the oldest first. `more`: what to ask with for those after them, '' for none.

    `asked` is False when MESH was not asked, because it was too short a time ago. `about` is how many wait altogether,
    as MESH believes; None where it does not say.
    """

    ids: Sequence[str]
    more: str = ""
    about: int | None = None
    asked: bool = True


class Delivery(StrEnum):
    """How far a message of ours has come."""

    UPLOADING = "uploading"
    """Not all of its chunks are there, so nobody gets it."""
    WAITING = "waiting"
    """It lies in the recipient's inbox. MESH took it: this is not yet a delivery."""
    COLLECTED = "collected"
    """The recipient said that they have it."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A word that we do not know; nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """How one message of ours stands. `failure` is why it failed."""

    id: str
    local_id: str
    file_name: str
    workflow: str
    delivery: Delivery
    failure: Refused | None = None


_DELIVERIES = {
    "uploading": Delivery.UPLOADING,
    "accepted": Delivery.WAITING,
    "acknowledged": Delivery.COLLECTED,
    "undelivered": Delivery.FAILED,
    "undeliverable": Delivery.FAILED,
    "error": Delivery.FAILED,
}


def message_id(found: object) -> str:
    """Return a message id that can stand in a path; raise Unintelligible for anything else."""
    if isinstance(found, str) and _ID.fullmatch(found):
        return found
    raise Unintelligible("a message id is none")


def received(asked_for: str, headers: Mapping[str, str], content: bytes) -> Received:
    """Read a message from the headers (names in lower case) of its first chunk and its whole content."""

    def said(name: str) -> str:
        return headers.get(name, "").strip()

    # ids are compared without case, as MESH itself does
    if said("mex-messageid").upper() != asked_for.upper():
        raise Unintelligible("the message is not the one that was asked for")
    try:
        kind = Kind(said("mex-messagetype").upper())
    except ValueError:
        raise Unintelligible("the message is neither DATA nor REPORT") from None
    report = None
    if kind is Kind.REPORT:
        succeeded = said("mex-statussuccess").upper() == "SUCCESS"
        about, code, event = said("mex-linkedmsgid"), said("mex-statuscode"), said("mex-statusevent")
        report = Report(about, said("mex-localid"), succeeded, code, event)
    return Received(
        id=asked_for,
        kind=kind,
        sender=said("mex-from"),
        workflow=said("mex-workflowid"),
        local_id=said("mex-localid"),
        content_type=said("mex-content-type") or said("content-type"),
        subject=said("mex-subject"),
        file_name=said("mex-filename"),
        content=content,
        report=report,
    )


def listing(body: bytes) -> Listing:
    """Read a page of the inbox. Of `links.next` the mark alone is taken: where to ask is not theirs to say."""
    said = read(body)
    ids, links, about = said.get("messages"), said.get("links"), said.get("approx_inbox_count")
    if not isinstance(ids, list):
        raise Unintelligible("the answer is no list of messages")
    following = links.get("next") if isinstance(links, dict) else None
    mark = ""
    if isinstance(following, str):
        mark = next(iter(parse_qs(urlsplit(following).query).get("continue_from", [])), "")
    return Listing(tuple(message_id(one) for one in ids), mark, about if isinstance(about, int) else None)


def tracked(body: bytes) -> Tracked:
    """Read how a message stands, in either dialect (v1 has camelCase names, and SUCCESS for true)."""
    said = read(body)

    def word(*names: str) -> str:
        return next((found for name in names if isinstance(found := said.get(name), str)), "")

    delivery = _DELIVERIES.get(word("status").lower(), Delivery.UNKNOWN)
    success = said.get("status_success", said.get("statusSuccess"))
    if success is False or (isinstance(success, str) and success.upper() == "ERROR"):
        delivery = Delivery.FAILED
    why = failure(word("status_code", "statusCode"), word("status_event", "statusEvent"))
    return Tracked(
        id=message_id(said.get("message_id", said.get("messageId"))),
        local_id=word("local_id", "localId"),
        file_name=word("filename", "fileName"),
        workflow=word("workflow_id", "workflowId"),
        delivery=delivery,
        failure=why if delivery is Delivery.FAILED else None,
    )


def read(body: bytes) -> dict[str, Any]:
    """Return an answer's JSON object; raise Unintelligible."""
    try:
        return decode(body)
    except InvalidJson:
        raise Unintelligible("the answer is not JSON") from None
