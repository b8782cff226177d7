"""What it costs that several processes serve: processor time of `epaccs serve --workers 2` against one process.

Both have the CPU of the service alone, so their rates say little: two readers are for a machine with more of them.
Processor time is counted instead: of every process of the service, read from the kernel before and after a run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench import runs, serving, wrk
from bench.machine import Processors
from bench.people import Say, home_of
from bench.runs import Measured, Plan
from bench.serving import PRODUCT, TWO_READERS, WRITER, Service
from bench.targets import Limit, Row

PROMISED = Row("CPU time per read, two readers + writer / one process", (), "x", Limit(1.3, 1.2, at_most=True))
_WARM_UPS = 2
"""Each reader keeps what it met, and a connection stays with one of them: so everyone is asked for more than once."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One run: answers a second, and microseconds of processor time for each answer."""

    rate: float
    microseconds: float
    writing: float
    """Of these, what the writer takes; 0 in one process, where it is a thread."""


def measure(plan: Plan, cpus: Processors, measured: Measured, say: Say) -> None:
    """Measure two readers and their writer against one process, on homes with the same people."""
    with measured.part("Several processes against one", say, PROMISED):
        _measure(plan, cpus, measured, say)


def _measure(plan: Plan, cpus: Processors, measured: Measured, say: Say) -> None:
    one_home, several_home = home_of(plan.people, "one", say), home_of(plan.people, "several", say)
    with (
        serving.serving(one_home, cpus.service, PRODUCT) as one,
        serving.serving(several_home, cpus.service, TWO_READERS) as several,
    ):
        runs.warm(plan, cpus, one)
        for _ in range(_WARM_UPS):
            runs.warm(plan, cpus, several)
        ours, single = runs.in_turns(plan.runs, [_spending(plan, cpus, service) for service in (several, one)])
    dearer = [two.microseconds / one.microseconds for two, one in zip(ours, single, strict=True)]
    measured.rows += [
        PROMISED.measured(dearer),
        Row("CPU time per read, two readers + writer", [run.microseconds for run in ours], "us", digits=0),
        Row("of these, the writer", [run.writing for run in ours], "us", digits=0),
        Row("CPU time per read, one process", [run.microseconds for run in single], "us", digits=0),
        Row("emergency answers, two readers + writer, all on one CPU", [run.rate for run in ours], "/s", digits=0),
        Row("emergency answers, one process, beside these", [run.rate for run in single], "/s", digits=0),
    ]


def _spending(plan: Plan, cpus: Processors, service: Service) -> Callable[[int], Spent]:
    def spent(turn: int) -> Spent:
        before, of_writer = service.processor_seconds(), service.processor_seconds(WRITER)
        load = wrk.run(service.target(), plan.seconds, cpus.load, seed=turn)
        spent, writing = service.processor_seconds() - before, service.processor_seconds(WRITER) - of_writer
        return Spent(load.rate, spent / load.requests * 1e6, writing / load.requests * 1e6)

    return spent
