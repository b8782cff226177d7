"""The same with two serving processes, of which one serves each partner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.sync_world import SyncWorld, world_of
from tests.journeys.test_sync_travels import *  # noqa: F403

# What two processes can do to each other is killed and counted in tests/crash/test_sync.py in every run.
pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncWorld]:
    """One service of two processes with its partners."""
    with world_of(tmp_path_factory.mktemp("sync"), "--workers", "2") as found:
        yield found
