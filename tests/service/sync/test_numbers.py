"""Sync keeps its numbers: measured against a receiver in another process, in a night in which little else runs."""

from __future__ import annotations

import pytest

from bench.sync import AWAY, PEOPLE, main
from bench.targets import Verdict


@pytest.mark.nightly
async def test_every_limit_is_kept() -> None:
    found = await main(PEOPLE, AWAY)
    assert found.problems == []
    assert [row.cells() for row in found.rows if row.verdict in (Verdict.MISSED, Verdict.INSIDE_SPREAD)] == []
