"""Servers as parameters of tests; where there is none, one that says how to get them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.peers.mongo_servers import HOW_TO_GET


def servers(kinds: Sequence[Any]) -> list[Any]:
    """Return the kinds, or a parameter that skips with a reason."""
    return list(kinds) or [pytest.param("none", marks=pytest.mark.skip(reason=HOW_TO_GET))]
