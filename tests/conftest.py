"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running program for all tests that bring their own people."""
    home: Path = tmp_path_factory.mktemp("home")
    with running(home) as found:
        yield found
