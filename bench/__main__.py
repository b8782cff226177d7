"""`python -m bench`: measure, print the table, write `docs/benchmarks.md`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

import click

from bench.errors import BenchFailed
from bench.machine import description, processors
from bench.measure import measure
from bench.people import REPOSITORY, forget_runs, home_of
from bench.profile import Stage, profile
from bench.report import document, facts, table
from bench.runs import Plan
from bench.wrk import require_tools

DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"


@click.command()
@click.option("--full", is_flag=True, help="Measure with 100,000 people too.")
@click.option("--quick", is_flag=True, help="Try the harness with few people and short runs; write nothing.")
def main(full: bool, quick: bool) -> None:
    """Measure the service against its targets.

    Ends with 0 also when one is missed: the table says so. Ends with 1 when something could not be measured to the end.
    """
    if full and quick:
        raise click.UsageError("Give --full or --quick, not both.")
    started = time.perf_counter()
    plan = Plan.quick() if quick else Plan.usual(full=full)
    try:
        require_tools()
        machine = list(description())
        for name, value in machine:
            click.echo(f"{name}: {value}")
        home = home_of(plan.people, "main", click.echo)
        measured = measure(plan, home, processors(), click.echo)
        stages: list[Stage] = []
        with measured.part("Stage by stage", click.echo):
            stages = profile(home)
    except BenchFailed as failed:
        click.echo(f"The benchmark ended without a result: {failed}", err=True)
        sys.exit(1)
    finally:
        forget_runs()
    where = "\n".join(map(str, [*stages, *measured.mongo_stages]))
    click.echo("\n\n".join(["", table(measured.rows), facts(measured), where, ""]))
    if not quick:
        DOCUMENT.write_text(document(plan, machine, measured, stages, datetime.now(UTC).date()))
    click.echo(f"Took {time.perf_counter() - started:.0f} s.")
    if measured.failed:
        click.echo("\n".join(measured.failed), err=True)
        sys.exit(1)


main()
