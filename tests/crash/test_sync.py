"""The program killed at random with a partner on the far side: every effect once, in order, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.places import SQLITE, WORKERS
from tests.crash.sync_rounds import play

ROUNDS = {SQLITE: 4, WORKERS: 1}
NIGHTLY_HOMES, NIGHTLY_ROUNDS = 10, 20
SEED = 1


@pytest.mark.parametrize("store", ROUNDS)
def test_a_killed_service_tells_its_partner_everything_once(store: str, tmp_path: Path) -> None:
    player, has = play(store, ROUNDS[store], SEED, tmp_path)
    assert player.patients
    assert has.effects > player.writes


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(NIGHTLY_HOMES))
def test_a_killed_service_tells_its_partner_everything_once_all_night(number: int, tmp_path: Path) -> None:
    store = WORKERS if number % 4 == 3 else SQLITE
    player, has = play(store, NIGHTLY_ROUNDS, SEED + 1 + number, tmp_path)
    assert has.effects > player.writes
