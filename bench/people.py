"""Homes full of synthetic people, loaded through the ordinary write and kept under `build/bench` for the next run.

Every person's plan is one transaction of the practice's system; then the control room opens an incident for them that
names the ambulance service, so that whoever measures is a crew on an open incident. Two processes load at once.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from bench.errors import BenchFailed
from fhir_profiles.identifiers import NhsNumber
from security.demo_clients import DEFAULT_PURPOSE, DEMO_CLIENTS, STOCK_PEOPLE, make_demo_clients
from security.keys import FileKeyRing, key_path
from security.principal import Principal, Role
from service.api.routes import Services
from service.app import services_of
from service.cli.shares import Tell, in_processes, shares, together
from service.opening import open_service
from service.people.heavy import heavy_person
from service.people.plans import plans
from service.record import transaction
from service.record.access import Caller
from service.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
BUILD = REPOSITORY / "build" / "bench"
BASE_URL = "http://epaccs.bench.example"
AMBULANCE = "ZZAMB1"
SEED = 7
KEPT_SECONDS = 6 * 3600
"""How long a prepared home serves: half the life of its incidents."""

_SHAPING = ("fhir_profiles", "security", "service/people", "service/plan", "service/record", "service/store")
_PROCESSES = 2
_SAID_EVERY = 2_000
_ORDINARY_RESOURCES = 25

Say = Callable[[str], None]


class Prepared(msgspec.Struct, frozen=True):
    """What a home holds: the numbers of people to draw from, shuffled, and two people of known size."""

    numbers: list[str]
    heavy: str
    ordinary: str
    ordinary_resources: int
    made: float


@dataclass(frozen=True, slots=True)
class Home:
    """A home folder with people in it, and a file of their NHS numbers."""

    folder: Path
    prepared: Prepared
    store: str = ""
    """The address of the database that its records lie in; empty: its own SQLite file."""

    @property
    def settings(self) -> Settings:
        """The settings of a service on this home."""
        return settings_of(self.folder, store=self.store)

    @property
    def everyone(self) -> Path:
        """The file of all NHS numbers, shuffled."""
        return self.folder / "everyone.txt"

    def write_everyone(self) -> None:
        """Write the file of all NHS numbers."""
        self.everyone.write_text("".join(f"{number}\n" for number in self.prepared.numbers))

    def only(self, number: str) -> Path:
        """Return a file that names one person."""
        path = self.folder / f"only-{'heavy' if number == self.prepared.heavy else 'ordinary'}.txt"
        path.write_text(f"{number}\n")
        return path


def settings_of(folder: Path, port: int = 8000, store: str = "") -> Settings:
    """Return the settings of a home; the base address is the same whichever port it is served on."""
    return Settings.from_environ(environment_of(folder, port, store))


def environment_of(folder: Path, port: int, store: str = "") -> dict[str, str]:
    """Return the settings as the service reads them; `store` empty: records lie in the home's own SQLite file."""
    return {
        **({"EPACCS_STORE": store} if store else {}),
        "EPACCS_ENV": "demo",
        "EPACCS_HOME": str(folder),
        "EPACCS_PORT": str(port),
        "EPACCS_BASE_URL": BASE_URL,
        "EPACCS_LOG_LEVEL": "WARNING",
        # counted like everywhere, and never reached by one client that asks as fast as it can
        "EPACCS_REQUESTS_PER_MINUTE": "1000000",
    }


def home_of(count: int, name: str, say: Say) -> Home:
    """Return a fresh copy, called `name`, of a home with `count` people; prepare one when there is none to copy."""
    source = _prepared(count, say)
    folder = BUILD / "run" / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    os.sync()
    prepared = msgspec.json.decode((folder / "prepared.json").read_bytes(), type=Prepared)
    home = Home(folder, prepared)
    home.write_everyone()
    return home


def forget_runs() -> None:
    """Delete the copies that were measured; the prepared homes stay."""
    shutil.rmtree(BUILD / "run", ignore_errors=True)


