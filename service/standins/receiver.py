"""A receiver of webhooks: CloudEvents 1.0 in structured mode over HTTP, each signed, in order for each subject.

What comes after something newer of the same subject is answered as taken, and is not: docs/webhooks.md asks that of
receivers. That it came is kept among the violations.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md and http-webhook.md. An event that was heard before
(same source and id) changes nothing and is answered as the first time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fhir_profiles.errors import InvalidJson
from fhir_profiles.identifiers import is_nhs_number
from fhir_profiles.json import decode
from service.standins import headers
from service.standins.ledger import Ledger
from service.standins.moments import Moments, instant
from service.standins.outcomes import Refusal, guarded
from service.standins.room import ANSWERED, FLAGS, Room
from service.standins.signatures import Signatures

CLOUDEVENT = "application/cloudevents+json"
SIGNATURE = "Epaccs-Signature"
_NAME = re.compile(r"[a-z0-9]{1,20}")
_NUMBERS = re.compile(r"(?<![0-9A-Za-z])[0-9]{10}(?![0-9A-Za-z])")
"""Ten digits that stand by themselves: among the digits and letters of a keyed id as many come by chance."""
_SHOWN = 200


class Heard(msgspec.Struct, frozen=True):
    """An event as the page shows it. `lag` is from its time to its arrival, in seconds."""

    at: str
    subject: str
    type: str
    cause: str
    sequence: int
    lag: float


class Receiver:
    """Receives events at `address`. `ids`: the sender promised events without content."""

    def __init__(self, address: str, signatures: Signatures, ledger: Ledger, moments: Moments, *, ids: bool) -> None:
        self._address = address
        self._signatures = signatures
        self._ledger = ledger
        self._moments = moments
        self._ids = ids
        self._known: dict[tuple[str, str], bytes] = {}
        self.heard: list[Heard] = []
        self.room = Room()

    def routes(self) -> list[Route]:
        """Return the routes of the receiver."""
        events = guarded(self.event, self._ledger, lambda request: f"{request.method} events")
        return [
            Route("/events", events, methods=["POST"]),
            Route("/events", self.handshake, methods=["OPTIONS"]),
        ]

    async def handshake(self, request: Request) -> Response:
        """Answer the question whether events may be sent here (http-webhook.md, section 4)."""
        if "webhook-request-origin" not in request.headers:
            return Response(status_code=400)
        allowed = {"WebHook-Allowed-Origin": request.headers["webhook-request-origin"], "WebHook-Allowed-Rate": "*"}
        return Response(status_code=200, headers={**allowed, "Allow": "POST"})

    async def event(self, request: Request) -> Response:
        """Take one event in."""
        headers.content_type(request, CLOUDEVENT)
        signature, body = request.headers.get(SIGNATURE, ""), await request.body()
        if not signature:
            raise Refusal(401, "login", f"An event is signed in the header {SIGNATURE}.", "signature")
        now = self._moments.now()
        if problem := self._signatures.problem(signature, body, self._address, now.timestamp()):
            raise Refusal(401, "login", problem, "signature")
        try:
            event = decode(body)
        except InvalidJson:
            raise Refusal(400, "structure", "The body is no JSON object.", "json") from None
        if problems := list(_problems(event)):
            raise Refusal(400, "invalid", " ".join(problems), "cloudevent")
        self._says_no_more_than_promised(event)
        return self._taken(event, hashlib.sha256(body).digest(), now)

    def _says_no_more_than_promised(self, event: dict[str, Any]) -> None:
        about = [event["subject"], event["id"], event["source"]]
        if any(is_nhs_number(number) for text in about for number in _NUMBERS.findall(text)):
            raise Refusal(422, "security", "An NHS number is in the envelope of an event.", "number-in-envelope")
        if self._ids and event["type"] != ANSWERED and _holds_resource(event.get("data")):
            raise Refusal(422, "security", "The event holds content, and references alone were promised.", "payload")

    def _taken(self, event: dict[str, Any], digest: bytes, now: datetime) -> Response:
        known, subject, sequence = (event["source"], event["id"]), event["subject"], int(event["sequence"])
        before = self._known.get(known)
        if before == digest:
            self._ledger.repeated()
            return Response(status_code=204)
        if before is not None:
            raise Refusal(409, "conflict", "This source and id came before with another content.", "event-id")
        last = self._ledger.sequence(subject)
        if last is not None and sequence < last:
            # too late to be taken, and not the sender's to send again: http-webhook.md knows no other yes
            self._ledger.violated("sequence", "POST events", 204, "The sequence of a subject went backwards.")
            self._known[known] = digest
            return Response(status_code=204)
        if event["type"] in FLAGS or event["type"] == ANSWERED:
            self.room.take(event, now)
        self._known[known] = digest
        data = event.get("data")
        cause = str(data["cause"]) if isinstance(data, dict) and "cause" in data else event["type"].rpartition(".")[2]
        self._ledger.heard(subject, sequence, cause)
        lag = (now - _moment(event["time"])).total_seconds()
        self.heard.insert(0, Heard(instant(now), subject, event["type"], cause, sequence, lag))
        del self.heard[_SHOWN:]
        return Response(status_code=204)


def _problems(event: dict[str, Any]) -> Iterator[str]:
    """Yield what CloudEvents 1.0 asks for and is not there, and what we need beyond it: subject, time and sequence."""
    if event.get("specversion") != "1.0":
        yield "specversion must be 1.0."
    for name in ("id", "source", "type", "subject"):
        if not isinstance(event.get(name), str) or not event[name]:
            yield f"{name} is required, and not empty."
    try:
        _moment(event.get("time"))
    except (TypeError, ValueError):
        yield "time must be a timestamp with a zone (RFC 3339)."
    sequence = event.get("sequence")
    if not isinstance(sequence, str) or not sequence.isascii() or not sequence.isdecimal():
        yield "sequence must be a string of digits."
    if event.keys() & {"data"} and event.get("datacontenttype", "application/json") != "application/json":
        yield "datacontenttype must be application/json."
    if {"data", "data_base64"} <= event.keys():
        yield "data and data_base64 exclude each other."
    if any(_NAME.fullmatch(name) is None for name in event.keys() - {"data", "data_base64"}):
        yield "Attributes have names of 1 to 20 lower-case letters or digits."
    if any(not isinstance(value, str | int | bool) for name, value in event.items() if not name.startswith("data")):
        yield "Attributes are strings, whole numbers or booleans."


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value.replace("Z", "+00:00") if isinstance(value, str) else value)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment


def _holds_resource(value: object) -> bool:
    if isinstance(value, dict):
        return "resourceType" in value or any(_holds_resource(part) for part in value.values())
    return isinstance(value, list) and any(_holds_resource(part) for part in value)
