"""POST /events/incidents: a control room's system opens and closes incidents by signed events.

The same as `$open-incident` and `$close-incident`, for a system that sends webhooks and gets no tokens: one CloudEvents
1.0 event, whose `data` is the Parameters of the operation, with a detached JWS over the exact bytes in
`Epaccs-Signature` (`security.event_verification`). It is taken as the registered client that signed it, whose
registration must allow incidents.

An event is known by its `id`, for a day: sent again it changes nothing and is answered as the first time, so that an
old event cannot open again what was closed since; another content under the id is refused. What says that it happened
longer ago than an incident lasts, or not yet, is refused. What was done is remembered after it was done: whoever gets
no answer sends the event again, and opening and closing twice is once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request

from fhir_profiles import json
from fhir_profiles.errors import InvalidJson
from fhir_profiles.issues import error
from security.clock import Clock, parse_instant
from security.errors import SignatureRefused
from security.event_verification import verified_client
from security.principal import Principal, Purpose, Role
from security.registry import ClientRegistry, RegisteredClient
from security.scopes import INCIDENT_WRITE, require_action
from service.api import answers, outcomes
from service.api.answers import Answer
from service.api.errors import TooManyRequests, UnsupportedMediaType
from service.api.incident_asked import CREW, incident_asked
from service.api.limits import RateLimit
from service.api.negotiation import read_body
from service.api.parameters import SMALL_BODY, parameters_of, text
from service.record.access import Caller
from service.record.errors import InvalidContent, RepeatedKey, Unavailable, Unparseable
from service.record.incidents import LIFETIME, IncidentRegister
from service.record.kept import Kept

PATH = "/events/incidents"
SIGNATURE = "epaccs-signature"
OPENED, CLOSED = "org.epaccs.incident.opened", "org.epaccs.incident.closed"
ISSUER = "signed event"
"""The issuer that audit entries name: no token was given, the event itself was signed."""
_MEDIA_TYPES = frozenset({"application/cloudevents+json", "application/json"})
_REMEMBERED = timedelta(hours=24)
_AHEAD = timedelta(minutes=5)
_KIND = "incident-event"
_LONGEST = 200


class _Taken(msgspec.Struct, array_like=True, frozen=True):
    """What was done about an event: the digest of its bytes, and the answer."""

    digest: bytes
    status: int
    answer: dict[str, str]


@dataclass(frozen=True, slots=True)
class IncidentEvents:
    """The handler. `address` is our own, which every signature names; `failures` counts those that do not hold."""

    registry: ClientRegistry
    incidents: IncidentRegister
    kept: Kept = field(repr=False)
    clock: Clock
    address: str
    failures: RateLimit

    async def take(self, request: Request) -> Answer:
        """Take one event in; raise what is wrong with it."""
        now = self.clock()
        host = request.client.host if request.client is not None else ""
        if self.failures.reached(host, now):
            raise TooManyRequests(self.failures.wait(now))
        body = await read_body(request, SMALL_BODY)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _MEDIA_TYPES:
            raise UnsupportedMediaType
        try:
            client = verified_client(request.headers.get(SIGNATURE, ""), body, self.address, self.registry, now)
        except SignatureRefused:
            self.failures.counted(host, now)
            raise
        require_action(client.scopes, INCIDENT_WRITE)
        if Role.SYSTEM not in client.roles:
            raise InvalidContent([error("forbidden", "", "This client does not act with nobody named.")])
        caller = Caller(
            _principal(client, request.scope["request_id"]), request.scope["request_id"], at=now, device=host
        )
        request.scope["log_fields"] = {"client": client.client_id, "organisation": client.organisation}
        return await self._once(caller, _event(body, now), body, now)

    async def _once(self, caller: Caller, event: dict[str, Any], body: bytes, now: datetime) -> Answer:
        """Do what an event says, or answer as the first time."""
        token = self.kept.index.token(_KIND, f"{caller.principal.client_id}|{event['id']}")
        digest = self.kept.index.token("incident-event-body", hashlib.sha256(body).hexdigest())
        sealed = await self.kept.store.remembered(token)
        if sealed is not None:
            taken = msgspec.msgpack.decode(self.kept.seal.open(_KIND, token, sealed), type=_Taken)
            if taken.digest != digest:
                raise RepeatedKey
            return answers.parameters(taken.answer, status=taken.status)
        status, answer = await self._done(caller, event)
        remembered = msgspec.msgpack.encode(_Taken(digest, status, answer))
        await self.kept.store.keep(token, self.kept.seal.seal(_KIND, token, remembered), now + _REMEMBERED)
        return answers.parameters(answer, status=status)

    async def _done(self, caller: Caller, event: dict[str, Any]) -> tuple[int, dict[str, str]]:
        parameters = parameters_of(event.get("data"), repeating=CREW)
        if event["type"] == OPENED:
            asked = incident_asked(parameters)
            incident = await self.incidents.open(caller, asked.whom, asked.organisation, asked.reference, asked.crew)
            return 201, {"id": incident.id, "expires": incident.expires}
        if "id" in parameters:
            id = text(parameters, "id")
        else:
            asked = incident_asked(parameters)
            id = await self.incidents.named(caller, asked.whom, asked.organisation, asked.reference)
        incident = await self.incidents.close(caller, id)
        return 200, {"id": incident.id, "closed": incident.closed}


@dataclass(frozen=True, slots=True)
class IncidentDoor:
    """The address. `open` gives the handler once the service is open, None before."""

    open: Callable[[], IncidentEvents | None]

    async def answer(self, request: Request) -> Answer:
        """Answer an event; every failure is an answer of the one table."""
        request.scope["interaction"] = "incident-event"
        try:
            events = self.open()
            if events is None:
                raise Unavailable
            return await events.take(request)
        except Exception as problem:  # every failure becomes HTTP in the one table
            return outcomes.answer(problem)


def _event(body: bytes, now: datetime) -> dict[str, Any]:
    """Return the event; raise Unparseable or InvalidContent with every problem of its envelope."""
    try:
        event = json.decode(body)
    except InvalidJson as invalid:
        raise Unparseable(invalid.issues) from None
    problems = []
    if event.get("specversion") != "1.0":
        problems.append(error("structure", "specversion", "This is not a CloudEvents 1.0 event."))
    for name in ("id", "source"):
        if not isinstance(event.get(name), str) or not 0 < len(event[name]) <= _LONGEST:
            problems.append(error("required", name, f"Give {name} with 1 to {_LONGEST} characters."))
    if event.get("type") not in (OPENED, CLOSED):
        problems.append(error("value", "type", f"The type is {OPENED} or {CLOSED}."))
    try:
        moment = parse_instant(event.get("time", ""))
        if not now - LIFETIME <= moment <= now + _AHEAD:
            problems.append(error("value", "time", "It happened longer ago than an incident lasts, or not yet."))
    except (ValueError, TypeError, AttributeError):
        problems.append(error("value", "time", "Give time as an instant with a zone."))
    if problems:
        raise InvalidContent(problems)
    return event


def _principal(client: RegisteredClient, request_id: str) -> Principal:
    return Principal(
        client_id=client.client_id,
        organisation=client.organisation,
        role=Role.SYSTEM,
        purpose=Purpose.TREAT,
        registered_roles=client.roles,
        scopes=client.scopes,
        token_id=request_id,
        issuer=ISSUER,
    )
