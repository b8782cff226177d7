"""Work done by several processes at once, each with a share of it; the first that fails stops them all.

To write a plan is to compute, and a Python process computes on one core: two processes on two cores write nearly twice
as many. They share nothing but the store. A worker tells how far it is through a pipe, and ends at the next time that
it tells and nobody listens any more: so none goes on when another has failed, or when who started them is gone.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from service.cli.common import plain_lines

AT_ONCE = 256
"""Plans that one process writes at the same time. Half of them are on their way to the disk, together, while the other
half is being made: the more of them, the fewer times the same pages of the store are written, and the more memory."""

TOLD_EVERY = 0.1
"""Seconds between two messages of one worker."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Tell = Callable[[], None]
Job = Callable[[Tell], Result]
"""One worker's share of the work; it calls `tell` after each piece and returns what came of it. Pickled."""


class WorkerFailed(Exception):
    """A worker did not finish its share; says why in plain sentences. What it had written until then is written."""


def shares(count: int, workers: int) -> list[tuple[int, int]]:
    """Return (first, how many) of each worker's share of `count` things, without empty ones."""
    ends = [count * number // workers for number in range(workers + 1)]
    return [(first, end - first) for first, end in pairwise(ends) if end > first]


async def together(write: Callable[[Item], Awaitable[None]], items: Iterable[Item]) -> None:
    """Write items, `AT_ONCE` at the same time. Each is made just before it is written, never ahead."""
    waiting = iter(items)

    async def hand() -> None:
        for item in waiting:
            await write(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                for _ in range(AT_ONCE // 2):
                    group.create_task(hand())
                await asyncio.sleep(0)  # what the first half wrote is handed over before the second half begins
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


def in_processes(jobs: Sequence[Job[Result]], told: Callable[[int], None]) -> list[Result]:
    """Run each job in a process of its own and return their results in order; raise WorkerFailed for the first failure.

    `told` is called here with the number of pieces done since it was called last.
    """
    context = get_context("spawn")
    results: dict[int, Result] = {}
    listening: dict[Connection, int] = {}
    processes = []
    try:
        for number, job in enumerate(jobs):
            ours, theirs = context.Pipe(duplex=False)
            listening[ours] = number
            process = context.Process(target=_work, args=(job, theirs), daemon=True)
            process.start()
            processes.append(process)
            theirs.close()
        while listening:
            for pipe in wait(list(listening)):
                assert isinstance(pipe, Connection)
                done, finished = _heard(pipe)
                told(done)
                if finished:
                    (results[listening.pop(pipe)],) = finished
                    pipe.close()
    finally:
        for pipe in listening:
            pipe.close()
        for process in processes:
            process.join(10)
            process.terminate()
    return [results[number] for number in range(len(jobs))]


def _heard(pipe: Connection) -> tuple[int, tuple[Any, ...]]:
    """Return how many pieces a worker tells of, and its result once it has one."""
    try:
        done, finished, failure = pipe.recv()
    except EOFError:
        raise WorkerFailed("A worker ended before its work was done: it was stopped from outside.") from None
    if failure:
        raise WorkerFailed(failure)
    return done, finished


def _work(job: Job[Any], pipe: Connection) -> None:
    """Do one share in this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; who started this one ends it
    done, next_time = 0, time.monotonic() + TOLD_EVERY

    def tell() -> None:
        nonlocal done, next_time
        done += 1
        if time.monotonic() >= next_time:
            pipe.send((done, (), ""))
            done, next_time = 0, time.monotonic() + TOLD_EVERY

    try:
        result = job(tell)
        pipe.send((done, (result,), ""))
    except BrokenPipeError:
        return
    except Exception as error:
        lines = plain_lines(error)
        with suppress(BrokenPipeError):  # another failed first, and nobody listens any more
            pipe.send((done, (), "\n".join(lines or (f"A worker failed ({type(error).__name__}).",))))
        if not lines:
            raise  # nobody foresaw it: its traceback is printed by this process
