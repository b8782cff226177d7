"""The control endpoint of a stand-in, on a port of its own: it answers also while the stand-in is down.

    POST /say       a command (`service.standins.behaviour.Said`) as JSON
    POST /clock     {"ahead": seconds}: be this far ahead of the machine's time
    POST /tokens    end every token that was given
    GET  /state     the command in force, and whether a request is held back

Only for this machine; a JSON content type is asked for, which no foreign page in a browser can send unasked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.standins.behaviour import Behaviour, Said, Word
from service.standins.headers import media_type
from service.standins.ledger import Ledger
from service.standins.moments import Moments


class _Ahead(msgspec.Struct, forbid_unknown_fields=True):
    ahead: float


def counts_routes(ledger: Ledger) -> list[Route]:
    """Return the routes that tests read: what was counted, and what broke a rule."""

    async def effects(request: Request) -> Response:
        return JSONResponse(ledger.counted())

    async def violations(request: Request) -> Response:
        return JSONResponse({"violations": [msgspec.to_builtins(one) for one in ledger.violations]})

    return [Route("/effects", effects), Route("/violations", violations)]


def control_app(
    behaviour: Behaviour,
    ledger: Ledger,
    moments: Moments,
    reachable: Callable[[bool], Awaitable[None]],
    end_tokens: Callable[[], None],
) -> Starlette:
    """Return the application of the control endpoint; `reachable` opens or closes the stand-in's own port."""

    async def say(request: Request) -> Response:
        try:
            said = msgspec.json.decode(await _json(request), type=Said)
        except msgspec.MsgspecError:
            return _no("The command cannot be read.")
        if problem := said.problem():
            return _no(problem)
        behaviour.say(said)
        await reachable(not (said.word is Word.DOWN and said.how == "refused"))
        return _state(behaviour)

    async def clock(request: Request) -> Response:
        try:
            moments.go_ahead(msgspec.json.decode(await _json(request), type=_Ahead).ahead)
        except (msgspec.MsgspecError, OverflowError, ValueError):
            return _no("The time cannot be read.")
        return _state(behaviour)

    async def tokens(request: Request) -> Response:
        if not await _json(request):
            return _no("A JSON body is needed.")
        end_tokens()
        return _state(behaviour)

    async def state(request: Request) -> Response:
        return _state(behaviour)

    routes = [
        Route("/say", say, methods=["POST"]),
        Route("/clock", clock, methods=["POST"]),
        Route("/tokens", tokens, methods=["POST"]),
        Route("/state", state),
    ]
    return Starlette(routes=[*routes, *counts_routes(ledger)])


async def _json(request: Request) -> bytes:
    kind, _ = media_type(request.headers.get("content-type", ""))
    return await request.body() if kind == "application/json" else b""


def _state(behaviour: Behaviour) -> Response:
    return JSONResponse({**msgspec.to_builtins(behaviour.said), "held": behaviour.holding})


def _no(text: str) -> Response:
    return JSONResponse({"problem": text}, 400)
