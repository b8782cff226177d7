"""All measurements in their order: what a busy service leaves in its home comes after what reads the whole of it."""

from __future__ import annotations

from bench import at_rest, commands, deciding, finding, mongo, processes, sqlite
from bench.machine import Processors
from bench.people import Home, Say
from bench.runs import Measured, Plan


def measure(plan: Plan, home: Home, cpus: Processors, say: Say) -> Measured:
    """Measure every row; `home` is the main one, on SQLite."""
    measured = Measured()
    verified = commands.verify(plan, home, say)
    sqlite.measure(plan, home, cpus, measured, say)
    processes.measure(plan, cpus, measured, say)
    mongo.measure(plan, cpus, measured, say)
    at_rest.measure(measured, say)
    say("Deciding ...")
    measured.rows += deciding.measure()
    say("Finding somebody among many ...")
    measured.rows += [commands.load(plan, say), verified, *finding.measure(plan.more or plan.people, say)]
    return measured
