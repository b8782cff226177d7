"""All measurements in their order: what a busy service leaves in its home comes after what reads the whole of it."""

from __future__ import annotations

from bench import at_rest, commands, deciding, finding, mongo, printing, processes, sqlite
from bench.machine import Processors
from bench.people import Home, Say
from bench.runs import Measured, Plan


def measure(plan: Plan, home: Home, cpus: Processors, say: Say) -> Measured:
    """Measure every row that can be; `home` is the main one, on SQLite."""
    measured = Measured()
    with measured.part("Verifying", say, verifying := commands.verifying(plan)):
        measured.rows.append(verifying.measured(commands.verify(plan, home)))
    sqlite.measure(plan, home, cpus, measured, say)
    processes.measure(plan, cpus, measured, say)
    mongo.measure(plan, cpus, measured, say)
    at_rest.measure(measured, say)
    with measured.part("Deciding", say, *deciding.PROMISED):
        measured.rows += deciding.measure()
    with measured.part("Printing", say, *printing.PROMISED):
        measured.rows += printing.measure()
    with measured.part("Loading through the real use case", say, commands.LOADING):
        measured.rows.append(commands.LOADING.measured(commands.load(plan)))
    people = plan.more or plan.people
    with measured.part("Finding somebody among many", say, finding.found_in_time(people)):
        measured.rows += finding.measure(people, say)
    return measured
