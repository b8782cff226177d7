"""The writer: jobs that gather are made durable together, and each is answered as it fared."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.store.committer import LARGEST_GROUP, Committer
from service.store.errors import SequenceTaken, StoreUnavailable


class Frames:
    """Counts the groups: what is marked before each, and what is taken back."""

    def __init__(self) -> None:
        self.marked = 0
        self.taken_back: list[int] = []
        self.in_transaction: list[bool] = []

    def before(self) -> int:
        self.marked += 1
        return self.marked

    def after(self, connection: sqlite3.Connection) -> None:
        self.in_transaction.append(connection.in_transaction)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with one table of numbers."""
    path = tmp_path / "jobs.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE jobs (number INTEGER)")
    connection.close()
    return path


@pytest.fixture
def frames() -> Frames:
    """Nothing marked yet."""
    return Frames()


@pytest.fixture
async def committer(path: Path, frames: Frames) -> AsyncIterator[Committer]:
    """A writer on the database."""
    made = Committer(
        lambda: sqlite3.connect(path, isolation_level=None, check_same_thread=False),
        before=frames.before,
        after=frames.after,
        rollback=frames.taken_back.append,
    )
    yield made
    await made.close()


def insert(number: int) -> Any:
    return lambda connection: connection.execute("INSERT INTO jobs VALUES (?)", (number,)).rowcount


def numbers(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    found = [row[0] for row in connection.execute("SELECT number FROM jobs ORDER BY rowid")]
    connection.close()
    return found


def raising(error: Exception) -> Any:
    def job(connection: sqlite3.Connection) -> None:
        raise error

    return job


class Held:
    """A job that keeps the writer busy until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.free = threading.Event()

    def __call__(self, connection: sqlite3.Connection) -> None:
        self.begun.set()
        assert self.free.wait(10)


async def test_a_result_comes_back_when_the_job_is_durable(committer: Committer, path: Path) -> None:
    assert await committer.submit(insert(1)) == 1
    assert numbers(path) == [1]


async def test_jobs_that_gather_behind_a_busy_writer_share_one_commit_in_order(
    committer: Committer, path: Path, frames: Frames
) -> None:
    held = Held()
    first = committer.submit(held)
    await asyncio.to_thread(held.begun.wait, 10)
    waiting = [committer.submit(insert(number)) for number in range(LARGEST_GROUP)]
    held.free.set()
    await asyncio.gather(first, *waiting)
    assert numbers(path) == list(range(LARGEST_GROUP))
    assert frames.marked == 2


async def test_a_group_does_not_grow_beyond_its_limit(committer: Committer, path: Path, frames: Frames) -> None:
    await asyncio.gather(*(committer.submit(insert(number)) for number in range(LARGEST_GROUP + 1)))
    assert numbers(path) == list(range(LARGEST_GROUP + 1))
    assert frames.marked == 2


async def test_a_job_that_is_refused_fails_alone(committer: Committer, path: Path, frames: Frames) -> None:
    results = await asyncio.gather(
        committer.submit(insert(1)),
        committer.submit(raising(SequenceTaken())),
        committer.submit(insert(2)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [int, SequenceTaken, int]
    assert numbers(path) == [1, 2]
    assert frames.taken_back == []


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), ZeroDivisionError()])
async def test_a_job_that_breaks_loses_its_group_and_no_other(
    committer: Committer, path: Path, frames: Frames, error: Exception
) -> None:
    await committer.submit(insert(0))
    jobs = (insert(1), raising(error), insert(2), raising(SequenceTaken()))
    results = await asyncio.gather(*(committer.submit(job) for job in jobs), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert numbers(path) == [0]
    assert frames.taken_back == [2]
    await committer.submit(insert(3))
    assert numbers(path) == [0, 3]


async def test_a_caller_who_leaves_does_not_take_the_others_along(committer: Committer, path: Path) -> None:
    held = Held()
    committer.submit(held)
    await asyncio.to_thread(held.begun.wait, 10)
    leaving, staying = committer.submit(insert(1)), committer.submit(insert(2))
    leaving.cancel()
    held.free.set()
    assert await staying == 1
    assert numbers(path) == [1, 2]


async def test_what_was_taken_before_closing_is_committed(committer: Committer, path: Path) -> None:
    held = Held()
    committer.submit(held)
    await asyncio.to_thread(held.begun.wait, 10)
    waiting = [committer.submit(insert(number)) for number in range(3)]
    held.free.set()
    await committer.close()
    assert [future.result() for future in waiting] == [1, 1, 1]
    assert numbers(path) == [0, 1, 2]


async def test_a_closed_writer_takes_nothing_and_closes_once(committer: Committer) -> None:
    await committer.close()
    with pytest.raises(StoreUnavailable):
        committer.submit(insert(1))
    await committer.close()


async def test_what_jobs_gathered_is_written_once_a_group_before_it_is_durable(
    committer: Committer, frames: Frames
) -> None:
    await asyncio.gather(*(committer.submit(insert(number)) for number in range(5)))
    assert frames.in_transaction == [True] * frames.marked
