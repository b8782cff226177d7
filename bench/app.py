"""The service with bare routes beside it, for comparison in the same process: `python -m bench.app`.

    POST /bench/fastapi     a FastAPI route that returns a ready Response of given bytes
    POST /bench/starlette   the same as a Starlette route
    POST /bench/append      the FastAPI route, which appends and syncs a given line through the store's committer first
    POST /bench/documents   on MongoDB: three documents by `_id`, one after another, for people in turn (the claim on an
                            NHS number, the record that it names, that record's key), then the line, then the bytes
    PUT  /bench/bytes       takes the bytes of those answers; `line` in the query is the size of the line in bytes
    PUT  /bench/people      takes NHS numbers, one a line, whose documents are read

They go through the same application and middleware, and are tried before the product's routes, so that finding them
costs less than finding ours. Settings come from the environment as for `epaccs serve`. With `--without-audit` the store
claims that audit entries are durable and drops them; with `--without-sweep` nobody looks for what entries still owe.
Both exist here only, and no setting of the product reaches them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from unittest.mock import patch

import click
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import service.app
import service.opening
from security.blind_index import BlindIndex
from security.clock import Clock
from security.keys import FileKeyRing
from service import logs
from service.api.negotiation import FHIR_JSON_UTF8
from service.cli.server import server_of
from service.record.owed import Owed
from service.settings import Settings
from service.store.document_store import KEYS, DocumentStore
from service.store.filing import RECORDS
from service.store.port import RecordStore, SealedEntry
from service.store.series import numbered
from service.store.sqlite import SqliteStore


class StoreWithoutAudit(SqliteStore):
    """The embedded store, but for the writing of audit entries about reads."""

    async def append_audit(self, entry: SealedEntry, known: bytes | None = None) -> None:
        """Return at once; nothing is written."""


async def sweeps_nothing(owed: Owed) -> None:
    """Stand in for `Owed.run`: wait until the service ends."""
    await asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class BareRoutes:
    """The handlers; bytes, line, people and store arrive when the service runs."""

    body: bytes = b""
    line: bytes = b""
    store: RecordStore | None = None
    index: BlindIndex | None = None
    claims: Iterator[str] = field(default_factory=lambda: iter(()))
    """The ids of the claims on NHS numbers, of people in turn, without end."""

    async def fastapi(self) -> Response:
        """Answer the bytes."""
        return Response(self.body, media_type=FHIR_JSON_UTF8)

    async def starlette(self, request: Request) -> Response:
        """Answer the bytes."""
        return Response(self.body, media_type=FHIR_JSON_UTF8)

    async def append(self) -> Response:
        """Make the line durable, then answer the bytes."""
        assert self.store is not None
        await self.store.append_audit(SealedEntry(self.line))
        return Response(self.body, media_type=FHIR_JSON_UTF8)

    async def documents(self) -> Response:
        """Read three documents one after another, make the line durable, then answer the bytes."""
        assert isinstance(self.store, DocumentStore)
        find = self.store._documents.find
        claim = await find("claims", next(self.claims))
        assert claim is not None
        record = await find(RECORDS, claim["record"])
        assert record is not None
        assert await find(KEYS, record["_id"]) is not None
        await self.store.append_audit(SealedEntry(self.line))
        return Response(self.body, media_type=FHIR_JSON_UTF8)

    async def take_people(self, request: Request) -> Response:
        """Take the NHS numbers of the people whose documents are read."""
        self.read_documents_of((await request.body()).decode().split())
        return Response(status_code=204)

    def read_documents_of(self, numbers: list[str]) -> None:
        """Read the documents of the people with these NHS numbers from now on, in turn."""
        assert self.index is not None
        self.claims = cycle([numbered(self.index.token("nhs-number", one).hex(), 1) for one in numbers])

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
        app.add_api_route("/bench/documents", self.documents, methods=["POST"])
        rest: list[BaseRoute] = [
            Route("/bench/starlette", self.starlette, methods=["POST"]),
            *product,
            Route("/bench/bytes", self.take, methods=["PUT"]),
            Route("/bench/people", self.take_people, methods=["PUT"]),
        ]
        app.router.routes += rest


@click.command()
@click.option("--without-audit", is_flag=True, help="Drop the audit entries of reads.")
@click.option("--without-sweep", is_flag=True, help="Let nobody look for what audit entries owe.")
def main(without_audit: bool, without_sweep: bool) -> None:
    """Run the service with the bare routes until it is terminated."""
    settings = Settings.from_environ(os.environ)
    logs.configure(settings.log_level)
    bare, open_product_store = BareRoutes(), service.opening.open_store

    async def open_store(settings: Settings, keys: FileKeyRing, clock: Clock) -> RecordStore:
        bare.store = await open_product_store(settings, keys, clock)
        bare.index = BlindIndex(keys.index, settings.tenant)
        return bare.store

    with ExitStack() as replaced:
        replaced.enter_context(patch.object(service.opening, "open_store", open_store))
        if without_audit:
            replaced.enter_context(patch.object(service.opening, "SqliteStore", StoreWithoutAudit))
        if without_sweep:
            replaced.enter_context(patch.object(Owed, "run", sweeps_nothing))
        app = service.app.create_app(settings)
        bare.mount(app)
        server_of(app, settings).run()


if __name__ == "__main__":
    main()
