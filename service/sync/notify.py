"""Telling one Subscription what waits for it: decide, number, decide again, write down, send, remember.

Consent is decided at the moment of sending, as for the client's own system that reads (rules 5.7, 5.10): an event is
told of a resource that this client could read now, and of no other. Of whoever dissented, or is cared for elsewhere,
nothing is told any more, not even that. The audit entry is durable before the first byte leaves.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from adapters.rest_hook import RestHook
from adapters.subscription_notification import Content, Event, Kind, Standing, notification
from fhir_profiles import json
from security.clock import instant
from security.decision import Decision
from security.errors import KeyUnavailable, SecurityError
from security.principal import Role
from security.registry import ClientRegistry, RegisteredClient
from security.release import Held, release
from security.scopes import permits
from service import logs
from service.record.access import Access, Asked
from service.record.caller import Caller
from service.record.errors import RecordBroken
from service.record.manifest import RecordKind
from service.record.pointers import is_open
from service.record.records import OpenRecord
from service.record.select import held_deletion, whole
from service.sync.due import Due
from service.sync.give import SENT
from service.sync.give import Overtaken as LeaseLost
from service.sync.members import system_caller
from service.sync.outbox import Outbox, Outboxes, Pending
from service.sync.subscribed import Kept, SubscriptionPage

MOST_DELIVERIES = 50
"""Deliveries that are taken up together."""
MOST_AT_ONCE = 128
"""Notifications that one process sends at a time, whosever."""


class Stopped(Exception):
    """The subscription is not what it was, or not to be served any more: nothing more is sent from what is known."""


@dataclass(frozen=True, slots=True)
class Told:
    """What may be told of one resource now: its version, and its content as released; None for a deletion."""

    version: int
    resource: dict[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class OnePerson:
    """One person as they are for one client at this moment."""

    record: OpenRecord
    caller: Caller
    decision: Decision


@dataclass(frozen=True, slots=True)
class Notify:
    """Does it, for one Subscription at a time. `base` is our FHIR base."""

    access: Access
    page: SubscriptionPage
    outboxes: Outboxes
    registry: ClientRegistry
    base: str
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    async def __call__(
        self, kept: Kept, hook: RestHook, waiting: Mapping[bytes, Due], turn: int, still_ours: Callable[[], bool]
    ) -> list[bytes]:
        """Tell what waits, or the first of it; return the deliveries that are settled.

        `turn` and `still_ours` are the lease's. Raise an OutsideError, LeaseLost, Stopped, or outbox.Overtaken.
        """
        box = await self.outboxes.read(kept.id)
        if not box.covered:
            first = dict(sorted(waiting.items(), key=lambda one: one[1].cause.rank)[:MOST_DELIVERIES])
            events = await self._events(kept, first.values())
            if not events:
                await self._done(first)
                return list(first)
            box = await self.outboxes.change(kept.id, turn, lambda box: box.number(events, first))
        while box.pending:
            part = box.pending[: kept.wish.most]
            async with self.at_once:  # before the decision, which must not wait for others
                await self._tell(kept, hook, part, still_ours)
            box = await self.outboxes.change(kept.id, turn, partial(_confirm, part[-1].number))
        settled = box.covered
        await self._done(settled)
        await self.outboxes.change(kept.id, turn, Outbox.forget)
        return settled

    async def say(self, kept: Kept, hook: RestHook, kind: Kind, still_ours: Callable[[], bool]) -> None:
        """Send a handshake or a heartbeat, which tell of nobody. Raise as `__call__` does."""
        box = await self.outboxes.read(kept.id)
        events = box.pending[0].number - 1 if box.pending else box.count
        async with self.at_once:
            await self._send(kept, hook, Standing(kept.reference, kept.status, events), kind, (), still_ours)

    async def _done(self, deliveries: Iterable[bytes]) -> None:
        for delivery in deliveries:
            await self.access.records.store.done(delivery)

    async def _events(self, kept: Kept, dues: Iterable[Due]) -> list[Pending]:
        """Return the events that deliveries are for this client now, without numbers."""
        found = []
        for due in dues:
            person = await self._person(kept, due.record)
            for reference in kept.wish.criteria.fits(due.changed):
                if await self._told(kept, person, reference) is not None:
                    found.append(Pending(0, due.record, due.committed, reference))
        return found

    async def _tell(self, kept: Kept, hook: RestHook, part: Sequence[Pending], still_ours: Callable[[], bool]) -> None:
        people: dict[bytes, OnePerson | None] = {}
        events: list[Event] = []
        versions: dict[bytes, list[str]] = {}
        for one in part:
            if one.record not in people:
                people[one.record] = await self._person(kept, one.record)
            told = await self._told(kept, people[one.record], one.reference)
            if told is None:
                continue
            events.append(Event(one.number, one.committed, one.reference, told.resource))
            versions.setdefault(one.record, []).append(f"{one.reference}/_history/{told.version}")
        if not events:
            return
        for record_id, references in versions.items():
            person = people[record_id]
            assert person is not None
            asked = Asked(SENT, tuple(dict.fromkeys(references)))
            await self.access.permit(person.caller, person.decision, asked, person.record)
        standing = Standing(kept.reference, "active", events[-1].number)
        await self._send(kept, hook, standing, Kind.EVENT, events, still_ours)

    async def _send(
        self,
        kept: Kept,
        hook: RestHook,
        standing: Standing,
        kind: Kind,
        events: Sequence[Event],
        still_ours: Callable[[], bool],
    ) -> None:
        now = instant(self.access.clock())
        body = notification(standing, kind, self.base, now, kept.wish.content, events)
        fresh = await self.page.one(kept.id)
        if fresh is None or (fresh.resource, fresh.status, fresh.since) != (kept.resource, kept.status, kept.since):
            raise Stopped
        client_of(self.registry, kept)
        if not still_ours():
            raise LeaseLost
        await hook.send(body)

    async def _person(self, kept: Kept, record_id: bytes) -> OnePerson | None:
        """Open a record and decide; None where this client may be told nothing of it."""
        stored = await self.access.records.store.fetch(record_id)
        if stored is None:
            return None
        caller = caller_of(client_of(self.registry, kept), kept)
        try:
            record = await self.access.records.open(stored)
        except KeyUnavailable:
            raise
        except (RecordBroken, SecurityError):
            # Nothing can be decided of it, so nothing is told. Whoever reads it is told that it is broken.
            logs.event("record-not-opened", logging.ERROR, client=kept.client)
            return None
        if record.manifest.kind is not RecordKind.PERSON or not kept.concerns(record):
            return None
        decision = await self.access.weigh(caller, record)
        return OnePerson(record, caller, decision) if decision.permitted else None

    async def _told(self, kept: Kept, person: OnePerson | None, reference: str) -> Told | None:
        """Return what may be told of a resource; None where this client could not read it now."""
        entry = None if person is None else person.record.entry(reference)
        if person is None or entry is None or not is_open(entry, person.decision):
            return None
        scopes = person.caller.principal.scopes
        if not (permits(scopes, entry.type, "r") and permits(frozenset(kept.scopes), entry.type, "r")):
            return None
        held: list[Held]
        if entry.deleted:
            held = [held_deletion(person.record, entry, person.decision)]
        else:
            body = person.record.slice(entry.offset, entry.length)
            held = await whole(self.access.records, person.record, entry, body, person.decision)
        items = release(person.decision, held).items
        if not items:
            return None
        with_content = kept.wish.content is Content.FULL_RESOURCE and not entry.deleted
        return Told(entry.version, json.decode(items[0].body) if with_content else None)


def _confirm(last: int, box: Outbox) -> None:
    box.confirm(last)


def client_of(registry: ClientRegistry, kept: Kept) -> RegisteredClient:
    """Return the client of a subscription; raise Stopped for one that may not act by itself, or at all, any more."""
    client = registry.get(kept.client)
    if client is None or Role.SYSTEM not in client.roles or not client.acts_for(kept.organisation):
        raise Stopped
    return client


def caller_of(client: RegisteredClient, kept: Kept) -> Caller:
    """Return a subscription's client as a caller: its own system, nobody named."""
    return system_caller(client, kept.organisation, secrets.token_hex(16))
