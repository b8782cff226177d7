"""One press for all: it reads its fonts once."""

from __future__ import annotations

import pytest

from service.document.paper import Paper
from service.document.press import Press
from tests.service.record.conftest import keys_home

__all__ = ["keys_home"]


@pytest.fixture(scope="session")
def press() -> Press:
    return Press()


@pytest.fixture(scope="session")
def paper(press: Press) -> Paper:
    return Paper(press)
