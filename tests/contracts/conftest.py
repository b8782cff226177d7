"""The store of a contract test, once per kind of store, and once per server that speaks MongoDB's protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from service.store.port import RecordStore
from tests.contracts.stores import EMBEDDED, MemoryHarness, MongoHarness, StoreHarness
from tests.peers.mongo_servers import MongoServer, available

ServerOf = Callable[[str], MongoServer]


@pytest.fixture(scope="session")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerOf]:
    """Return the server of a kind, started when it is first asked for."""
    servers: dict[str, MongoServer] = {}

    def started(kind: str) -> MongoServer:
        if kind not in servers:
            servers[kind] = MongoServer(kind, tmp_path_factory.mktemp(kind))
            servers[kind].start()
        return servers[kind]

    yield started
    for server in servers.values():
        server.stop()


@pytest.fixture(params=[*sorted(EMBEDDED), *available()])
def harness(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server_of: ServerOf,
) -> Iterator[StoreHarness]:
    """A database of its own, of every kind there is here."""
    if request.param in EMBEDDED:
        yield EMBEDDED[request.param](tmp_path, monkeypatch)
        return
    made = MongoHarness(server_of(request.param))
    yield made
    made.close()


@pytest.fixture(params=["memory", *available()])
def collections(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server_of: ServerOf,
) -> Iterator[MemoryHarness | MongoHarness]:
    """A document database of its own, for tests that look at its documents or put some there."""
    if request.param == "memory":
        yield MemoryHarness(tmp_path, monkeypatch)
        return
    made = MongoHarness(server_of(request.param))
    yield made
    made.close()


@pytest.fixture
async def store(harness: StoreHarness) -> AsyncIterator[RecordStore]:
    """The database, opened."""
    opened = await harness.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(harness: StoreHarness, store: RecordStore) -> AsyncIterator[RecordStore]:
    """The same database, opened a second time as by another process."""
    opened = await harness.open()
    yield opened
    await opened.close()
