"""The journeys again, with records kept in MongoDB: the same tests, on a service that has another store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from security.clock import MovableClock
from tests.journeys.people import TimeMachine
from tests.journeys.test_crew_asks_at_the_door import *  # noqa: F403
from tests.journeys.test_gp_changes_a_decision import *  # noqa: F403
from tests.journeys.test_gp_writes_a_plan import *  # noqa: F403
from tests.journeys.test_incident_register import *  # noqa: F403
from tests.journeys.test_person_withdraws_consent import *  # noqa: F403
from tests.journeys.test_races import *  # noqa: F403
from tests.peers.mongo_servers import MongoServer, available
from tests.peers.params import servers
from tests.running import Running, running

KINDS = [kind for kind in available() if kind != "ferretdb"] or available()
"""FerretDB looks at every document for each question; the contract is enough for it."""


@pytest.fixture(scope="module", params=servers(KINDS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """One server of a kind."""
    with MongoServer(request.param, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def service(server: MongoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running program on it."""
    with running(tmp_path_factory.mktemp("mongodb"), EPACCS_STORE=server.url("records")) as found:
        yield found


@pytest.fixture(scope="module")
def later(server: MongoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeMachine]:
    """Another one on it, with records of its own, whose time is moved forward."""
    with running(tmp_path_factory.mktemp("later"), EPACCS_STORE=server.url("later")) as found:
        yield TimeMachine(found, MovableClock(found.settings.home / "clock"))
