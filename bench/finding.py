"""Finding somebody by name and birth date among many: the use case in this process, on SQLite, people in turn.

The people are Patients alone, as uneven as in life (`service.people.who`), written by the ordinary use case: what a
search opens is who somebody is, so plans behind them would make the load longer and the answer no slower.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from bench.errors import BenchFailed
from bench.people import BUILD, SEED, Say, caller, settings_of
from bench.targets import Limit, Row
from security.demo_clients import make_demo_clients
from security.keys import FileKeyRing, key_path
from security.principal import Role
from service.app import services_of
from service.cli.shares import together
from service.opening import open_service
from service.people.who.identity import Identity, identity
from service.people.who.patient import patient
from service.plan.particulars import Particulars, of_patient
from service.record.changes import Change, Method
from service.record.find import FindPeople

ASKED = 2_000
_SAID_EVERY = 20_000


def found_in_time(people: int) -> Row:
    """Return what is promised among so many people."""
    return Row(f"{_name(people)}, p50", (), "ms", Limit(20, 10, at_most=True))


def measure(people: int, say: Say) -> list[Row]:
    """Write so many people and ask for some of them; return p50 (judged) and p99 in milliseconds."""
    folder = BUILD / "run" / "finding"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        times = sorted(asyncio.run(_measure(folder, people, say)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    p50, p99 = (times[len(times) * part // 100] * 1000 for part in (50, 99))
    return [found_in_time(people).measured([p50]), Row(f"{_name(people)}, p99", [p99], "ms")]


def _name(people: int) -> str:
    return f"found by name and birth date among {people:,} people"


async def _measure(folder: Path, people: int, say: Say) -> list[float]:
    settings = settings_of(folder)
    FileKeyRing.create(key_path(settings.keys))
    make_demo_clients(folder)
    opened = await open_service(settings)
    try:
        services = services_of(opened)
        write, gp = services.interactions.write_record, caller("demo-gp", Role.GP)
        begun, written = time.perf_counter(), 0

        async def one(who: Identity) -> None:
            nonlocal written
            await write(gp, [_creation(who)], "create")
            written += 1
            if written % _SAID_EVERY == 0:
                say(f"  {written:,} of {people:,} people")

        await together(one, _findable(people))
        say(f"Wrote {written:,} people in {time.perf_counter() - begun:.0f} s.")
        find = FindPeople(services.operations.read_record.access)
        random = Random(SEED)
        asked = [identity(random.randrange(people), SEED) for _ in range(ASKED)]
        return [await _timed(find, gp, who, opened.clock()) for who in asked if not who.protected]
    finally:
        await opened.store.close()


def _findable(people: int) -> Iterator[Identity]:
    return (who for who in (identity(index, SEED) for index in range(people)) if not who.protected)


def _creation(who: Identity) -> Change:
    return Change(Method.CREATE, "Patient", "Patient", patient(who))


async def _timed(find: FindPeople, gp: Any, who: Identity, now: datetime) -> float:
    asked: Particulars = of_patient(
        {"name": [{"family": who.family, "given": [who.given[0]]}], "birthDate": who.born.isoformat()}
    )
    begun = time.perf_counter()
    found = await find(gp, asked)
    taken = time.perf_counter() - begun
    if not found.people and who.born_known == "day":
        raise BenchFailed("somebody who is there was not found")
    return taken
