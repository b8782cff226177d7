"""The same with records, deliveries and the boards of partners kept in MongoDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.sync_world import SyncWorld, world_of
from tests.journeys.test_on_mongodb import KINDS
from tests.journeys.test_sync_travels import *  # noqa: F403
from tests.peers.mongo_servers import MongoServer
from tests.peers.params import servers


@pytest.fixture(scope="module", params=servers(KINDS))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncWorld]:
    """One service with its partners, on one server of a kind."""
    with (
        MongoServer(request.param, tmp_path_factory.mktemp("server")) as server,
        world_of(tmp_path_factory.mktemp("sync"), store=server.url("records")) as found,
    ):
        yield found
