"""The service is killed at a random moment and started again: what was acknowledged is there, whole and once.

Twenty-five rounds in the ordinary run, shared among the stores that can be had here, a thousand in the nightly one.
`python -m tests.crash STORE ROUNDS SEED` plays others.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.places import SQLITE, WORKERS
from tests.crash.rounds import play
from tests.peers.mongo_servers import available

ROUNDS = 25
NIGHTLY_ROUNDS = 1_000
ELSEWHERE = {WORKERS: 4, "mongod": 4, "mongo-java-server": 4, "ferretdb": 2}
"""Rounds of the ordinary run. FerretDB looks at every document for each question, so it gets few."""
SERVERS = available()
OTHERS = {store: rounds for store, rounds in ELSEWHERE.items() if store in (WORKERS, *SERVERS)}
SHARED = {SQLITE: ROUNDS - sum(OTHERS.values()), **OTHERS}
NIGHTS = [*[SQLITE] * 20, *[store for store in OTHERS if store != "ferretdb"] * 19][:39]
"""The stores of the nightly homes, 25 rounds each; the fortieth is on FerretDB, where it is there."""
SEED = 3


@pytest.mark.parametrize("store", SHARED)
def test_a_killed_service_keeps_what_it_acknowledged(store: str, tmp_path: Path) -> None:
    ledger = play(store, SHARED[store], SEED, tmp_path)
    assert ledger.answered
    assert ledger.notes
    assert ledger.deliveries > len(ledger.notes)


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(NIGHTLY_ROUNDS // ROUNDS))
def test_a_killed_service_keeps_what_it_acknowledged_all_night(number: int, tmp_path: Path) -> None:
    last = "ferretdb" if "ferretdb" in SERVERS else SQLITE
    assert play([*NIGHTS, last][number], ROUNDS, SEED + 1 + number, tmp_path).answered
