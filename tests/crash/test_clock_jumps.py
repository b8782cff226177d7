"""The clock jumps, forward and back: sequence orders commits, and time does not."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.crash.faults import Trial
from tests.crash.places import SQLITE, Place
from tests.peers.mongo_servers import available
from tests.running import REPOSITORY, Running

JUMPS = ("3d", "-6d", "400d", "-400d", "30s", "-30s")
ON_ONE_SERVER = [kind for kind in available() if kind != "ferretdb"][:1]


def advance(service: Running, by: str) -> None:
    """Move the clock as an operator does."""
    subprocess.run(
        [sys.executable, "-m", "service.cli", "clock", "advance", "--", by],
        cwd=REPOSITORY,
        env={**os.environ, "EPACCS_ENV": "demo", "EPACCS_HOME": str(service.settings.home)},
        check=True,
        capture_output=True,
    )


@pytest.mark.parametrize("store", [SQLITE, *ON_ONE_SERVER])
def test_versions_follow_commits_whatever_the_clock_says(store: str, tmp_path: Path) -> None:
    place = Place(store, tmp_path)
    try:
        with place.running() as service:
            trial = Trial(service)
            trial.begin()
            for jump in JUMPS:
                advance(service, jump)
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
