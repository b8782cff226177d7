"""Misbehaviour around an application (ASGI): what a partner does to a request, whatever the request is."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fhir_profiles.errors import InvalidJson
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from fhir_profiles.issues import error
from fhir_profiles.json import decode, encode
from service.standins.behaviour import Behaviour, Said, Word, seconds_of
from service.standins.outcomes import fhir, outcome

_WIRE = ("/fhir", "/events", "/token")
SOMEBODY_ELSE = "9990000018"


class Misbehaving:
    """Applies the command in force to every request over the wire; pages and counts always answer.

    The token endpoint is down, slow or busy with the rest, but what it answers is right.
    """

    def __init__(self, app: ASGIApp, behaviour: Behaviour) -> None:
        self._app = app
        self._behaviour = behaviour
        self._held: asyncio.Event | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not path.startswith(_WIRE):
            return await self._app(scope, receive, send)
        if path.startswith("/token") and self._behaviour.said.word not in (Word.DOWN, Word.SLOW, Word.RATE):
            return await self._app(scope, receive, send)
        said = self._behaviour.take()
        match said.word:
            case Word.OK:
                await self._app(scope, receive, send)
            case Word.DOWN:
                await _refused(503, "transient", scope, receive, send)
            case Word.RATE:
                headers = {"Retry-After": f"{seconds_of(said):.0f}"}
                await _refused(429, "throttled", scope, receive, send, headers)
            case Word.SLOW:
                await asyncio.sleep(seconds_of(said))
                await self._app(scope, receive, send)
            case Word.REORDERING:
                await self._reordered(said, scope, receive, send)
            case Word.DUPLICATING:
                await self._app(scope, receive, _nowhere)
                await _hang_up(scope)
            case Word.WRONG:
                await self._wrong(said, scope, receive, send)
        return None

    async def _reordered(self, said: Said, scope: Scope, receive: Receive, send: Send) -> None:
        if self._held is not None:
            go, self._held = self._held, None
            self._behaviour.holding = False
            try:
                await self._app(scope, receive, send)
            finally:
                go.set()
            return
        mine = self._held = asyncio.Event()
        self._behaviour.holding = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(mine.wait(), seconds_of(said))
        if self._held is mine:
            self._held = None
            self._behaviour.holding = False
        await self._app(scope, receive, send)

    async def _wrong(self, said: Said, scope: Scope, receive: Receive, send: Send) -> None:
        status, headers, body = 200, dict[str, str](), bytearray()

        async def keep(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.update({name.decode(): value.decode() for name, value in message["headers"]})
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, keep)
        headers.pop("content-length", None)
        kind = headers.pop("content-type", None)
        answer = _distorted(said.how, status, bytes(body), headers, kind)
        await answer(scope, receive, send)


def _distorted(how: str, status: int, body: bytes, headers: dict[str, str], kind: str | None) -> Response:
    if how == "content-type":
        return Response(b"<html><body>It works!</body></html>", 200, headers, "text/html")
    if how == "outcome":
        return fhir(outcome([error("exception", "", "Something went wrong.")]), 200)
    if how == "truncated":
        return Response(body[: len(body) // 2] or b'{"resourceType":', status if body else 200, headers, kind)
    return Response(_somebody_else(body), status, headers, kind)


def _somebody_else(body: bytes) -> bytes:
    """Return a search's answer with another person in the place of everyone found; anything else as it was."""
    try:
        bundle = decode(body)
    except InvalidJson:
        return body
    for entry in bundle.get("entry", ()) if bundle.get("type") == "searchset" else ():
        resource = entry.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
            entry["resource"] = {**resource, **_another()}
    return encode(bundle)


def _another() -> dict[str, Any]:
    return {
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": SOMEBODY_ELSE}],
        "name": [{"family": "Elsewhere", "given": ["Somebody"]}],
        "birthDate": "1940-01-01",
    }


async def _refused(
    status: int, code: str, scope: Scope, receive: Receive, send: Send, headers: dict[str, str] | None = None
) -> None:
    answer = fhir(outcome([error(code, "", "Not now (by command).")]), status, headers)
    await answer(scope, receive, send)


async def _nowhere(message: Message) -> None:
    """Lose an answer."""


async def _hang_up(scope: Scope) -> None:
    """End the connection of a request without a byte of an answer."""
    scope["state"]["transport"].abort()
    await scope["state"]["lost"].wait()
