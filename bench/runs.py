"""What every measurement is made of: how much to run, sides that run in turns, and where rows gather."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from bench import wrk
from bench.machine import Processors, Sync
from bench.people import Say
from bench.profile import Stage
from bench.serving import Service
from bench.targets import Row
from bench.wrk import Load, Target

_SAMPLE = 200
_PEOPLE_A_SECOND = 1000
"""Slower than any machine this is for: a warm-up that counts on it meets everyone once."""

Side = Callable[[], Target]
"""What one side of a comparison asks for, with a fresh token each time."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure: people of the main home and of the one it is compared with, runs, and seconds of each.

    `loaded` is how many plans one run of `epaccs load` writes.
    """

    people: int
    fewer: int
    more: int | None
    runs: int
    seconds: int
    cold_seconds: int
    warm_up_seconds: int
    loaded: int

    @classmethod
    def usual(cls, *, full: bool) -> Plan:
        """Return the plan behind the promised numbers."""
        more = 100_000 if full else None
        return cls(10_000, 1_000, more, runs=5, seconds=5, cold_seconds=2, warm_up_seconds=10, loaded=10_000)

    @classmethod
    def quick(cls) -> Plan:
        """Return a plan that tries the harness; its numbers mean little."""
        return cls(200, 50, None, runs=2, seconds=2, cold_seconds=1, warm_up_seconds=1, loaded=200)


@dataclass(slots=True)
class Measured:
    """Everything that was found: rows in order, and facts beside them."""

    rows: list[Row] = field(default_factory=list)
    sync: Sync | None = None
    answer_bytes: int = 0
    line_bytes: int = 0
    mongo_stages: list[Stage] = field(default_factory=list)
    """Where the time of an answer on MongoDB goes."""
    left_out: list[str] = field(default_factory=list)
    """What could not be measured here, and why, each in a sentence."""
    failed: list[str] = field(default_factory=list)
    """What went wrong while something was measured, each in a line."""

    @contextmanager
    def part(self, name: str, say: Say, *promised: Row) -> Iterator[None]:
        """Measure one part. When it fails, whatever fails: write down why and which rows it owes, and let others go on.

        Twenty minutes of measuring are not thrown away for one stall, and a promise is never left out unseen.
        """
        say(f"{name} ...")
        try:
            yield
        except Exception as failure:
            there = {row.name for row in self.rows}
            self.rows += [row for row in promised if row.name not in there]
            say(f"{name}: FAILED, the other parts go on. {type(failure).__name__}: {failure}")
            first = str(failure).partition("\n")[0][:300]
            self.failed.append(f"{name}: not measured to the end ({type(failure).__name__}: {first}).")


def in_turns(runs: int, sides: Sequence[Callable[[int], Found]]) -> list[list[Found]]:
    """Call all sides in turn with the number of the turn, from 1; every other time in the opposite order."""
    found: list[list[Found]] = [[] for _ in sides]
    for turn in range(runs):
        order = range(len(sides)) if turn % 2 == 0 else reversed(range(len(sides)))
        for number in order:
            found[number].append(sides[number](turn + 1))
    return found


def alternate(plan: Plan, cpus: Processors, sides: Sequence[Side]) -> list[list[Load]]:
    """Load all sides in turn, `plan.runs` times. One list per side."""

    def loaded(side: Side) -> Callable[[int], Load]:
        return lambda turn: wrk.run(side(), plan.seconds, cpus.load, seed=turn)

    return in_turns(plan.runs, [loaded(side) for side in sides])


def warm(plan: Plan, cpus: Processors, service: Service, *, a_second: int = _PEOPLE_A_SECOND) -> None:
    """Ask for everyone once, at a rate of at least `a_second`."""
    seconds = max(plan.warm_up_seconds, len(service.home.prepared.numbers) // a_second)
    wrk.run(service.target(), seconds, cpus.load, walk=True)


def median_answer(service: Service) -> bytes:
    """Return the emergency answer of median size, of a sample of people."""
    everyone = service.home.prepared.numbers
    numbers = random.Random(1).sample(everyone, min(_SAMPLE, len(everyone)))
    return sorted(service.answer(numbers), key=len)[len(numbers) // 2]


def side(service: Service, path: str) -> Side:
    """Return the side that asks one path of a service."""
    return lambda: service.target(path)


def ratios(ours: list[Load], theirs: list[Load]) -> list[float]:
    """Return our rates divided by theirs, run by run."""
    return [one.rate / other.rate for one, other in zip(ours, theirs, strict=True)]


def medians(ours: list[Load], theirs: list[Load]) -> list[float]:
    """Return our median latencies divided by theirs, run by run."""
    return [one.p50 / other.p50 for one, other in zip(ours, theirs, strict=True)]


def added(ours: list[Load], theirs: list[Load]) -> list[float]:
    """Return the microseconds that a request of ours takes more than one of theirs, run by run."""
    return [1e6 / one.rate - 1e6 / other.rate for one, other in zip(ours, theirs, strict=True)]


def milliseconds(microseconds: list[float]) -> list[float]:
    """Return microseconds as milliseconds."""
    return [value / 1000 for value in microseconds]