def forget_files(home: Home) -> None:
    """Ask the kernel to drop its copy of the database, so that the next start reads the disk."""
    for path in home.folder.glob("records.sqlite*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def caller(client: str, role: Role, token: str = "bench") -> Caller:  # noqa: S107 - the id of a token, not one
    """Return a demo client as a verified caller, for calls inside this process."""
    demo = DEMO_CLIENTS[client]
    principal = Principal(
        client_id=demo.name,
        organisation=demo.organisation,
        role=role,
        purpose=DEFAULT_PURPOSE[role],
        registered_roles=frozenset(demo.roles),
        scopes=frozenset(demo.scopes),
        token_id=token,
        issuer="bench",
        user=STOCK_PEOPLE.get(role),
    )
    return Caller(principal, token)


def _prepared(count: int, say: Say) -> Path:
    folder = BUILD / f"{count}-{_shape()}"
    marker = folder / "prepared.json"
    if marker.exists():
        if time.time() - msgspec.json.decode(marker.read_bytes(), type=Prepared).made < KEPT_SECONDS:
            return folder
        say(f"The home with {count:,} people is too old: its incidents end soon.")
    for old in BUILD.glob(f"{count}-*"):
        shutil.rmtree(old)
    folder.mkdir(parents=True, mode=0o700)
    marker.write_bytes(msgspec.json.encode(fill(folder, count, say)))
    return folder


def _shape() -> str:
    """Return a hash over the sources that shape what is stored."""
    digest = sha256()
    for place in _SHAPING:
        for path in sorted((REPOSITORY / place).rglob("*.py")):
            digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def fill(folder: Path, count: int, say: Say, store: str = "") -> Prepared:
    """Load people with an incident each into an empty home; return what it holds then."""
    started = time.perf_counter()
    settings = settings_of(folder, store=store)
    FileKeyRing.create(key_path(settings.keys))
    make_demo_clients(folder)
    (heavy,) = asyncio.run(_load(settings, lambda now: [heavy_person(now)], lambda: None))
    jobs = [partial(_load_share, settings, first, size) for first, size in shares(count, _PROCESSES)]
    sizes: dict[str, int] = {}
    for loaded in in_processes(jobs, _told(count, say)):
        sizes |= loaded
    taken = time.perf_counter() - started
    say(f"Loaded {count:,} people with an incident each in {taken:.0f} s ({count / taken:.0f} a second).")
    numbers = sorted(sizes)
    random.Random(SEED).shuffle(numbers)
    ordinary = min(numbers, key=lambda number: abs(sizes[number] - _ORDINARY_RESOURCES))
    return Prepared(numbers, heavy, ordinary, sizes[ordinary], time.time())


def _told(count: int, say: Say) -> Callable[[int], None]:
    """Return what says, every 2,000 people, how many are loaded."""
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        if done // _SAID_EVERY > (done - more) // _SAID_EVERY:
            say(f"  {done:,} of {count:,} people")

    return told


def _load_share(settings: Settings, first: int, count: int, tell: Tell) -> dict[str, int]:
    """Load people `first` and following; return the number of resources by NHS number."""
    return asyncio.run(_load(settings, lambda now: plans(count, SEED, now, first), tell))


async def _load(settings: Settings, bundles: Callable[[Any], Iterable[Any]], tell: Tell) -> dict[str, int]:
    opened = await open_service(settings)
    try:
        services = services_of(opened)
        loaded: dict[str, int] = {}

        async def one(bundle: Any) -> None:
            await _load_one(services, bundle, loaded)
            tell()

        await together(one, bundles(opened.clock()))
        return loaded
    finally:
        await opened.store.close()


async def _load_one(services: Services, bundle: Any, loaded: dict[str, int]) -> None:
    number = _number_of(bundle)
    write, operations = services.interactions.write_record, services.operations
    await write(caller("demo-gp", Role.GP), transaction.changes_of(bundle), "transaction")
    if number is None:
        return  # somebody without an NHS number fills the store, and cannot be asked for
    await operations.incidents.open(caller("demo-control-room", Role.SYSTEM), number, AMBULANCE, "INC-1")
    access = operations.read_record.access
    record = await access.records.by_nhs_number(number)
    decision = await access.decide(caller("demo-ambulance", Role.AMBULANCE), record)
    if not decision.permitted:
        raise BenchFailed(f"a crew on an open incident was refused by rule {decision.rule}")
    loaded[number] = len(bundle["entry"])


def _number_of(bundle: Any) -> str | None:
    patients = (entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
    found = NhsNumber.of(next(patients))
    return found.value if found else None
