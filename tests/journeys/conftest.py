"""Fixtures of the journeys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from security.clock import MovableClock
from tests.journeys.people import TimeMachine
from tests.journeys.sync_world import SyncWorld, world_of
from tests.running import running


@pytest.fixture(scope="package")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeMachine]:
    """A service whose time is moved forward, never back, by the tests that use it."""
    with running(tmp_path_factory.mktemp("later")) as service:
        yield TimeMachine(service, MovableClock(service.settings.home / "clock"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncWorld]:
    """One service with its partners."""
    with world_of(tmp_path_factory.mktemp("sync")) as found:
        yield found
