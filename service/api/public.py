"""Addresses that need no token: what the service is, how to get a token, whether it is up, and its documentation.

None of them can hold anything of a person. Every other address is a `FhirRoute`; a test walks all routes and knows
these alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from service.api import answers
from service.api.docs_page import docs_page
from service.api.metadata import capability_statement
from service.api.middleware import Metrics
from service.api.oauth import OAuthEndpoints
from service.api.routes import PREFIX
from service.sync.measures import SyncMeasures

STATIC = Path(__file__).resolve().parent.parent / "web" / "static"
DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
"""Swagger UI sets styles from its script; its scripts and everything else come from here."""

READY_WITHIN = 3.0
"""Seconds that the checks may take: a store that does not say in time that it can serve, cannot."""

Check = Callable[[], Awaitable[None]]
"""Raises when what it checks cannot serve now."""


@dataclass(frozen=True, slots=True)
class Public:
    """The handlers of the public addresses; `oauth`, `checks` and `partners` are there once the service is open."""

    routes: list[BaseRoute]
    fhir_base: str
    version: str
    metrics: Metrics
    oauth: Callable[[], OAuthEndpoints]
    checks: Callable[[], tuple[Check, ...]]
    partners: Callable[[], SyncMeasures | None] = lambda: None

    async def capability(self, request: Request) -> Response:
        """Answer the CapabilityStatement, computed from the routes that are mounted now."""
        return answers.public(capability_statement(self.routes, self.fhir_base, self.version))

    async def live(self, request: Request) -> Response:
        """Answer that the process runs."""
        return JSONResponse({"status": "live"})

    async def ready(self, request: Request) -> Response:
        """Answer whether reads and durable writes can be served: store and keys."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                for check in self.checks():
                    await check()
        except Exception:  # whatever is wrong, the answer is that this process cannot serve
            return JSONResponse({"status": "unavailable"}, 503, {"Retry-After": "5"})
        return JSONResponse({"status": "ready"})

    async def measured(self, request: Request) -> Response:
        """Answer the metrics in Prometheus's text form: this process's own, and those of partners from the board."""
        told = generate_latest(self.metrics.registry)
        partners = self.partners()
        if partners is not None:
            await partners.refresh()
            told += generate_latest(partners.registry)
        return Response(told, media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, request: Request) -> Response:
        """Answer the OpenAPI description."""
        # Its examples take memory and a tenth of a second, which start-up has not to spare.
        from service.api.openapi import openapi_document

        return JSONResponse(openapi_document(self.routes))

    async def docs(self, request: Request) -> Response:
        """Answer the documentation page."""
        return HTMLResponse(docs_page(), headers={"Content-Security-Policy": DOCS_POLICY})

    async def token(self, request: Request) -> Response:
        """Answer a token request."""
        return await self.oauth().token(request)

    async def smart(self, request: Request) -> Response:
        """Answer where tokens are had."""
        return await self.oauth().smart_configuration(request)

    async def jwks(self, request: Request) -> Response:
        """Answer our public keys."""
        return await self.oauth().jwks(request)


def public_routes(public: Public) -> list[BaseRoute]:
    """Return every address that needs no token."""
    return [
        Route(f"{PREFIX}/metadata", public.capability),
        Route("/oauth2/token", public.token, methods=["POST"]),
        Route("/.well-known/smart-configuration", public.smart),
        Route(f"{PREFIX}/.well-known/smart-configuration", public.smart),
        Route("/.well-known/jwks.json", public.jwks),
        Route("/health/live", public.live),
        Route("/health/ready", public.ready),
        Route("/metrics", public.measured),
        Route("/openapi.json", public.openapi),
        Route("/docs", public.docs),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
