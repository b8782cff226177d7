"""Sync against its targets: `python -m bench.sync [PEOPLE]`. One process serves; the partner is a process beside it.

It ends with emergency answers of the real program while a partner catches up (`bench.sync_beside`). What is measured
before that is the engine as the program runs it, on a SQLite file, over real connections. The day-long outage goes
by a clock of the bench: what it costs is counted, not waited for.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvloop

from adapters.http import HttpClient
from bench.report import table
from bench.sync_beside import beside
from bench.targets import Limit, Row
from service.app import services_of
from service.record.alerts import Alerts
from service.sync.engine import Engine, told
from service.sync.members import Member
from service.syncing import dues_of
from tests.peers.posting import Posting, RunningReceiver, receiving
from tests.service.record.house import House, house, person, update
from tests.service.sync.consents import refusal
from tests.service.sync.partner import member
from tests.service.sync.small import small
from tests.service.sync.world import Time, World

PEOPLE = 5_000
AWAY = 10_000
DAY = 86_400.0
PARALLEL = 16


@dataclass(slots=True)
class Measured:
    """What came of it."""

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Bench:
    """A service in this process, with one partner."""

    world: World
    receiver: RunningReceiver
    time: Time
    people: list[str] = field(default_factory=list)
    """The Patients of small people, each with a version 1."""

    async def wait_until_sent(self, seconds: float = 600.0) -> float:
        """Wait until nothing waits; return how long it took."""
        begun = time.perf_counter()
        serving = self.world.relay.servings["hospice"]
        while len(serving.lanes) or await self.world.waiting():
            if time.perf_counter() - begun > seconds:
                raise TimeoutError("it takes too long")
            await asyncio.sleep(0.01)
        return time.perf_counter() - begun

    async def make(self, first: int, count: int) -> None:
        """Make small people: a Patient and the team that the partner is of."""
        for index in range(first, first + count):
            (patient, _) = await self.world.house.post(small(index))
            self.people.append(patient)

    async def change(self, patient: str, version: int) -> None:
        """Change a person: their telephone number."""
        said = await self.world.house.read(patient)
        said["telecom"] = [{"system": "phone", "value": f"01632 96{version:04d}"}]
        await self.world.house.write(update(patient, version, said))


@asynccontextmanager
async def bench(folder: Path, *, simulated: bool = False) -> AsyncIterator[Bench]:
    """Open a service and a receiver. `simulated`: the engine goes by a clock that the bench moves."""
    clock = Time()
    partner: Member = member(limits={"parallel": PARALLEL})
    with receiving(folder / "journal") as receiver:
        async with house(folder / "keys", folder / "records.sqlite") as plain:
            opened = replace(plain.opened, clock=clock.clock) if simulated else plain.opened
            if simulated:
                vars(opened.store)["_clock"] = clock.clock
            dues = dues_of(opened)
            subscribers = told((partner,), dues, opened.policies, opened.clock)
            services = services_of(opened, subscribers)
            writing = House(opened, services, plain.path)
            write = services.interactions.write_record
            engine = Engine.of(
                write.access,
                write,
                Alerts.of(write.access),
                services.audit_events.log,
                services.operations.sources,
                dues,
                {"hospice": (partner, Posting(HttpClient(), receiver.url))},
                seconds=(lambda: clock.seconds) if simulated else time.monotonic,
            )
            world = World(writing, clock, dues, engine, {}, {"hospice": partner})
            running = asyncio.create_task(engine.run())
            try:
                yield Bench(world, receiver, clock)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
                await engine.finish()


async def healthy(found: Measured, folder: Path, people: int) -> None:
    """Measure the delay of single changes, the rate, and a withdrawal that overtakes."""
    async with bench(folder) as opened:
        world = opened.world
        _, plan = person(1, place="hospice")
        references = await world.house.post(plan)
        await world.engine.board.pause("hospice", "the bench", opened.world.house.opened.clock())
        await asyncio.sleep(1.5)
        begun = time.perf_counter()
        await opened.make(0, people)
        made = people / (time.perf_counter() - begun)
        await world.engine.board.resume("hospice", "the bench", opened.world.house.opened.clock())
        await opened.wait_until_sent()
        for patient in opened.people[:100]:
            await opened.change(patient, 1)
            await asyncio.sleep(0.05)
        await opened.wait_until_sent()
        state = world.relay.servings["hospice"].tally.lags or (await world.engine.board.state("hospice")).lags
        await asyncio.sleep(1.2)
        lags = sorted((await world.engine.board.state("hospice")).lags[-100:] or state)
        found.rows.append(Row("commit to delivered, p95", [lags[int(0.95 * len(lags))]], "s", Limit(1, 0.3, True)))
        found.rows.append(Row("the same, p50", [lags[len(lags) // 2]], "s"))

        await world.engine.board.pause("hospice", "the bench", opened.world.house.opened.clock())
        await asyncio.sleep(1.5)
        for number, patient in enumerate(opened.people):
            await opened.change(patient, 2 if number < 100 else 1)
        waiting = await world.waiting()
        await world.engine.board.resume("hospice", "the bench", opened.world.house.opened.clock())
        while world.relay.servings["hospice"].paused:  # noqa: ASYNC110 - the engine has no event for it
            await asyncio.sleep(0.01)
        begun, before = time.perf_counter(), opened.receiver.has().removals
        world.time.now = opened.world.house.opened.clock()
        await world.house.write(await refusal(world, references, "ZZHSP1"))
        told_after = float("inf")
        while told_after == float("inf"):
            await asyncio.sleep(0.01)
            has = await asyncio.to_thread(opened.receiver.has)
            told_after = time.perf_counter() - begun if has.removals > before else told_after
        name = f"withdrawal at the partner, {waiting:,} routine deliveries waiting"
        found.rows.append(Row(name, [told_after], "s", Limit(1, 0.3, True)))
        remaining, used = len(world.relay.servings["hospice"].lanes), time.process_time()
        took = await opened.wait_until_sent()
        each = (time.process_time() - used) / remaining * 1000
        found.rows.append(Row("CPU time of a delivery, sender's side", [each], "ms"))
        found.rows.append(Row("deliveries, one process", [remaining / took], "/s", Limit(200, 400), 0))
        found.rows.append(Row("people written meanwhile to be sent", [made], "/s", None, 0))
        found.problems += (await asyncio.to_thread(opened.receiver.has)).problems


async def away(found: Measured, folder: Path, changes: int) -> None:
    """Let the partner be away for a day, change as many people, and let it come back."""
    async with bench(folder, simulated=True) as opened:
        world = opened.world
        await opened.make(0, changes)
        await opened.wait_until_sent()
        before = (await asyncio.to_thread(opened.receiver.has)).effects
        posting = world.relay.servings["hospice"].adapter
        assert isinstance(posting, Posting)
        there, posting.url = posting.url, "http://127.0.0.1:9/"
        for number, patient in enumerate(opened.people):
            await opened.change(patient, 1)
            if number % 100 == 99:
                opened.time.forward(DAY * 100 / changes)
                await asyncio.sleep(0)
        waiting = await world.waiting()
        posting.url = there
        begun = time.perf_counter()
        while len(world.relay.servings["hospice"].lanes) or await world.waiting():
            opened.time.forward(1.0)
            await asyncio.sleep(0.1)
            if time.perf_counter() - begun > 900:
                raise TimeoutError("it does not catch up")
        took = time.perf_counter() - begun
        has = await asyncio.to_thread(opened.receiver.has)
        found.rows.append(Row(f"{waiting:,} changes of a day away, caught up", [waiting / took], "/s", None, 0))
        name = "effects at the partner / changes"
        found.rows.append(Row(name, [(has.effects - before) / changes], "x", Limit(1, 1), 4))
        found.problems += has.problems
        ordered = [line.split()[2] for line in (folder / "journal").read_text().splitlines()][before:]
        place = {patient: number for number, patient in enumerate(opened.people)}
        late = sum(place[one] - place[two] > PARALLEL * 4 for one, two in itertools.pairwise(ordered))
        found.rows.append(
            Row("of these out of the order of their commits by more than what is sent at once", [late], "")
        )


async def main(people: int, changes: int) -> Measured:
    """Measure everything."""
    found = Measured()
    with tempfile.TemporaryDirectory() as folder:
        await healthy(found, Path(folder), people)
    with tempfile.TemporaryDirectory() as folder:
        await away(found, Path(folder), changes)
    # of this process, in which the writers are too
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found.rows.append(Row("most resident memory, writers included", [most], "MiB", Limit(250, 200, True), 0))
    found.rows += beside()
    return found


if __name__ == "__main__":
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    changes = int(sys.argv[2]) if len(sys.argv) > 2 else AWAY
    result = uvloop.run(main(people, changes))  # as the program runs
    print(table(result.rows))
    print("\n".join(result.problems) or "the receiver saw nothing wrong")
