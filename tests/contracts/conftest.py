"""The store of a contract test, once per kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.store.port import RecordStore
from tests.contracts.stores import HARNESSES, StoreHarness


@pytest.fixture(params=sorted(HARNESSES))
def harness(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreHarness:
    """A database of its own."""
    made: StoreHarness = HARNESSES[request.param](tmp_path, monkeypatch)
    return made


@pytest.fixture
async def store(harness: StoreHarness) -> AsyncIterator[RecordStore]:
    """The database, opened."""
    opened = await harness.open()
    yield opened
    await opened.close()


@pytest.fixture
async def other(harness: StoreHarness, store: RecordStore) -> AsyncIterator[RecordStore]:
    """The same database, opened a second time as by another process."""
    opened = await harness.open()
    yield opened
    await opened.close()
