"""Two processes, two people and one partner, to whom anything may happen; and what must be true once all is well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from adapters.base import Message, Put
from adapters.errors import (
    ContentRefused,
    Faulty,
    NotAuthorised,
    OutsideError,
    Overloaded,
    Unintelligible,
    Unreachable,
)
from fhir_profiles.terminology import SNOMED
from security.clock import instant
from service.app import services_of
from service.opening import Opened
from service.plan import vocabulary as v
from service.record.records import OpenRecord
from service.store.document_store import DocumentStore
from service.store.port import RecordStore
from service.sync import ours
from service.sync.differences import digest_of
from service.sync.due import Dues
from service.sync.engine import Engine, told
from service.sync.members import Member
from service.sync.naming import name_whom
from service.sync.orders import Command, order
from service.sync.relay import LEASE
from service.sync.shared_with import SharedWith
from service.syncing import dues_of
from service.wiring import new_chain
from tests.contracts.memory_documents import Collections, MemoryDocuments
from tests.service.record.house import House, create, delete, house, person, update
from tests.service.sync.consents import permission, refusal
from tests.service.sync.fate import Died, Fate, MortalStore
from tests.service.sync.messages import allergy, message, preferred_place, whom
from tests.service.sync.partner import member
from tests.service.sync.strict import StrictPartner, Towards
from tests.service.sync.world import Time, World, engine

Json = dict[str, Any]
PEOPLE, PROCESSES = 2, 2
HOSPICE = "ZZHSP1"
LIMITS = {"retry_base": 1.0, "retry_cap": 20.0, "poll_every": 5.0, "parallel": 3}
FAULTS: dict[str, OutsideError] = {
    "unreachable": Unreachable("x"),
    "overloaded": Overloaded(),
    "wait": Overloaded(retry_after=30.0),
    "faulty": Faulty(),
    "unintelligible": Unintelligible("x"),
    "refused": ContentRefused(),
    "sign-in": NotAuthorised(),
}
_MOST_ROUNDS = 60


@dataclass(slots=True)
class Process:
    """One process: its fate, its engine, and the step that it is in."""

    fate: Fate
    engine: Engine
    step: asyncio.Task[None] | None = None

    def tasks(self) -> list[asyncio.Task[None]]:
        """Return what it is doing."""
        servings = self.engine.relay.servings.values()
        found = [task for serving in servings for task in serving.running]
        found += [serving.asking for serving in servings if serving.asking is not None]
        found += [self.step] if self.step is not None else []
        return [task for task in found if not task.done()]


@dataclass(slots=True)
class Somebody:
    """One person: NHS number, references, and what the partner has sent of them, by its own references."""

    number: str
    references: list[str]
    known: Json
    notes: list[str] = field(default_factory=list)
    sent: dict[str, list[Message]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    refused: bool = False


@dataclass(slots=True)
class Chaos:
    """See the module. `calm` until anything happens that may make somebody send twice, or late."""

    world: World
    member: Member
    partner: StrictPartner
    collections: Collections | None
    people: list[Somebody] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    calm: bool = True
    punctual: bool = True
    words: int = 0

    async def do(self, what: str, *arguments: Any) -> None:
        """Let one thing happen, and let each process that lives take a step."""
        await getattr(self, f"_{what}")(*arguments)
        for number, process in enumerate(self.processes):
            if process.fate.dead:
                await self._bury(process)
                self.processes[number] = self.process()
        await self._step_all()

    async def settle(self) -> None:
        """Let everything be well again, and wait until nothing waits."""
        self.partner.down = None
        self.partner.faults.clear()
        self.partner.quick.set()
        self.partner.outbox[:] = [one for someone in self.people for sent in someone.sent.values() for one in sent]
        Random(self.words).shuffle(self.partner.outbox)
        for process in self.processes:
            process.fate.lives()
            process.fate.go_on()
        board = self.processes[0].engine.board
        for number in range(_MOST_ROUNDS):
            await self.do("forward", 13)
            if number % 5 == 4:
                await order(self.world.engine.board, "hospice", Command.RETRY)
            if (
                number > LEASE.total_seconds() / 13 + 1
                and not await self.world.waiting()
                and not await self._troubles()
            ):
                break
        else:
            raise AssertionError(f"after {_MOST_ROUNDS} rounds it still waits: {await board.state('hospice')}")
        for _ in range(2):
            await self.do("forward", 13)

    async def wrong(self) -> list[str]:
        """Return what is not as it must be."""
        found = list(self.partner.wrong)
        expected: dict[str, bytes] = {}
        for someone in self.people:
            record = await self.world.house.record_of(someone.number)
            released = await self._released(record)
            mine = {entry.reference for entry in record.entries.values() if entry.author.client == "hospice-system"}
            expected |= {reference: digest for reference, digest in released.items() if reference not in mine}
            found += [f"{one}: echoed to whom it came from" for one in mine & self.partner.here.keys()]
            found += await self._taken_wrong(someone, record, bool(released))
        there = {reference: digest_of(resource) for reference, resource in self.partner.here.items()}
        for reference in expected.keys() | there.keys():
            if expected.get(reference) != there.get(reference):
                kind = "older or other" if reference in expected and reference in there else "too much"
                found.append(f"{reference}: {kind if reference in there else 'missing'}")
        if self.calm and self.partner.repeated:
            found.append(f"{self.partner.repeated} effects were asked for twice")
        if self.calm and self.punctual and self.partner.stale:
            found.append(f"{self.partner.stale} effects came after newer ones")
        return found

    def process(self) -> Process:
        """Start one more process on the same store and partner."""
        fate = Fate()
        store: Any = self.world.house.opened.store
        if self.collections is not None:
            keys = self.world.house.opened.keys
            documents = MemoryDocuments(self.collections, fate.before)
            store = DocumentStore(documents, lambda: new_chain(keys), self.world.time.clock)
        opened = self.world.house.on(MortalStore(store, fate)).opened
        places: Any = {"hospice": Towards(self.partner, fate)}
        return Process(fate, engine(opened, self.world.dues, {"hospice": self.member}, places, self.world.time))

    async def end(self) -> None:
        """Let go of all processes."""
        for process in self.processes:
            await self._bury(process)

    async def _bury(self, process: Process) -> None:
        process.fate.dead = True
        process.fate.go_on()
        tasks = process.tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _step_all(self) -> None:
        """Let each process take a step, until all that they do is done or waits for the test."""
        for process in self.processes:
            if process.step is None or process.step.done():
                process.step = asyncio.create_task(process.engine.relay.step())
        while any(len(process.tasks()) > process.fate.blocked for process in self.processes):
            tasks = [task for process in self.processes for task in process.tasks()]
            await asyncio.wait(tasks, timeout=0.002, return_when=asyncio.FIRST_COMPLETED)
            if all(process.fate.dead for process in self.processes if process.tasks()):
                break
        for process in self.processes:
            step = process.step
            if step is not None and step.done() and not process.fate.dead and step.exception() is not None:
                raise AssertionError("a step failed by itself") from step.exception()

    async def _troubles(self) -> bool:
        return bool(await self.world.engine.board.troubles("hospice"))

    async def _released(self, record: OpenRecord) -> dict[str, bytes]:
        access = self.world.house.writing.access
        shared = SharedWith(access)
        decision = await shared.decide(self.member.caller("looking"), record)
        if decision is None or not decision.permitted:
            return {}
        wanted = await shared.wanted(self.member, record, decision)
        puts = [Put(one.reference, one.resource, one.digest) for one in wanted]
        name_whom(puts, wanted)
        return {put.reference: digest_of(put.resource) for put in puts}

    async def _taken_wrong(self, someone: Somebody, record: OpenRecord, permitted: bool) -> list[str]:
        found = []
        for theirs, words in someone.said.items():
            here = []
            for entry in record.entries.values():
                if not entry.deleted and entry.type == "Observation":
                    resource = await self.world.house.read(entry.reference)
                    if ours.is_from(resource, "hospice", theirs):
                        here.append(resource["valueCodeableConcept"]["text"])
            if len(here) > 1 or (permitted and here != [words]):
                found.append(f"{theirs}: here it says {here}, not [{words}]")
        return found

    # What can happen.

    async def _note(self, index: int) -> None:
        someone, record = await self._of(index)
        made = {**allergy(self._said()), "patient": {"reference": record.manifest.patient}}
        (written,) = await self.world.house.write(create(made))
        someone.notes.append(written.reference)

    async def _change(self, index: int) -> None:
        someone, record = await self._of(index)
        medicines = [one for one in someone.references if one.startswith("MedicationRequest/")]
        reference = (medicines + someone.notes)[self.words % (len(medicines) + len(someone.notes))]
        if not record.entries[reference].deleted:
            resource = await self.world.house.read(reference)
            said = {**resource, "note": [{"text": self._said()}]}
            await self.world.house.write(update(reference, record.entries[reference].version, said))

    async def _delete(self, index: int) -> None:
        someone, record = await self._of(index)
        for reference in someone.notes:
            if not record.entries[reference].deleted:
                await self.world.house.write(delete(reference, record.entries[reference].version))
                return

    async def _revoke(self, index: int) -> None:
        """Delete a decision about CPR, if there is one."""
        someone, record = await self._of(index)
        for reference in someone.references:
            entry = record.entries[reference]
            if entry.type == "Observation" and not entry.deleted:
                resource = await self.world.house.read(reference)
                if (SNOMED, v.RESUSCITATION_STATUS) in [
                    (one.get("system"), one.get("code")) for one in resource["code"].get("coding", ())
                ]:
                    await self.world.house.write(delete(reference, entry.version))
                    return

    async def _refuse(self, index: int) -> None:
        someone = self.people[index]
        if not someone.refused:
            someone.refused = True
            version = await self._consent_version(someone)
            await self.world.house.write(await refusal(self.world, someone.references, HOSPICE, version))

    async def _permit(self, index: int) -> None:
        someone = self.people[index]
        if someone.refused:
            someone.refused = False
            version = await self._consent_version(someone)
            await self.world.house.write(await permission(self.world, someone.references, version))

    async def _relation(self, index: int) -> None:
        """End the partner's relationship with the person, or begin it again."""
        someone, record = await self._of(index)
        team = next(one for one in someone.references if one.startswith("CareTeam/"))
        resource = await self.world.house.read(team)
        ends = HOSPICE in record.manifest.relations
        said = {**resource, "status": "inactive" if ends else "active"}
        await self.world.house.write(update(team, record.entries[team].version, said))

    async def _sends(self, index: int, which: int) -> None:
        """Let the partner make, or change, a resource of its own, and say so."""
        someone = self.people[index]
        theirs, words = f"Observation/{index}{which}", self._said()
        sent = someone.sent.setdefault(theirs, [])
        moment = instant(self.world.time.now + timedelta(seconds=self.words))
        made = message(someone.known, theirs, str(len(sent) + 1), preferred_place(words), moment)
        sent.append(made)
        someone.said[theirs] = words
        self.partner.outbox.append(made)

    async def _again(self, seed: int) -> None:
        """Let the partner say what it said before, in another order and some of it twice."""
        every = [one for someone in self.people for sent in someone.sent.values() for one in sent]
        if every:
            random = Random(seed)
            self.partner.outbox[:] = random.choices(every, k=len(every) + 1)

    async def _fault(self, when: str, what: str) -> None:
        self.calm = False
        self.partner.faults.append((when, FAULTS[what]))

    async def _down(self, what: str) -> None:
        self.partner.down = FAULTS[what]

    async def _up(self) -> None:
        self.partner.down = None

    async def _slow(self) -> None:
        self.punctual = self.calm = False
        self.partner.quick.clear()

    async def _quick(self) -> None:
        self.partner.quick.set()

    async def _forward(self, seconds: float) -> None:
        self.world.time.forward(seconds)

    async def _die(self, which: int, steps: int, before: bool) -> None:
        self.calm = False
        self.processes[which].fate.dies_in(steps, before=before)

    async def _stop(self, which: int) -> None:
        self.punctual = self.calm = False
        self.processes[which].fate.stop()

    async def _go_on(self, which: int) -> None:
        self.processes[which].fate.go_on()

    async def _retry(self) -> None:
        await order(self.world.engine.board, "hospice", Command.RETRY)

    def _said(self) -> str:
        self.words += 1
        return f"word {self.words}"

    async def _of(self, index: int) -> tuple[Somebody, OpenRecord]:
        someone = self.people[index]
        return someone, await self.world.house.record_of(someone.number)

    async def _consent_version(self, someone: Somebody) -> int:
        record = await self.world.house.record_of(someone.number)
        for reference in someone.references:
            if reference.startswith("Consent/"):
                scope = (await self.world.house.read(reference))["scope"]["coding"][0]["code"]
                if scope == "patient-privacy":
                    return record.entries[reference].version
        raise LookupError("Consent")


