"""The MongoDB store is tested against real servers, or the run says that it was not."""

from __future__ import annotations

import pytest

from tests.peers.mongo_servers import HOW_TO_GET, available, required


def test_there_is_a_server() -> None:
    if not available():
        if required():
            pytest.fail(HOW_TO_GET)
        pytest.skip(HOW_TO_GET)
