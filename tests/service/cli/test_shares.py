"""Work shared out to processes, and people loaded by several of them: real processes, a real database."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from service.cli.shares import AT_ONCE, Tell, WorkerFailed, in_processes, shares, together
from service.opening import open_service
from service.people.invented import nhs_number
from service.settings import Settings
from service.store.errors import StoreUnavailable
from tests.running import REPOSITORY

EPACCS = Path(sys.executable).with_name("epaccs")
PEOPLE = 12


def _load(home: Path, *words: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    return subprocess.run(
        [EPACCS, "load", *words],
        cwd=REPOSITORY,
        env={**inherited, "EPACCS_ENV": "sandbox", "EPACCS_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=before,
    )


def _people(home: Path, count: int) -> list[tuple[object, list[str]] | None]:
    """Return who is there under the first NHS numbers, and the types of what is kept of them, in order."""

    async def found() -> list[tuple[object, list[str]] | None]:
        opened = await open_service(Settings.from_environ({"EPACCS_ENV": "sandbox", "EPACCS_HOME": str(home)}))
        try:
            records = [await opened.records.by_nhs_number(nhs_number(index)) for index in range(count)]
            return [
                None if record is None else (record.manifest.identity, [one.type for one in record.entries.values()])
                for record in records
            ]
        finally:
            await opened.store.close()

    return asyncio.run(found())


def _pid(number: int, tell: Tell) -> tuple[int, int]:
    for _ in range(number):
        tell()
    return number, os.getpid()


def _never_ends(tell: Tell) -> None:
    while True:
        tell()


def _is_killed(tell: Tell) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _cannot_store(tell: Tell) -> None:
    raise StoreUnavailable("the disk is full")


def _has_a_fault(tell: Tell) -> None:
    raise KeyError("canary-27182")


@pytest.mark.parametrize(("count", "workers"), [(10, 1), (10, 3), (2, 4), (100_000, 7)])
def test_shares_are_everything_once_and_none_is_empty(count: int, workers: int) -> None:
    shared = [number for first, size in shares(count, workers) for number in range(first, first + size)]
    assert shared == list(range(count))
    sizes = [size for _, size in shares(count, workers)]
    assert min(sizes) > 0
    assert max(sizes) - min(sizes) <= 1


def test_each_job_runs_in_a_process_of_its_own_and_every_piece_is_told_of() -> None:
    told: list[int] = []
    results = in_processes([partial(_pid, 5), partial(_pid, 7)], told.append)
    assert [number for number, _ in results] == [5, 7]
    assert len({os.getpid(), *(pid for _, pid in results)}) == 3
    assert sum(told) == 12


@pytest.mark.parametrize(
    ("fails", "sentence"),
    [
        (_is_killed, "A worker ended before its work was done: it was stopped from outside."),
        (_cannot_store, "the disk is full"),
        (_has_a_fault, "A worker failed (KeyError)."),
    ],
)
def test_the_first_failure_stops_every_worker_and_is_told_in_a_sentence(
    fails: Callable[[Tell], None], sentence: str
) -> None:
    with pytest.raises(WorkerFailed) as failed:
        in_processes([_never_ends, fails], lambda done: None)
    assert str(failed.value) == sentence
    assert multiprocessing.active_children() == []


async def test_items_are_written_together_and_made_only_when_a_hand_is_free() -> None:
    made, writing, most = 0, 0, 0

    def items() -> Iterator[int]:
        nonlocal made
        while made < 3 * AT_ONCE:
            made += 1
            yield made

    async def write(item: int) -> None:
        nonlocal writing, most
        writing += 1
        most = max(most, writing)
        assert made <= item + AT_ONCE
        await asyncio.sleep(0)
        writing -= 1

    await together(write, items())
    assert (made, most) == (3 * AT_ONCE, AT_ONCE)


async def test_what_fails_among_items_written_together_is_raised_as_it_is() -> None:
    async def write(item: int) -> None:
        if item == 20:
            raise StoreUnavailable("the disk is full")

    with pytest.raises(StoreUnavailable):
        await together(write, range(100))


def test_people_loaded_by_two_workers_are_those_that_one_loads(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for home, workers in ((one, "1"), (two, "2")):
        ended = _load(home, "--people", str(PEOPLE), "--workers", workers)
        assert ended.returncode == 0, ended.stderr
        assert f"Loaded {PEOPLE} plan(s)." in ended.stdout
        assert re.search(r": \d+ plans a second\.$", ended.stdout, re.MULTILINE)
    people = _people(two, PEOPLE + 1)
    assert people == _people(one, PEOPLE + 1)
    assert all(people[:PEOPLE])
    assert people[PEOPLE] is None


def test_refusals_of_all_workers_are_told_with_their_numbers_in_the_whole_load(tmp_path: Path) -> None:
    assert _load(tmp_path, "--people", "2", "--first", "1").returncode == 0
    ended = _load(tmp_path, "--people", "4", "--seed", "2", "--workers", "2")
    assert ended.returncode == 1
    refused = re.findall(r"^line (\d+): ", ended.stderr, re.MULTILINE)
    assert refused == ["2", "3"]
    assert "2 plan(s) were refused; the others are loaded." in ended.stderr
    assert all(_people(tmp_path, 4))


def test_a_disk_that_fills_up_stops_all_workers_with_a_sentence(tmp_path: Path) -> None:
    def no_file_above_a_megabyte() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    ended = _load(tmp_path, "--people", "5000", "--workers", "2", before=no_file_above_a_megabyte)
    assert ended.returncode == 1
    assert "The load stopped there" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Loaded" not in ended.stdout


def test_the_lines_of_a_file_are_not_shared_out(tmp_path: Path) -> None:
    file = tmp_path / "plans.ndjson"
    file.write_text("{}\n")
    ended = _load(tmp_path / "home", "--file", str(file), "--workers", "2")
    assert ended.returncode == 2
    assert "--workers goes with --people" in ended.stderr
