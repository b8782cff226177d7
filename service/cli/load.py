"""`epaccs load`: plans through the ordinary write, from a file or from the generator of synthetic people."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from fhir_profiles import json
from fhir_profiles.errors import InvalidJson
from security.demo_clients import DEMO_CLIENTS, STOCK_PEOPLE
from security.principal import Principal, Purpose, Role
from service.app import open_service, services_of
from service.cli.common import fail, plain_errors, read_settings, require_demo_doors
from service.people.plans import plans
from service.record import transaction
from service.record.access import Caller
from service.record.errors import InvalidContent, Problem
from service.record.write import WriteRecord
from service.settings import Settings

TOGETHER = 16
"""Plans written at the same time, so that their commits share the disk's syncs."""


@click.command()
@click.option("--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="NDJSON of Bundles.")
@click.option("--people", "count", type=click.IntRange(1, 1_000_000), help="How many synthetic people to make.")
@click.option("--seed", default=1, show_default=True, help="Seed of the synthetic people.")
@click.option("--first", default=0, show_default=True, help="Number of the first of them; it decides NHS numbers.")
@plain_errors
def load(file: Path | None, count: int | None, seed: int, first: int) -> None:
    """Load plans: a line of the file is one transaction Bundle, one person's whole plan (demo and sandbox)."""
    settings = read_settings()
    require_demo_doors(settings)
    if (file is None) == (count is None):
        raise click.UsageError("Give --file or --people.")
    lines = None if file is None else [line for line in file.read_bytes().splitlines() if line.strip()]
    refused = asyncio.run(_load(settings, lines, count or 0, seed, first))
    if refused:
        fail(*refused[:20], f"{len(refused)} plan(s) were refused; the others are loaded.")
    click.echo(f"Loaded {count if lines is None else len(lines)} plan(s).")


async def _load(settings: Settings, lines: list[bytes] | None, count: int, seed: int, first: int) -> list[str]:
    opened = await open_service(settings)
    try:
        write = services_of(opened).interactions.write_record
        length = count if lines is None else len(lines)
        bundles: Iterable[Any] = plans(count, seed, opened.clock(), first) if lines is None else lines
        refused: list[str] = []
        with click.progressbar(enumerate(bundles, 1), length=length, label="Loading") as progress:
            for batch in _batches(progress):
                outcomes = await asyncio.gather(*(_write(write, number, bundle) for number, bundle in batch))
                refused += [outcome for outcome in outcomes if outcome]
        return refused
    finally:
        await opened.store.close()


def _batches(numbered: Iterable[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    batch: list[tuple[int, Any]] = []
    for item in numbered:
        batch.append(item)
        if len(batch) == TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch


async def _write(write: WriteRecord, number: int, bundle: Any) -> str:
    """Write one plan; return why not, in a line that repeats nothing of it."""
    try:
        decoded = json.decode(bundle) if isinstance(bundle, bytes) else bundle
        await write(loading_caller(number), transaction.changes_of(decoded), "transaction")
    except InvalidJson as invalid:
        return f"line {number}: {invalid.issues[0].text}"
    except InvalidContent as invalid:
        return f"line {number}: {invalid.issues[0].expression} {invalid.issues[0].text}"
    except Problem as problem:
        return f"line {number}: {type(problem).__name__}"
    return ""


def loading_caller(number: int) -> Caller:
    """Return the demo practice's system, acting for its stock clinician."""
    demo = DEMO_CLIENTS["demo-gp"]
    principal = Principal(
        client_id=demo.name,
        organisation=demo.organisation,
        role=Role.GP,
        purpose=Purpose.TREAT,
        registered_roles=frozenset(demo.roles),
        scopes=frozenset(demo.scopes),
        token_id=f"load-{number}",
        issuer="epaccs load",
        user=STOCK_PEOPLE[Role.GP],
    )
    return Caller(principal, f"load-{number}")
