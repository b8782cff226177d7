"""The disk under a running service fails, one way at a time: refusals that say so, nothing half written, recovery."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.crash.faults import FaultyDisk, SmallDisk, Trial, can_mount, no_larger_files, start
from tests.crash.places import serving
from tests.crash.traffic import change_request, emergency_request

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc, which builds the failing disk, is not here")
needs_mount = pytest.mark.skipif(not can_mount(), reason="a file system of a few megabytes cannot be mounted here")


def store_in(folder: Path) -> dict[str, str]:
    """Return the setting that puts the records into a folder of their own."""
    return {"EPACCS_STORE": f"sqlite://{folder}/records.sqlite"}


def fill_up(trial: Trial) -> None:
    """Write until the disk says no: what is free in the log itself can still be used."""
    note = trial.ledger.notes[0]
    for _ in range(2_000):
        if trial.service.emergency(trial.service.token("gp", "ZZGP01"), note.person.nhs_number).status_code == 503:
            return
    raise AssertionError("the disk was never full")


@needs_mount
def test_a_full_disk(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk") as disk, serving(tmp_path / "home", store_in(disk.folder)) as service:
        trial = Trial(service)
        trial.begin()
        with disk.full():
            fill_up(trial)
            trial.is_refused_while_it_lasts()
        trial.comes_back_by_itself()


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    with serving(tmp_path / "home", store_in(tmp_path / "disk")) as service:
        trial = Trial(service)
        trial.begin()
        with no_larger_files(service):
            fill_up(trial)
            trial.is_refused_while_it_lasts()
        trial.comes_back_by_itself()


@needs_gcc
@pytest.mark.parametrize("order", ["EROFS", "ENOSPC", "EIO"])
def test_a_disk_that_turns(order: str, tmp_path: Path) -> None:
    """Read-only, full, or gone with records and audit on it."""
    disk = FaultyDisk(tmp_path)
    with serving(tmp_path / "home", disk.settings) as service:
        trial = Trial(service)
        trial.begin()
        with disk.fails(order):
            trial.is_refused_while_it_lasts()
        trial.comes_back_by_itself()


@needs_gcc
def test_a_disk_that_takes_its_time_is_waited_for(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with serving(tmp_path / "home", disk.settings) as service:
        trial = Trial(service)
        trial.begin()
        with disk.fails("delay 400"):
            assert trial.ready() == 200
            assert trial.send(change_request(trial.ledger.notes[0], "during")).status_code == 200
            assert trial.send(emergency_request(trial.ledger.notes[0].person)).status_code == 200
        trial.comes_back_by_itself()


@needs_gcc
def test_a_disk_that_is_too_slow(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with serving(tmp_path / "home", disk.settings) as service:
        trial = Trial(service)
        trial.begin()
        with disk.fails("delay 8000"):
            trial.is_refused_while_it_lasts()
        trial.comes_back_by_itself()


@needs_mount
def test_a_read_only_disk_at_the_start_is_a_plain_sentence(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk") as disk:
        with serving(tmp_path / "home", store_in(disk.folder)) as service:
            Trial(service).begin()
        with disk.read_only():
            ended = start(tmp_path / "home", **store_in(disk.folder))
        assert ended.returncode != 0
        assert "Traceback" not in ended.stdout
        with serving(tmp_path / "home", store_in(disk.folder)) as again:
            assert again.client.get(f"{again.settings.base_url}/health/ready").status_code == 200
