"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.running import REPOSITORY, Running, running

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


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running program for all tests that bring their own people."""
    home: Path = tmp_path_factory.mktemp("home")
    with running(home, EPACCS_SUBSCRIPTION_HOSTS="127.0.0.1") as found:
        yield found
