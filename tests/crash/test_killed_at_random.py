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
ELSEWHERE = {WORKERS: 4, "mongod": 4, "mongo-java-server": 4, "ferretdb": 1}
"""Rounds of the ordinary run. FerretDB looks at every document for each question, so it gets one."""
SERVERS = available()
OTHERS = {store: rounds for store, rounds in ELSEWHERE.items() if store in (WORKERS, *SERVERS)}
SHARED = {SQLITE: ROUNDS - sum(OTHERS.values()), **OTHERS}
SLOW_ROUNDS = 5
"""Nightly rounds on FerretDB. It looks through everything for each question, so a round takes longer than the one
before: 25 were not played in three quarters of an hour."""
SEED = 3


def nights() -> list[tuple[str, int]]:
    """Return store and rounds of each nightly home: a thousand rounds in homes of 25, half of them on SQLite."""
    quick = [store for store in OTHERS if store != "ferretdb"]
    homes = [(store, ROUNDS) for store in [*[SQLITE] * 20, *quick * 20][: NIGHTLY_ROUNDS // ROUNDS]]
    if "ferretdb" in SERVERS:
        homes[-1:] = [(SQLITE, ROUNDS - SLOW_ROUNDS), ("ferretdb", SLOW_ROUNDS)]
    assert sum(rounds for _, rounds in homes) == NIGHTLY_ROUNDS
    return homes


@pytest.mark.parametrize("store", SHARED)
def test_a_killed_service_keeps_what_it_acknowledged(store: str, tmp_path: Path) -> None:
    ledger = play(store, SHARED[store], SEED, tmp_path)
    assert ledger.answered
    assert ledger.notes or SHARED[store] == 1, "one round may end before anybody left a note"
    assert ledger.deliveries > len(ledger.notes)


@pytest.mark.nightly
@pytest.mark.parametrize(("number", "store", "rounds"), [(number, *home) for number, home in enumerate(nights())])
def test_a_killed_service_keeps_what_it_acknowledged_all_night(
    number: int, store: str, rounds: int, tmp_path: Path
) -> None:
    assert play(store, rounds, SEED + 1 + number, tmp_path).answered
