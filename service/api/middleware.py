"""What surrounds every request: a request id, headers that forbid caching and framing, one log line, one measurement.

Plain ASGI, because it lies on the path of every answer. The path and query are never logged: the line says which
interaction was answered, which the route writes into the scope.
"""

from __future__ import annotations

import logging
import re
import secrets
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs, tracing

_REQUEST_ID = re.compile(rb"^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$")
"""A UUID, with hyphens or without. It is logged, so it is of a form in which no name or number of a person fits."""
_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_HEADER_NAMES = frozenset(name for name, _ in _HEADERS)


class Metrics:
    """Counts and durations by interaction and status; no label can hold anything of a person."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["interaction", "status"]
        self._count = Counter("epaccs_requests", "Requests answered", labels, registry=self.registry)
        self._seconds = Histogram(
            "epaccs_request_seconds",
            "Time from first byte in to last byte out",
            ["interaction"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.5, 5),
            registry=self.registry,
        )
        self.emergencies = 0
        """Emergency answers that this process began to give: when they are many, other work waits."""
        self._known: dict[tuple[str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}

    def observe(self, interaction: str, status: int, seconds: float) -> None:
        """Count one answer."""
        counter = self._known.get((interaction, status))
        if counter is None:
            counter = self._known[(interaction, status)] = self._count.labels(interaction, str(status))
            self._timers.setdefault(interaction, self._seconds.labels(interaction))
        counter.inc()
        self._timers[interaction].observe(seconds)


class Surround:
    """The middleware; see the module. `emergency`: round the emergency answer alone."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, emergency: bool = False) -> None:
        self._app = app
        self._metrics = metrics
        self._emergency = emergency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _REQUEST_ID.match(given) else secrets.token_hex(16).encode()
        scope["request_id"] = request_id.decode()
        status = 500

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                own = {name for name, _ in headers} & _HEADER_NAMES
                headers.append((b"x-request-id", request_id))
                headers.extend(pair for pair in _HEADERS if pair[0] not in own)
            await send(message)

        self._metrics.emergencies += self._emergency
        try:
            with tracing.span("request") as span:
                try:
                    await self._app(scope, receive, respond)
                finally:
                    span.set(interaction=scope.get("interaction", "unrouted"), status=status)
        finally:
            seconds = perf_counter() - started
            interaction = scope.get("interaction", "unrouted")
            self._metrics.observe(interaction, status, seconds)
            logs.event(
                "request",
                logging.INFO if status < 500 else logging.ERROR,
                request_id=scope["request_id"],
                interaction=interaction,
                status=status,
                milliseconds=round(seconds * 1000, 2),
                **scope.get("log_fields", {}),
            )
