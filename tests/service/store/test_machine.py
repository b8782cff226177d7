"""A SQLite file belongs to one machine at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from service.store.errors import StoreUnavailable
from service.store.machine import WATCHED_SECONDS, MachineMark


class Pauses:
    """Takes the place of waiting: notes how long, and lets something happen meanwhile."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.seconds: list[float] = []
        self._meanwhile = meanwhile

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._meanwhile()


def of_another_machine(database: Path) -> MachineMark:
    """Return the mark as another machine writes it."""
    mark = MachineMark(database)
    mark._machine = "another machine"
    return mark


def test_a_file_that_nobody_had_is_claimed_at_once(tmp_path: Path) -> None:
    pauses = Pauses()
    MachineMark(tmp_path / "records.sqlite", pauses).claim()
    assert pauses.seconds == []
    assert (tmp_path / "records.sqlite-machine").stat().st_mode & 0o777 == 0o600


def test_processes_of_one_machine_share_it(tmp_path: Path) -> None:
    MachineMark(tmp_path / "records.sqlite").claim()
    pauses = Pauses()
    MachineMark(tmp_path / "records.sqlite", pauses).claim()
    assert pauses.seconds == []


def test_a_machine_that_is_there_keeps_the_file(tmp_path: Path) -> None:
    elsewhere = of_another_machine(tmp_path / "records.sqlite")
    elsewhere.beat()
    pauses = Pauses(elsewhere.beat)
    with pytest.raises(StoreUnavailable, match="another machine"):
        MachineMark(tmp_path / "records.sqlite", pauses).claim()
    assert pauses.seconds == [WATCHED_SECONDS]


def test_the_file_of_a_machine_that_is_gone_is_taken_over_after_a_look(tmp_path: Path) -> None:
    elsewhere = of_another_machine(tmp_path / "records.sqlite")
    elsewhere.beat()
    pauses = Pauses()
    MachineMark(tmp_path / "records.sqlite", pauses).claim()
    assert pauses.seconds == [WATCHED_SECONDS]
    elsewhere._pause = lambda _: MachineMark(tmp_path / "records.sqlite").beat()
    with pytest.raises(StoreUnavailable):
        elsewhere.claim()


def test_a_mark_that_cannot_be_read_is_nobody_s(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite-machine").write_bytes(b"\x00 not a mark")
    pauses = Pauses()
    MachineMark(tmp_path / "records.sqlite", pauses).claim()
    assert pauses.seconds == []
