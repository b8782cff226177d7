"""A service whose clients have Subscriptions, stepped by hand, and a real endpoint that is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from adapters.http import Guard
from adapters.subscription_notification import FILTER_CRITERIA, PAYLOAD_CONTENT, TOPIC
from fhir_profiles import json
from security.audit import AuditEntry
from security.principal import Principal, Purpose, Role
from security.registry import RegisteredClient
from service.app import services_of
from service.opening import Opened
from service.record.alerts import Alerts
from service.record.caller import Caller
from service.sync.due import Dues
from service.sync.engine import Engine, Hooks, told
from service.sync.subscribed import Kept, KnownSubscriptions, SubscriptionPage
from service.sync.subscribing import Subscribing
from service.sync.subscriptions import Subscriptions
from service.syncing import dues_of
from tests.adapters.receiving import Receiver
from tests.service.record.house import House, house, person, update
from tests.service.sync.world import Time, World, step_until_quiet

Json = dict[str, Any]
HOSTS = frozenset({"127.0.0.1", "told.example.org"})
GUARD = Guard(HOSTS, private=True)
WARD = RegisteredClient(
    "ward-system", "The ward's system", "ZZHSP1", frozenset({"hospice", "system"}), frozenset({"system/*.cruds"})
)
ELSEWHERE = replace(WARD, client_id="elsewhere-system", organisation="ZZHSP2")
ACTIVE_AFTER = 13.0


def system(client: RegisteredClient = WARD, role: Role = Role.SYSTEM) -> Caller:
    """Return a client's own system as a caller."""
    principal = Principal(
        client_id=client.client_id,
        organisation=client.organisation,
        role=role,
        purpose=Purpose.TREAT,
        registered_roles=client.roles,
        scopes=client.scopes,
        token_id="token-of-a-system",
        issuer="tests",
    )
    return Caller(principal, "request-of-a-system")


def subscription(port: int, about: str = "", *, content: str = "id-only", **channel: Any) -> Json:
    """Return a Subscription with an endpoint on this machine; `about` is a filter, '' for the caseload."""
    wanted: Json = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "The ward wants to know",
        "criteria": TOPIC,
        "channel": {
            "type": "rest-hook",
            "endpoint": f"http://127.0.0.1:{port}/told",
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": PAYLOAD_CONTENT, "valueCode": content}]},
            "header": ["Authorization: Bearer heliotrope-word"],
            **channel,
        },
    }
    if about:
        wanted["_criteria"] = {"extension": [{"url": FILTER_CRITERIA, "valueString": about}]}
    return wanted


@dataclass(frozen=True, slots=True)
class Notified:
    """One notification as its receiver reads it: type, status, count, and of each event its number and focus."""

    type: str
    status: str
    count: int
    events: list[tuple[int, str]]
    bundle: Json = field(repr=False)


def notified(body: bytes) -> Notified:
    """Read a notification Bundle."""
    bundle = json.decode(body)
    found = bundle["entry"][0]["resource"]["parameter"]
    said = {one["name"]: one for one in found}
    events = []
    for one in found:
        if one["name"] == "notification-event":
            parts = {part["name"]: part for part in one["part"]}
            focus = parts.get("focus", {}).get("valueReference", {}).get("reference", "")
            events.append((int(parts["event-number"]["valueString"]), focus.partition("/fhir/R4/")[2]))
    count = int(said["events-since-subscription-start"]["valueString"])
    return Notified(said["type"]["valueCode"], said["status"]["valueCode"], count, events, bundle)


def events_of(receiver: Receiver) -> list[tuple[int, str]]:
    """Return every event that an endpoint was told of, in the order in which it came."""
    return [event for one in receiver.received for event in notified(one.body).events]


