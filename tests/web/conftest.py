"""Fixtures of the pages: a browser where there is one, and a service whose time moves."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from security.clock import MovableClock
from tests.journeys.people import TimeMachine
from tests.running import Running, running
from tests.web.browsing import CHROMIUM, chromium
from tests.web.cases import fill_directory


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Where there is none the tests are skipped and say so; where one is required they fail.

    One for each module and none beyond it: while Playwright runs, no other test of this process can have an event loop.
    """
    if not CHROMIUM:
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail("no chromium was found, and REQUIRE_CHROMIUM is set")
        pytest.skip("needs a chromium (Debian: apt-get install chromium)")
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def shaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of several processes, whose writer can be stopped and let go on."""
    with running(tmp_path_factory.mktemp("shaky"), "--workers", "2") as service:
        fill_directory(service)
        yield service


@pytest.fixture(scope="package")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeMachine]:
    """A service whose time is moved forward, never back, by the tests that use it."""
    with running(tmp_path_factory.mktemp("later")) as service:
        yield TimeMachine(service, MovableClock(service.settings.home / "clock"))
