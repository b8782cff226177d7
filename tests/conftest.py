"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.running import Running, running

# Machines differ, so no example has a deadline. The ordinary run repeats itself; the nightly one searches.
settings.register_profile("ordinary", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
settings.load_profile("ordinary")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running program for all tests that bring their own people."""
    home: Path = tmp_path_factory.mktemp("home")
    with running(home, EPACCS_SUBSCRIPTION_HOSTS="127.0.0.1") as found:
        yield found
