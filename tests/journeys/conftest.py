"""Fixtures of the journeys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from security.clock import MovableClock
from tests.journeys.people import TimeMachine
from tests.running import running


@pytest.fixture(scope="package")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeMachine]:
    """A service whose time is moved forward, never back, by the tests that use it."""
    with running(tmp_path_factory.mktemp("later")) as service:
        yield TimeMachine(service, MovableClock(service.settings.home / "clock"))
