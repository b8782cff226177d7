"""The service with bare routes beside it, for comparison in the same process: `python -m bench.app`.

    POST /bench/fastapi     a FastAPI route that returns a ready Response of given bytes
    POST /bench/starlette   the same as a Starlette route
    POST /bench/append      the FastAPI route, which appends and syncs a given line through the store's committer first
    PUT  /bench/bytes       takes the bytes of those answers; `line` in the query is the size of the line in bytes

They go through the same application and middleware, and are tried before the product's routes, so that finding them
costs less than finding ours. Settings come from the environment as for `epaccs serve`. With `--without-audit` the store
claims that audit entries are durable and drops them: it exists here only, and no setting of the product reaches it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from unittest.mock import patch

import click
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import service.app
from security.clock import Clock
from security.keys import FileKeyRing
from service import logs
from service.api.negotiation import FHIR_JSON_UTF8
from service.cli.server import server_of
from service.settings import Settings
from service.store.port import RecordStore
from service.store.sqlite import SqliteStore


class StoreWithoutAudit(SqliteStore):
    """The embedded store, but for the writing of audit entries about reads."""

    async def append_audit(self, sealed: bytes, known: bytes | None = None) -> None:
        """Return at once; nothing is written."""


@dataclass(slots=True)
class BareRoutes:
    """The handlers; bytes, line and store arrive when the service runs."""

    body: bytes = b""
    line: bytes = b""
    store: RecordStore | None = None

    async def fastapi(self) -> Response:
        """Answer the bytes."""
        return Response(self.body, media_type=FHIR_JSON_UTF8)

    async def starlette(self, request: Request) -> Response:
        """Answer the bytes."""
        return Response(self.body, media_type=FHIR_JSON_UTF8)

    async def append(self) -> Response:
        """Make the line durable, then answer the bytes."""
        assert self.store is not None
        await self.store.append_audit(self.line)
        return Response(self.body, media_type=FHIR_JSON_UTF8)

    async def take(self, request: Request) -> Response:
        """Take the bytes to answer with, and make a line."""
        self.body = await request.body()
        self.line = os.urandom(int(request.query_params["line"]))
        return Response(status_code=204)

    def mount(self, app: FastAPI) -> None:
        """Put the routes in front of those of the application."""
        product = list(app.router.routes)
        app.router.routes.clear()
        app.add_api_route("/bench/fastapi", self.fastapi, methods=["POST"])
        app.add_api_route("/bench/append", self.append, methods=["POST"])
        rest: list[BaseRoute] = [
            Route("/bench/starlette", self.starlette, methods=["POST"]),
            *product,
            Route("/bench/bytes", self.take, methods=["PUT"]),
        ]
        app.router.routes += rest


@click.command()
@click.option("--without-audit", is_flag=True, help="Drop the audit entries of reads.")
def main(without_audit: bool) -> None:
    """Run the service with the bare routes until it is terminated."""
    settings = Settings.from_environ(os.environ)
    logs.configure(settings.log_level)
    bare, open_product_store = BareRoutes(), service.app.open_store

    async def open_store(settings: Settings, keys: FileKeyRing, clock: Clock) -> RecordStore:
        bare.store = await open_product_store(settings, keys, clock)
        return bare.store

    with ExitStack() as replaced:
        replaced.enter_context(patch.object(service.app, "open_store", open_store))
        if without_audit:
            replaced.enter_context(patch.object(service.app, "SqliteStore", StoreWithoutAudit))
        app = service.app.create_app(settings)
        bare.mount(app)
        server_of(app, settings).run()


if __name__ == "__main__":
    main()
