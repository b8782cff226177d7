"""A service with the engine beside it, stepped by hand: time moves when a test moves it, nothing runs on its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from adapters.base import Adapter
from security.localities import load_policies
from security.principal import Purpose, Role
from security.scopes import OPERATIONS_READ
from service.app import services_of
from service.opening import Opened
from service.record.alerts import Alerts
from service.record.caller import Caller
from service.record.emergency import document
from service.record.urgent import Style
from service.sync.board import PartnerState
from service.sync.due import Dues
from service.sync.engine import Engine, told
from service.sync.look_again import Applies
from service.sync.members import Member
from service.sync.relay import Relay
from service.syncing import dues_of
from tests.service.record.house import NOW, OTHER_STYLE, House, doctor, house
from tests.service.sync.partner import Place


@dataclass(slots=True)
class Time:
    """The clock of a test: wall time and the seconds that only go forward move together."""

    now: datetime = NOW + timedelta(days=280)  # later than the first entries that the access log looks for
    seconds: float = 1_000.0

    def clock(self) -> datetime:
        """Return wall time."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass(slots=True)
class World:
    """A service whose writes tell partners, and the process that serves them."""

    house: House
    time: Time
    dues: Dues
    engine: Engine
    places: dict[str, Place]
    members: dict[str, Member]
    sources: Mapping[str, Adapter] = field(default_factory=dict)
    others: list[Engine] = field(default_factory=list)

    @property
    def relay(self) -> Relay:
        """The relay of the process."""
        return self.engine.relay

    async def run(self, *, steps: int = 60, forward: float = 0.0) -> None:
        """Step until nothing is being sent and nothing can be sent now; `forward` seconds pass with each step."""
        await step_until_quiet(self.engine, steps)
        for _ in range(int(forward)):
            self.time.forward(1.0)
            await step_until_quiet(self.engine, steps)

    async def state(self, name: str = "hospice") -> PartnerState:
        """Return the board of a partner, after what it does each second."""
        self.time.forward(1.1)
        await self.run()
        return await self.engine.board.state(name)

    def another(self, places: Mapping[str, Adapter] | None = None) -> Engine:
        """Return the engine of another process on the same store and partners."""
        adapters = {**(places or self.places), **self.sources}
        return engine(self.house.opened, self.dues, self.members, adapters, self.time)

    async def emergency_composition(self, number: str, style: Style = OTHER_STYLE) -> str:
        """Return the emergency answer of the practice's doctor, as text."""
        answered = await self.house.ask_in_emergency(number, style=style)
        first, _ = document(answered, self.house.services.operations.style, self.time.now, self.engine.hearing.sources)
        return first.decode()

    def officer(self, organisation: str) -> Caller:
        """Return a privacy officer of an organisation."""
        return doctor(organisation, Role.PRIVACY_OFFICER, Purpose.HCOMPL)

    @property
    def alerts(self) -> Alerts:
        """The alerts of the service."""
        return Alerts.of(self.house.writing.access)

    def engineer(self) -> Caller:
        """Return somebody who looks after partners."""
        caller = doctor("ZZENG1", Role.ADMIN, Purpose.PATADMIN)
        return replace(caller, principal=replace(caller.principal, scopes=frozenset({OPERATIONS_READ})))

    async def waiting(self) -> int:
        """Return how many deliveries wait in the store."""
        return len(await self.house.opened.store.waiting(b"", 10_000))


async def step_until_quiet(one: Engine, steps: int = 60) -> None:
    """Step until a step finds nothing to send."""
    for _ in range(steps):
        await one.relay.step()
        servings = one.relay.servings.values()
        tasks = [task for serving in servings for task in serving.running]
        tasks += [serving.asking for serving in servings if serving.asking is not None and not serving.asking.done()]
        if not tasks:
            return
        await asyncio.wait(tasks)


def engine(
    opened: Opened,
    dues: Dues,
    members: dict[str, Member],
    places: Mapping[str, Adapter],
    time: Time,
    pds: Applies | None = None,
) -> Engine:
    """Return an engine on a service's store."""
    subscribers = told(tuple(members.values()), dues, opened.policies, time.clock)
    services = services_of(opened, subscribers)
    write, log = services.interactions.write_record, services.audit_events.log
    adapters = {name: (member, places[name]) for name, member in members.items()}
    return Engine.of(
        write.access,
        write,
        Alerts.of(write.access),
        log,
        services.operations.sources,
        dues,
        adapters,
        pds=pds,
        seconds=lambda: time.seconds,
        part=Random(7).random,
    )


@asynccontextmanager
async def world(
    keys: Path,
    home: Path,
    *members: Member,
    localities: Path | None = None,
    sources: Mapping[str, Adapter] | None = None,
    pds: Applies | None = None,
) -> AsyncIterator[World]:
    """Open a service with partners; `localities` is a folder of locality policies.

    `sources` are adapters of their own for some of the partners, `pds` looks people up.
    """
    time = Time()
    async with house(keys, home / "records.sqlite") as plain:
        opened = replace(plain.opened, clock=time.clock, policies=load_policies(localities=localities))
        vars(opened.store)["_clock"] = time.clock  # leases go by the same time as everything else
        dues = dues_of(opened)
        named = {one.name: one for one in members}
        places = {name: Place() for name in named}
        writing = House(opened, services_of(opened, told(members, dues, opened.policies, time.clock)), plain.path)
        adapters: dict[str, Adapter] = {**places, **(sources or {})}
        made = engine(opened, dues, named, adapters, time, pds)
        built = World(writing, time, dues, made, places, named, sources or {})
        try:
            yield built
        finally:
            await built.relay.finish()
