"""Routes that cannot be open by accident: `FhirRoute` authenticates, negotiates and answers; a handler gets a `Call`.

A `FhirRoute` is an ordinary FastAPI route for the OpenAPI description, but runs its handler without FastAPI's
dependency and response machinery, which costs as much as reading a sealed plan. A handler returns an `Answer`,
nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from security.clock import Clock, system_clock
from security.errors import InvalidToken
from security.principal import Principal
from security.scopes import ACTIONS, require, require_action
from security.tokens import TokenVerifier
from service.api import negotiation, outcomes
from service.api.answers import Answer
from service.api.limits import RateLimit
from service.record.access import Caller
from service.record.errors import Unavailable


@dataclass(slots=True)
class Call:
    """One authenticated request: who calls, and the request to read path, query, headers and body from."""

    caller: Caller
    request: Request

    def path(self, name: str) -> str:
        """Return a path parameter."""
        return str(self.request.path_params[name])


READS = frozenset({"read", "vread", "history-instance", "search-type", "$emergency-summary"})
"""Interactions that a grant of emergency access counts for (header Emergency-Access)."""

Handler = Callable[[Call], Awaitable[Answer]]
Services = Any
"""What handlers are taken from; `service.api.routes.Services`."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a route is in FHIR's words, and how OpenAPI describes it.

    `interaction` is a code of restful-interaction or the name of an operation with its dollar sign; `scope` is the
    action a token must allow: "r" read, "s" search, "c" create, "u" update, "d" delete, or a scope of our own; it is
    empty where the handler checks each entry.
    """

    interaction: str
    method: str
    path: str
    handler: Callable[[Services], Handler]
    scope: str
    summary: str
    resource_type: str = ""
    openapi: dict[str, Any] = field(default_factory=dict)
    search_parameters: tuple[str, ...] = ()


class Application(FastAPI):
    """FastAPI, but for single addresses that are answered before it is asked: its layers cost more than unsealing.

    Each of the `express` routes does for itself what those layers are for: it bounds the body and turns every failure
    into an answer. Everything else, and any other method on these addresses, goes on to the framework.
    """

    express: Mapping[tuple[str, str], ASGIApp] = MappingProxyType({})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        route = self.express.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        await (super().__call__ if route is None else route)(scope, receive, send)


async def _described() -> None:
    """Stand for the handler in FastAPI's analysis of signatures; `FhirRoute` never calls it."""


class FhirRoute(APIRoute):
    """A route that authenticates before anything else, see the module."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self._handler: Handler | None = None
        self._verifier: TokenVerifier | None = None
        self._under: Callable[[Caller, str], Awaitable[Caller]] | None = None
        self._clock: Clock = system_clock
        self._limit: RateLimit | None = None
        tag = operation.resource_type or "Operations"
        super().__init__(
            operation.path,
            _described,
            methods=[operation.method],
            response_model=None,
            response_class=Answer,
            status_code=200,
            openapi_extra=operation.openapi,
            summary=operation.summary,
            tags=[tag],
            operation_id=f"{operation.interaction.strip('$')}-{operation.method}-{tag}".lower(),
            name=operation.interaction,
        )
        self._log_fields = {"resource_type": operation.resource_type} if operation.resource_type else {}
        self.app = self._answer
        self._begins = operation.path.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Judge an address; of some hundreds of routes, most by how it begins, which is cheaper than by pattern."""
        if not scope["path"].startswith(self._begins, len(scope.get("root_path", ""))):
            return Match.NONE, {}
        return super().matches(scope)

    def bind(self, services: Services, verifier: TokenVerifier, clock: Clock, limit: RateLimit | None = None) -> None:
        """Take the handler from services that are open now; `limit` counts what its clients ask."""
        self._limit = limit
        self._handler = self.operation.handler(services)
        self._verifier = verifier
        self._under = services.operations.under if self.operation.interaction in READS else None
        self._clock = clock

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["interaction"] = self.operation.interaction
        request = Request(scope, receive, send)
        try:
            handler, verifier = self._handler, self._verifier
            if handler is None or verifier is None:
                raise Unavailable
            now = self._clock()
            principal = await self._authenticate(request, verifier, now)
            scope["log_fields"] = {
                **self._log_fields,
                "client": principal.client_id,
                "organisation": principal.organisation,
                "role": principal.role,
                "purpose": principal.purpose,
            }
            if self._limit is not None:
                self._limit.check(principal.client_id, now)
            negotiation.check_accept(request)
            caller = Caller(principal, scope["request_id"], at=now, device=_address(scope))
            # Emergency access never writes (rule 4): only reading looks at the grant.
            if self._under is not None and (grant := request.headers.get("emergency-access")) is not None:
                caller = await self._under(caller, grant)
            answer = await handler(Call(caller, request))
            if not isinstance(answer, Answer):
                raise TypeError("a FHIR route answers with an Answer")
        except Exception as problem:  # every failure becomes HTTP in the one table
            answer = outcomes.answer(problem)
        await answer(scope, receive, send)

    async def _authenticate(self, request: Request, verifier: TokenVerifier, now: datetime) -> Principal:
        values = request.headers.getlist("authorization")
        if len(values) != 1 or not values[0].startswith("Bearer "):
            raise InvalidToken("")
        principal = await verifier.verify(values[0][7:], now)
        if not self.operation.scope:
            return principal
        if self.operation.scope in ACTIONS:
            require_action(principal.scopes, self.operation.scope)
        else:
            require(principal.scopes, self.operation.resource_type or "*", self.operation.scope)
        return principal


def _address(scope: Scope) -> str:
    """Return the network address of whoever connected: the client, or the proxy in front of this service."""
    client = scope.get("client")
    return str(client[0]) if client else ""
