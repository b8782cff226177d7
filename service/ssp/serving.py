"""The listener: a service of its own beside the API, which speaks with known peers over mutual TLS and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from security.localities import load_policies
from security.registry import ClientRegistry
from service import logs
from service.api import outcomes
from service.api.limits import RateLimit
from service.app import services_of
from service.opening import Opened, open_service
from service.settings import Settings
from service.ssp.description import Described, read_described
from service.ssp.endpoint import Endpoint
from service.ssp.peer import spoken_with
from service.sync.engine import members
from service.syncing import dues_of, paper_of

PATH = "/plan/{address}"
"""Behind `ssp://host` in a pointer."""


def endpoint_of(opened: Opened, described: Described) -> Endpoint:
    """Wire the endpoint of an open service. Raise NoFonts."""
    return Endpoint(
        described,
        opened.registry,
        services_of(opened).operations,
        dues_of(opened),
        paper_of(opened),
        RateLimit(opened.settings.requests_per_minute),
        opened.clock,
    )


def ssp_app(settings: Settings, described: Described) -> Starlette:
    """Return the application; stores and keys are opened when it starts and closed when it stops."""
    running: list[Endpoint] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        opened = await open_service(settings)
        try:
            running.append(endpoint_of(opened, described))
            watching = asyncio.create_task(opened.watch_registry())
            logs.event("started", environment=settings.environment, address=f"port {described.description.port}")
            try:
                yield
            finally:
                watching.cancel()
        finally:
            running.clear()
            await opened.store.close()

    async def plan(request: Request) -> Response:
        return await running[0](request)

    async def elsewhere(request: Request, problem: Exception) -> Response:
        return outcomes.not_served(405 if getattr(problem, "status_code", 404) == 405 else 404)

    return Starlette(
        routes=[_get_alone(Route(PATH, plan))], lifespan=lifespan, exception_handlers={404: elsewhere, 405: elsewhere}
    )


def _get_alone(route: Route) -> Route:
    """Return a route that answers GET alone: Starlette would answer HEAD as well."""
    route.methods = {"GET"}
    return route


def ssp_server(settings: Settings, described: Described) -> uvicorn.Server:
    """Return the server of this process."""
    told = described.description
    config = uvicorn.Config(
        ssp_app(settings, described),
        host=told.host,
        port=told.port,
        loop="uvloop",
        http=spoken_with(frozenset(told.peers)),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        ssl_context_factory=lambda config, default: described.tls,
    )
    return uvicorn.Server(config)


def read_for(settings: Settings, file: Path) -> Described:
    """Return the description in a file, judged against the clients and partners of the settings."""
    policies = load_policies(settings.policy, settings.localities)
    registry = ClientRegistry.load(settings.clients, policies.roles)
    found = members(settings.partners, registry, policies)
    return read_described(file, registry, {member.name for member in found})