@asynccontextmanager
async def chaos(keys: Path, home: Path, kind: str) -> AsyncIterator[Chaos]:
    """Open a service on SQLite (`sqlite`) or on documents in memory (`documents`), with two processes beside it."""
    asyncio.get_running_loop().set_exception_handler(_of_the_living)
    time, partner = Time(), StrictPartner()
    partner.quick.set()
    hospice = member(limits=LIMITS, sends=True)
    async with house(keys, home / "records.sqlite") as plain:
        opened = replace(plain.opened, clock=time.clock)
        vars(opened.store)["_clock"] = time.clock
        collections: Collections | None = None
        if kind == "documents":
            collections = {}
            opened = _on(
                opened, DocumentStore(MemoryDocuments(collections), lambda: new_chain(opened.keys), time.clock)
            )
        dues: Dues = dues_of(opened)
        subscribers = told((hospice,), dues, opened.policies, time.clock)
        writing = House(opened, services_of(opened, subscribers), plain.path)
        unused: Any = {"hospice": Towards(partner, Fate())}
        reading = engine(opened, dues, {"hospice": hospice}, unused, time)
        world = World(writing, time, dues, reading, {}, {"hospice": hospice})
        built = Chaos(world, hospice, partner, collections)
        for index in range(PEOPLE):
            number, bundle = person(index, place="hospice", medicines=1)
            references = await writing.post(bundle)
            built.people.append(Somebody(number, references, whom(bundle, number)))
        built.processes = [built.process() for _ in range(PROCESSES)]
        try:
            yield built
        finally:
            with contextlib.suppress(Exception):
                await built.end()


def _of_the_living(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of tasks that ended because their process died."""
    if not isinstance(context.get("exception"), Died):
        loop.default_exception_handler(context)


def _on(opened: Opened, store: RecordStore) -> Opened:
    return replace(opened, store=store, records=replace(opened.records, store=store))
