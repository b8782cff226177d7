"""Where the microseconds of one emergency answer on MongoDB go; see `profile`. Audit entries are written here.

One request at a time waits for the server alone: the stages say what the server and the driver take, and how many
questions there are, but not what sixteen requests at once cost each other.
"""

from __future__ import annotations

import uvloop

import service.app
import service.opening
from bench.app import BareRoutes
from bench.people import Home
from bench.profile import Stage, Stopwatch, Watched, asked, headers_for, timed
from bench.serving import EMERGENCY, question
from security.blind_index import BlindIndex
from security.keys import open_keys
from service.record.records import Records
from service.store.document_store import DocumentStore
from service.store.mongo import MongoDocuments
from service.wiring import clock_of

_WARM_UP, _REQUESTS = 200, 500
_WATCHED: Watched = (
    (1, "look up the person and the incident register", DocumentStore, "claimed_and_head"),
    (2, "claims, copies, commits behind them: of both together", MongoDocuments, "find_each"),
    (2, "the key, beside the copies", MongoDocuments, "find"),
    (1, "open what was found", Records, "open"),
    (1, "audit entry, until a majority has it", DocumentStore, "append_audit"),
    (2, "insert", MongoDocuments, "insert_in_order"),
)


def profile(home: Home) -> list[Stage]:
    """Profile on the event loop that the service runs on."""
    return uvloop.run(_profile(home))


async def _profile(home: Home) -> list[Stage]:
    settings, watch, bare = home.settings, Stopwatch(_WATCHED), BareRoutes()
    keys = open_keys(settings.keys)
    bare.line, bare.index = bytes(1024), BlindIndex(keys.index, settings.tenant)
    bare.store = await service.opening.open_store(settings, keys, clock_of(settings))
    bare.read_documents_of(home.prepared.numbers)
    numbers = home.prepared.numbers
    bodies = [question(numbers[turn % len(numbers)]) for turn in range(_WARM_UP + _REQUESTS)]
    headers = headers_for(home)
    app = service.app.create_app(settings)
    bare.mount(app)
    try:
        async with app.router.lifespan_context(app):
            bare.body = (await asked(app, EMERGENCY, headers, bodies[0]))[1]
            beside = await timed(app, "/bench/documents", headers, bodies, warm_up=_WARM_UP)
            with watch.watching():
                whole = await timed(app, EMERGENCY, headers, bodies, watch.clear, _WARM_UP)
    finally:
        await bare.store.close()
    return [
        Stage(0, "bare route on MongoDB, one after another", beside),
        Stage(0, "emergency answer on MongoDB, one after another", whole),
        *watch.stages(_REQUESTS),
    ]
