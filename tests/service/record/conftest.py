"""Fixtures of the tests of records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.running import demo_settings
from tests.service.record.house import House, house


@pytest.fixture(scope="session")
def keys_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with keys and clients; every test brings a database of its own."""
    home = tmp_path_factory.mktemp("keys")
    demo_settings(home, 8000)
    return home


@pytest.fixture
async def service_house(keys_home: Path, tmp_path: Path) -> AsyncIterator[House]:
    """The use cases on an empty database."""
    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        yield opened
