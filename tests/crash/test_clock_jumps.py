"""The clock jumps, forward and back: sequence orders commits, and time does not."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from security.clock import MovableClock
from tests.crash.faults import Trial
from tests.crash.places import SQLITE, Place
from tests.peers.mongo_servers import available

JUMPS = (
    timedelta(days=3),
    timedelta(days=-6),
    timedelta(days=400),
    timedelta(days=-400),
    timedelta(seconds=30),
    timedelta(seconds=-30),
)
ON_ONE_SERVER = [kind for kind in available() if kind != "ferretdb"][:1]


@pytest.mark.parametrize("store", [SQLITE, *ON_ONE_SERVER])
def test_versions_follow_commits_whatever_the_clock_says(store: str, tmp_path: Path) -> None:
    place = Place(store, tmp_path)
    try:
        with place.running() as service:
            trial = Trial(service)
            trial.begin()
            clock = MovableClock(service.settings.home / "clock")
            for jump in JUMPS:
                clock.advance(jump)
                assert trial.ready() == 200
                trial.carries_on(f"after {jump}")
            assert_newest_first_by_version(trial)
        with place.running() as again:
            trial.service = again
            trial.carries_on("after a restart")
    finally:
        place.close()


def assert_newest_first_by_version(trial: Trial) -> None:
    """Fail unless history goes by version while its times, as the jumps were, go both ways."""
    note = trial.ledger.notes[0]
    history = trial.service.call("GET", f"/{note.reference}/_history", trial.service.token("gp", "ZZGP01")).json()
    versions = [int(entry["resource"]["meta"]["versionId"]) for entry in history["entry"]]
    times = [entry["resource"]["meta"]["lastUpdated"] for entry in history["entry"]]
    assert versions == list(range(len(JUMPS) + 1, 0, -1))
    assert any(newer < older for newer, older in pairwise(times))
    assert any(newer > older for newer, older in pairwise(times))