@dataclass(slots=True)
class Hooked:
    """The service, its engine, and what clients ask for."""

    world: World
    opened: Opened
    subscriptions: Subscriptions

    @property
    def house(self) -> House:
        """The use cases."""
        return self.world.house

    @property
    def time(self) -> Time:
        """The time of the test."""
        return self.world.time

    @property
    def subscribing(self) -> Subscribing:
        """What serves Subscriptions in this process."""
        return subscribing_of(self.world.engine)

    async def made(self, resource: Json, caller: Caller | None = None) -> Kept:
        """Make a Subscription and wait until it is active."""
        kept = await self.subscriptions.create(caller or system(), resource)
        await self.run(ACTIVE_AFTER)
        return kept

    async def run(self, seconds: float = 0.0, engine: Engine | None = None) -> None:
        """Let time pass, and step until nothing is being sent."""
        await quiet(engine or self.world.engine)
        for _ in range(int(seconds)):
            self.time.forward(1.0)
            await quiet(engine or self.world.engine)

    async def admitted(self, index: int) -> tuple[str, list[str]]:
        """Let the practice post a person whom the hospice cares for; return NHS number and references."""
        number, bundle = person(index, place="hospice")
        return number, await self.house.post(bundle)

    async def note_again(self, reference: str, words: str, version: int | None = None) -> None:
        """Change a resource."""
        resource = await self.house.read(reference)
        stands = int(resource["meta"]["versionId"]) if version is None else version
        await self.house.write(update(reference, stands, {**resource, "note": [{"text": words}]}))

    async def status(self, kept: Kept) -> Kept:
        """Return a Subscription as it stands."""
        return await self.subscriptions.read(system(), kept.id)

    async def sent_entries(self, number: str) -> list[AuditEntry]:
        """Return the audit entries of what was sent of a person."""
        record, log = await self.house.record_of(number), self.house.services.audit_events.log
        found = [entry async for entry in log.entries_about(record, self.time.now)]
        return [entry for entry in found if entry.interaction == "$sync-send"]

    def another(self, guard: Guard = GUARD) -> Engine:
        """Return the engine of another process on the same store."""
        return _engine(self.opened, self.world.dues, self.time, _known(self.opened, self.time), guard)


def subscribing_of(engine: Engine) -> Subscribing:
    """Return what serves Subscriptions."""
    assert engine.relay.subscribing is not None
    return engine.relay.subscribing


async def quiet(engine: Engine, steps: int = 60) -> None:
    """Step until a step finds nothing to do."""
    idle = 0
    for _ in range(steps):
        await step_until_quiet(engine, 1)
        if tasks := subscribing_of(engine).tasks():
            await asyncio.wait(tasks)
            idle = 0
        else:
            idle += 1
        if idle == 2:
            return


def _known(opened: Opened, time: Time) -> KnownSubscriptions:
    return KnownSubscriptions(SubscriptionPage.of(opened.records), lambda: time.seconds)


def _engine(opened: Opened, dues: Dues, time: Time, known: KnownSubscriptions, guard: Guard = GUARD) -> Engine:
    services = services_of(opened)
    write, log = services.interactions.write_record, services.audit_events.log
    hooks = Hooks(known, opened.registry, opened.settings.fhir_base, guard)
    return Engine.of(
        write.access,
        write,
        Alerts.of(write.access),
        log,
        services.operations.sources,
        dues,
        {},
        hooks=hooks,
        seconds=lambda: time.seconds,
        part=Random(7).random,
    )


@asynccontextmanager
async def hooked(
    keys: Path, home: Path, clients: Sequence[RegisteredClient] = (WARD, ELSEWHERE)
) -> AsyncIterator[Hooked]:
    """Open a service with clients that may have Subscriptions."""
    time = Time()
    async with house(keys, home / "records.sqlite") as plain:
        settings = replace(plain.opened.settings, subscription_hosts=HOSTS)
        opened = replace(plain.opened, clock=time.clock, settings=settings)
        opened = replace(opened, subscriptions=_known(opened, time))
        vars(opened.store)["_clock"] = time.clock
        for client in clients:
            opened.registry.add(client)
        dues = dues_of(opened)
        services = services_of(opened, told((), dues, opened.policies, time.clock, opened.subscriptions))
        writing = House(opened, services, plain.path)
        world = World(writing, time, dues, _engine(opened, dues, time, opened.subscriptions), {}, {})
        built = Hooked(world, opened, services.subscriptions.subscriptions)
        await built.run()
        try:
            yield built
        finally:
            await world.relay.finish()
