"""One queue of Amazon SQS: receive, and delete what was taken in. The queue's own JSON protocol, over `adapters.http`.

A message that was received is hidden from others for a while (`visibility`, seconds), and comes again unless it was
deleted meanwhile: at least once, in no order. Nothing here deletes by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from adapters.answers import kind_of, retry_after
from adapters.aws_signature import AwsSigner
from adapters.errors import (
    NotAuthorised,
    NotThere,
    Overloaded,
    Refused,
    ReportedIssue,
    Unintelligible,
)
from adapters.http import Answer, HttpClient
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode
from security.errors import KeysRefused

MOST_AT_ONCE = 10
"""What SQS gives in one answer at most."""
MAX_ANSWER = 4 * 1024 * 1024
_CONTENT_TYPE = "application/x-amz-json-1.0"
_BY_CODE: dict[str, type[Refused]] = {
    "QueueDoesNotExist": NotThere,
    "NonExistentQueue": NotThere,
    "AccessDenied": NotAuthorised,
    "AccessDeniedException": NotAuthorised,
    "InvalidClientTokenId": NotAuthorised,
    "UnrecognizedClientException": NotAuthorised,
    "SignatureDoesNotMatch": NotAuthorised,
    "InvalidSignatureException": NotAuthorised,
    "IncompleteSignature": NotAuthorised,
    "MissingAuthenticationToken": NotAuthorised,
    "ExpiredToken": NotAuthorised,
    "ExpiredTokenException": NotAuthorised,
    "OptInRequired": NotAuthorised,
    "KmsAccessDenied": NotAuthorised,
    "OverLimit": Overloaded,
    "RequestThrottled": Overloaded,
    "Throttling": Overloaded,
    "ThrottlingException": Overloaded,
    "KmsThrottled": Overloaded,
    "ServiceUnavailable": Overloaded,
}
_GONE = frozenset({"ReceiptHandleIsInvalid", "InvalidParameterValue", "InvalidIdFormat"})
"""What is said of a receipt that has lapsed: the message comes again, so it is deleted another time."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message as received. `receipt` is good for deleting it, for as long as it is hidden."""

    id: str
    body: bytes = field(repr=False)
    receipt: str = field(repr=False)


class Queue:
    """A queue, and the connection through which it is used."""

    def __init__(self, http: HttpClient, url: str, signer: AwsSigner, *, wait: int, visibility: int, within: float):
        """`url` is the queue's; `wait` how long one question may wait for messages, `visibility` how long they are
        hidden, `within` how long one request may take besides waiting, all in seconds."""
        self._http = http
        self._url = url
        parts = urlsplit(url)
        self._endpoint = f"{parts.scheme}://{parts.netloc}/"
        self._signer = signer
        self._wait = wait
        self._visibility = visibility
        self._within = within

    async def receive(self) -> Sequence[Waiting]:
        """Return up to ten messages, none when none came in time."""
        asked = {
            "MaxNumberOfMessages": MOST_AT_ONCE,
            "WaitTimeSeconds": self._wait,
            "VisibilityTimeout": self._visibility,
        }
        answer = await self._call("ReceiveMessage", asked)
        if answer.status != 200:
            refuse(answer)
        try:
            found = decode(answer.body).get("Messages") or []
        except InvalidJson:
            raise Unintelligible("the answer is not JSON") from None
        if not isinstance(found, list):
            raise Unintelligible("the answer is no list of messages")
        return [_waiting(one) for one in found]

    async def delete(self, receipt: str) -> None:
        """Delete what was received with a receipt; one that has lapsed, or was used, deletes nothing."""
        answer = await self._call("DeleteMessage", {"ReceiptHandle": receipt})
        if answer.status != 200 and code_of(answer.body) not in _GONE:
            refuse(answer)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._http.close()

    async def _call(self, action: str, said: dict[str, Any]) -> Answer:
        body = msgspec.json.encode({"QueueUrl": self._url, **said})
        headers = {"Content-Type": _CONTENT_TYPE, "X-Amz-Target": f"AmazonSQS.{action}"}
        try:
            signed = self._signer.headers("POST", self._endpoint, headers, body)
        except KeysRefused:
            raise NotAuthorised((ReportedIssue("error", "security"),)) from None
        within = self._within + self._wait
        return await self._http.send("POST", self._endpoint, headers=signed, content=body, within=within)


def refuse(answer: Answer) -> NoReturn:
    """Raise the fact that an answer other than 200 is; its code is the issue, its text is never repeated."""
    if answer.status < 400:
        raise Unintelligible("the answer is a redirect")
    code = code_of(answer.body)
    kind = _BY_CODE.get(code, kind_of(answer.status))
    named = code if code in _BY_CODE else "unknown"
    raise kind((ReportedIssue("error", named),), answer.body, retry_after(answer.headers), answer.status)


def code_of(body: bytes) -> str:
    """Return the code of an error, without what stands before it (`com.amazonaws.sqs#...`); '' where it has none."""
    try:
        said = decode(body).get("__type")
    except InvalidJson:
        return ""
    return said.rpartition("#")[2].rpartition(".")[2] if isinstance(said, str) else ""


def _waiting(said: object) -> Waiting:
    found = said if isinstance(said, dict) else {}
    id, body, receipt, digest = (found.get(name) for name in ("MessageId", "Body", "ReceiptHandle", "MD5OfBody"))
    if not (isinstance(id, str) and isinstance(body, str) and isinstance(receipt, str)):
        raise Unintelligible("a message has no id, body or receipt")
    content = body.encode()
    # SQS's own check that nothing was damaged on the way; it guards against nobody
    if isinstance(digest, str) and hashlib.md5(content, usedforsecurity=False).hexdigest() != digest:
        raise Unintelligible("a message was damaged on the way")
    return Waiting(id, content, receipt)
