"""`epaccs load`: plans through the ordinary write, from a file or from the generator of synthetic people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from fhir_profiles import json
from fhir_profiles.errors import InvalidJson
from security.demo_clients import DEMO_CLIENTS, STOCK_PEOPLE
from security.principal import Principal, Purpose, Role
from service.app import services_of
from service.cli.common import fail, plain_errors, read_settings, require_demo_doors
from service.cli.server import settle_memory
from service.cli.shares import Tell, WorkerFailed, in_processes, shares, together
from service.opening import open_service
from service.people.plans import plans, practice_of
from service.record import transaction
from service.record.access import Caller
from service.record.errors import InvalidContent, Problem
from service.record.write import WriteRecord
from service.settings import Settings
from service.syncing import partners_told
from service.wiring import clock_of

_COLLECTED_AFTER = 200_000
"""New objects between two collections: a plan being written is many, and none of them is garbage that only it finds."""


@click.command()
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="NDJSON of Bundles.")
@click.option("--people", "count", type=click.IntRange(1, 1_000_000), help="How many synthetic people to make.")
@click.option("--seed", default=1, show_default=True, help="Seed of the synthetic people.")
@click.option("--first", default=0, show_default=True, help="Number of the first of them; it decides NHS numbers.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that write them.")
@plain_errors
def load(file: Path | None, count: int | None, seed: int, first: int, workers: int) -> None:
    """Load plans: a line of the file is one transaction Bundle, one person's whole plan (demo and sandbox).

    People are the same however many processes write them. One process for each core loads fastest.
    """
    settings = read_settings()
    require_demo_doors(settings)
    if (file is None) == (count is None):
        raise click.UsageError("Give --file or --people.")
    if file is not None and workers > 1:
        raise click.UsageError("--workers goes with --people: the lines of a file are written in their order.")
    started = time.perf_counter()
    if file is not None:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
        loaded = len(lines)
        with _progress(loaded) as progress:
            refused = asyncio.run(_load(settings, enumerate(lines, 1), lambda: progress.update(1)))
    else:
        loaded = count or 0
        people = People(loaded, seed, clock_of(settings)(), first)
        with _progress(loaded) as progress:
            refused = _load_people(settings, people, workers, progress.update)
    taken = time.perf_counter() - started
    if refused:
        fail(*refused[:20], f"{len(refused)} plan(s) were refused; the others are loaded.")
    click.echo(f"Loaded {loaded} plan(s). It took {taken:.1f} s: {loaded / taken:.0f} plans a second.")


@dataclass(frozen=True, slots=True)
class People:
    """Synthetic people to load. `skipped` is how many of the same load other workers write before them."""

    count: int
    seed: int
    now: datetime
    first: int
    skipped: int = 0

    def numbered(self) -> Iterator[tuple[int, Any]]:
        """Yield each plan with its number in the whole load, from 1."""
        return enumerate(plans(self.count, self.seed, self.now, self.first), self.skipped + 1)

    def part(self, skipped: int, count: int) -> People:
        """Return some of them: the very people that they would be in the whole."""
        return replace(self, count=count, first=self.first + skipped, skipped=skipped)


def _load_people(settings: Settings, people: People, workers: int, told: Callable[[int], None]) -> list[str]:
    if workers == 1:
        return _load_part(settings, people, lambda: told(1))
    asyncio.run(_make_store(settings))
    jobs = [partial(_load_part, settings, people.part(*share)) for share in shares(people.count, workers)]
    try:
        return [line for refused in in_processes(jobs, told) for line in refused]
    except WorkerFailed as failed:
        fail(str(failed), "The load stopped there; what was written until then is in the store.")


def _load_part(settings: Settings, people: People, tell: Tell) -> list[str]:
    return asyncio.run(_load(settings, people.numbered(), tell))


async def _make_store(settings: Settings) -> None:
    """Make an empty store once, before workers open it together."""
    await (await open_service(settings)).store.close()


async def _load(settings: Settings, numbered: Iterable[tuple[int, Any]], tell: Tell) -> list[str]:
    """Write plans through a service of this process; return why some were refused, in order."""
    opened = await open_service(settings)
    settle_memory(_COLLECTED_AFTER)
    try:
        write = services_of(opened, partners_told(opened)).interactions.write_record
        refused: dict[int, str] = {}
        await opened.subscriptions.look()

        async def one(item: tuple[int, Any]) -> None:
            number, bundle = item
            await opened.subscriptions.look()  # only every few seconds; a process that does not look tells everybody
            if outcome := await _write(write, number, bundle):
                refused[number] = outcome
            tell()

        await together(one, numbered)
        return [refused[number] for number in sorted(refused)]
    finally:
        await opened.store.close()


def _progress(length: int) -> Any:
    return click.progressbar(length=length, label="Loading")


async def _write(write: WriteRecord, number: int, bundle: Any) -> str:
    """Write one plan; return why not, in a line that repeats nothing of it."""
    try:
        decoded = json.decode(bundle) if isinstance(bundle, bytes) else bundle
        await write(loading_caller(number, practice_of(decoded)), transaction.changes_of(decoded), "transaction")
    except InvalidJson as invalid:
        return f"line {number}: {invalid.issues[0].text}"
    except InvalidContent as invalid:
        return f"line {number}: {invalid.issues[0].expression} {invalid.issues[0].text}"
    except Problem as problem:
        return f"line {number}: {type(problem).__name__}"
    return ""


def loading_caller(number: int, practice: str | None = None) -> Caller:
    """Return the system of a practice (that of the demo, unless told another), acting for its stock clinician."""
    demo = DEMO_CLIENTS["demo-gp"]
    principal = Principal(
        client_id=demo.name,
        organisation=practice or demo.organisation,
        role=Role.GP,
        purpose=Purpose.TREAT,
        registered_roles=frozenset(demo.roles),
        scopes=frozenset(demo.scopes),
        token_id=f"load-{number}",
        issuer="epaccs load",
        user=STOCK_PEOPLE[Role.GP],
    )
    return Caller(principal, f"load-{number}")
