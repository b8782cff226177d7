"""Where the microseconds of one emergency answer go: `python -m bench.profile`.

Whole requests go through the application, one after the other, for people in turn; a stopwatch sits round the product's
own functions meanwhile. Nothing listens on a socket: what uvicorn takes comes on top, for a bare route alike. Audit
entries are dropped here, because one request at a time would wait for the disk alone; what appending them takes when
sixteen share a sync is measured by itself.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from time import perf_counter
from typing import Any
from unittest.mock import patch

import uvloop
from starlette.types import ASGIApp, Message

import service.api.answers
import service.api.operations
import service.app
import service.opening
import service.record.access
import service.record.read
import service.record.records
from bench.app import BareRoutes, StoreWithoutAudit
from bench.people import Home, home_of
from bench.serving import EMERGENCY, question, token_for
from security.envelope import Envelope
from security.heads import Heads
from security.keys import open_keys
from security.tokens import TokenVerifier
from service.record.access import Access
from service.record.read import EmergencySummary, ReadRecord
from service.record.records import Records
from service.store.port import SealedEntry
from service.store.sqlite import SqliteStore
from service.wiring import clock_of

_WARM_UP, _REQUESTS, _TOGETHER = 1000, 2000, 16
"""Everyone is met once before the count begins: what is kept of a first meeting (a key, a register) is there then."""
_BARE = "/bench/fastapi"
WHOLE, BARE = "emergency answer, audit write left out", "bare FastAPI route, the same bytes"

Watched = tuple[tuple[int, str, object, str], ...]
"""Depth in the table, words, and the function with its owner; a line without a function is a heading."""

_WATCHED: Watched = (
    (1, "verify the token", TokenVerifier, "verify"),
    (1, "find, decide, release, write down", ReadRecord, "__call__"),
    (2, "admit", Access, "admit"),
    (2, "find and open the record", EmergencySummary, "find"),
    (2, "decide", Access, "decide"),
    (3, "the rules", service.record.access, "decide"),
    (2, "select", EmergencySummary, "select"),
    (2, "release", service.record.read, "release_whole"),
    (2, "release, line by line", service.record.read, "release"),
    (2, "write down", Access, "permit"),
    (3, "audit entry, sealed", Access, "entry"),
    (1, "unpack and compose", service.api.operations, "document"),
    (1, "answer", service.api.answers, "document"),
    (0, "of these, in finding and in deciding (the incident register is a sealed record too):", None, ""),
    (1, "look-up in the store", StoreWithoutAudit, "claimed_and_head"),
    (1, "open", Records, "open"),
    (2, "head check", Heads, "check"),
    (2, "unwrap the key", Envelope, "unwrap"),
    (2, "unseal", Envelope, "open"),
    (2, "unpack the manifest", service.record.records, "unpack"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the answer: what it takes per request, in microseconds, and how often it runs; None for a heading."""

    depth: int
    name: str
    microseconds: float | None
    calls: float = 1

    def __str__(self) -> str:
        taken = " " * 12 if self.microseconds is None else f"{self.microseconds:9.1f} us"
        times = "" if self.calls == 1 or self.microseconds is None else f", {self.calls:g} times"
        return f"{taken}  {'    ' * self.depth}{self.name}{times}"


@dataclass(slots=True)
class Stopwatch:
    """Seconds and calls by name, of functions that are replaced by timed ones for a while."""

    watched: Watched = _WATCHED
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time every watched function until the block ends."""
        with ExitStack() as replaced:
            for _, name, owner, attribute in self.watched:
                if owner is not None:
                    timed = self._timed(name, getattr(owner, attribute))
                    replaced.enter_context(patch.object(owner, attribute, timed))
            yield

    def clear(self) -> None:
        """Forget what was timed."""
        self.seconds.clear()
        self.calls.clear()

    def add(self, name: str, started: float) -> None:
        """Count one call that began at `started`."""
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - started
        self.calls[name] = self.calls.get(name, 0) + 1

    def stages(self, requests: int = _REQUESTS) -> list[Stage]:
        """Return what was called, by each of so many requests, in the order of the table."""
        return [
            Stage(depth, name, None)
            if owner is None
            else Stage(depth, name, self.seconds[name] / requests * 1e6, self.calls[name] / requests)
            for depth, name, owner, _ in self.watched
            if owner is None or name in self.calls
        ]

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        add = self.add
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                started = perf_counter()
                try:
                    return await function(*args, **kwargs)
                finally:
                    add(name, started)

            return awaited

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            started = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                add(name, started)

        return called


def profile(home: Home) -> list[Stage]:
    """Profile on the event loop that the service runs on. Opens the home, so no service may have it open."""
    return uvloop.run(_profile(home))


async def _profile(home: Home) -> list[Stage]:
    watch, bare = Stopwatch(), BareRoutes()
    headers = headers_for(home)
    numbers = home.prepared.numbers[:_WARM_UP]
    with patch.object(service.opening, "SqliteStore", StoreWithoutAudit):
        app = service.app.create_app(home.settings)
        bare.mount(app)
        async with app.router.lifespan_context(app):
            bodies = [question(numbers[turn % len(numbers)]) for turn in range(_WARM_UP + _REQUESTS)]
            bare.body = (await asked(app, EMERGENCY, headers, bodies[0]))[1]
            whole = await timed(app, EMERGENCY, headers, bodies)
            beside = await timed(app, _BARE, headers, bodies)
            with watch.watching():
                await timed(app, EMERGENCY, headers, bodies, watch.clear)
    appended = await _appended(home)
    stages = [Stage(0, BARE, beside), Stage(0, WHOLE, whole), *watch.stages()]
    return [*stages, Stage(0, f"append an audit entry, when {_TOGETHER} share a sync", appended)]


def headers_for(home: Home) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request of an ambulance crew."""
    return [
        (b"authorization", b"Bearer " + token_for(home, 8000).encode()),
        (b"content-type", b"application/fhir+json"),
    ]


async def timed(
    app: ASGIApp,
    path: str,
    headers: list[tuple[bytes, bytes]],
    bodies: list[bytes],
    warm: Callable[[], None] = lambda: None,
    warm_up: int = _WARM_UP,
) -> float:
    """Return microseconds per request, after a warm-up of so many requests, whose end `warm` is told."""
    for body in bodies[:warm_up]:
        await asked(app, path, headers, body)
    warm()
    started = perf_counter()
    for body in bodies[warm_up:]:
        await asked(app, path, headers, body)
    return (perf_counter() - started) / (len(bodies) - warm_up) * 1e6


async def asked(app: ASGIApp, path: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[int, bytes]:
    """Send one request through the application and return status and body."""
    status, content = 0, b""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, content
        status, content = message.get("status", status), message.get("body", content)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    assert status == 200, status
    return status, content


async def _appended(home: Home) -> float:
    """Return microseconds per entry of 1 KiB when sixteen requests append at the same time."""
    settings, entry = home.settings, SealedEntry(bytes(1024), bytes(64))
    store = await service.opening.open_store(settings, open_keys(settings.keys), clock_of(settings))
    assert isinstance(store, SqliteStore)
    try:
        started = perf_counter()
        for _ in range(_REQUESTS // _TOGETHER):
            await asyncio.gather(*(store.append_audit(entry) for _ in range(_TOGETHER)))
        return (perf_counter() - started) / (_REQUESTS // _TOGETHER * _TOGETHER) * 1e6
    finally:
        await store.close()


if __name__ == "__main__":
    print(*profile(home_of(1_000, "profile", print)), sep="\n")
