"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

from tests import running as services
from tests.journeys import people
from tests.running import REPOSITORY, Running, running
from tests.standins import processes

# Machines differ, so no example has a deadline. The ordinary run repeats itself; the nightly one searches.
settings.register_profile("ordinary", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
settings.load_profile("ordinary")


LONGEST = ("crash", "web", "journeys", "contracts", "service")
"""Folders in the order in which they begin; the others follow, none of whose files takes long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left alone with one at the end."""
    place = {folder: number for number, folder in enumerate(LONGEST)}
    folders = REPOSITORY / "tests"
    items.sort(key=lambda item: place.get(item.path.relative_to(folders).parts[0], len(place)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside what failed what the processes that it spoke to have to say."""
    report = yield
    if report.failed:
        for one in services.LIVE:
            lines, dull = one.log.read_text().splitlines(), ('"level":"DEBUG"', '"event":"request"', '"logger":"httpx"')
            said = [line for line in lines if not any(word in line for word in dull)]
            report.sections.append((f"log of {one.settings.base_url}", "\n".join(said[-40:])))
        for there in processes.LIVE:
            try:
                broken = httpx.get(f"{there.control}/violations", trust_env=False, timeout=5).text
            except httpx.HTTPError as error:
                broken = type(error).__name__
            report.sections.append((f"broken rules at {there.page}", broken))
    return report


@pytest.fixture(scope="module", autouse=True)
def people_of_its_own(request: pytest.FixtureRequest) -> None:
    """Give each file people that no other has: many share a service, and which ones a schedule decides."""
    people.people_of(str(request.path.relative_to(REPOSITORY)))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running program for all tests that bring their own people."""
    home: Path = tmp_path_factory.mktemp("home")
    with running(home, EPACCS_SUBSCRIPTION_HOSTS="127.0.0.1") as found:
        yield found
