"""A practice's system for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.standins.far_end import FarEnd, config, far_end


@pytest.fixture
async def practice() -> AsyncIterator[FarEnd]:
    """A FHIR stand-in that knows Ada; the client has signed in."""
    async with far_end(config()) as end:
        yield end
