"""One stand-in, put together: its server, its page, and its control endpoint, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from service.standins.behaviour import Behaviour
from service.standins.config import Config
from service.standins.control import control_app, counts_routes
from service.standins.door import Door
from service.standins.interactions import Interactions
from service.standins.ledger import Ledger
from service.standins.misbehaving import Misbehaving
from service.standins.moments import Moments
from service.standins.nurse import Nurse
from service.standins.pages import HEADERS, Pages
from service.standins.people import PeoplePages
from service.standins.receiver import Receiver
from service.standins.shelf import Shelf
from service.standins.signatures import Signatures
from service.standins.tokens import Tokens


class Addresses(msgspec.Struct, frozen=True):
    """Where a running stand-in is: its page, what partners speak to, and its control endpoint."""

    page: str
    wire: str
    control: str


class _Parts:
    """What every kind of stand-in has."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.moments = Moments()
        self.ledger = Ledger(self.moments.now)
        self.behaviour = Behaviour()
        self.pages = Pages(config, self.ledger, self.behaviour)
        self.end_tokens: Callable[[], None] = lambda: None
        self.close: Callable[[], None] = lambda: None


@asynccontextmanager
async def standing_in(config: Config) -> AsyncIterator[Addresses]:
    """Run a stand-in until the block ends. Raises OSError when a port is taken or a file cannot be used."""
    parts = _Parts(config)
    app = Starlette()
    door = Door(Misbehaving(app, parts.behaviour), config.host, config.port)
    page = f"http://{config.host}:{door.port}"
    doors = [door]
    try:
        routes = _record(parts, page) if config.kind == "record" else _events(parts, page)
        app.router.routes += [*parts.pages.routes(), *counts_routes(parts.ledger), *routes]

        async def reachable(wanted: bool) -> None:
            await (door.open() if wanted else door.close())

        told = control_app(parts.behaviour, parts.ledger, parts.moments, reachable, parts.end_tokens)
        control = Door(told, "127.0.0.1", config.control_port)
        doors.append(control)
        await door.open()
        await control.open()
        wire = f"{page}/fhir" if config.kind == "record" else f"{page}/events"
        yield Addresses(page, wire, f"http://127.0.0.1:{control.port}")
    finally:
        await asyncio.gather(*(one.close() for one in doors))
        parts.close()


def _record(parts: _Parts, page: str) -> list[BaseRoute]:
    config, ledger, moments = parts.config, parts.ledger, parts.moments
    shelf = Shelf(moments, Path(config.state) if config.state else None, prefix=config.name[:1])
    parts.close = shelf.close
    if next(shelf.all("Patient"), None) is None:
        for person in config.people:
            shelf.create(person)
    tokens = None if config.sender is None else Tokens(config.sender, f"{page}/token", ledger, moments)
    nurse = Nurse(shelf, ledger, config.nurse, config.organisation, config.title) if config.nurse else None
    interactions = Interactions(config, f"{page}/fhir", shelf, ledger, moments, tokens)
    routes: list[BaseRoute] = [
        Mount("/fhir", routes=interactions.routes()),
        *PeoplePages(parts.pages, shelf, ledger, moments, nurse).routes(),
    ]
    if tokens is not None:
        parts.end_tokens = tokens.end_all
        routes.append(Route("/token", tokens.give, methods=["POST"]))
    return routes


def _events(parts: _Parts, page: str) -> list[BaseRoute]:
    config = parts.config
    signatures = Signatures(config.jwks, Path(config.jwks_file) if config.jwks_file else None)
    ids = config.payload == "ids"
    receiver = Receiver(f"{page}/events", signatures, parts.ledger, parts.moments, ids=ids)

    async def front(request: Request) -> Response:
        room, now = receiver.room, parts.moments.now()
        flags, answers = room.standing(now), room.answers()
        return parts.pages.draw("events.html", request, heard=receiver.heard, flags=flags, answers=answers)

    async def shown(request: Request) -> Response:
        room, now = receiver.room, parts.moments.now()
        told = {"flags": room.standing(now), "answers": room.answers()}
        return JSONResponse(msgspec.to_builtins(told), headers=HEADERS)

    return [Route("/", front), Route("/room", shown), *receiver.routes()]
