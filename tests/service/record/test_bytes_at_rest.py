"""What a plan and its history take: no more than a third above the JSON of all its versions, on every store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.record.at_rest import STORES, at_rest


@pytest.mark.parametrize("store", STORES)
async def test_a_plan_with_history_takes_little_more_than_its_json(tmp_path: Path, store: str) -> None:
    found = await at_rest(tmp_path, store)
    assert found.counted <= 1.3 * found.json, f"{found.json} bytes of JSON, at rest {found.counted}: {found.tables}"
