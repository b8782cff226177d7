"""Sync put together: what a process runs beside its answers, and the subscriber that its writes ask."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.base import Adapter
from adapters.control_room_events import TakesAnswers
from adapters.http import Guard
from adapters.partners import load_partners
from adapters.registry import kind_of
from adapters.rest_hook import RestHook
from adapters.surroundings import Surroundings
from security.clock import Clock
from security.localities import Policies
from security.registry import ClientRegistry
from service.record.access import Access
from service.record.access_log import AccessLog
from service.record.alerts import Alerts
from service.record.errors import Problem
from service.record.locks import KeyedLocks
from service.record.read import ReadRecord
from service.record.sources import Sources
from service.record.subscribers import Subscribers
from service.record.write import WriteRecord
from service.store.errors import StoreError
from service.sync.answer_incident import AnswerIncident
from service.sync.arrivals import Arrivals
from service.sync.board import Board
from service.sync.due import REMOVALS, SUBSCRIPTIONS, Due, Dues
from service.sync.fan_out import FanOut
from service.sync.flagged import SharedAsFlags
from service.sync.give import Give, GiveToPartner
from service.sync.hearing import Hearing
from service.sync.held import LaneStates
from service.sync.inbox import Inbox
from service.sync.late_notices import LateNotices, NotTold
from service.sync.lease import Lease
from service.sync.look_again import Applies, LookAgain
from service.sync.members import Member, members_of
from service.sync.notice_dues import NoticeDues
from service.sync.notify import Notify
from service.sync.notifying import Notifying
from service.sync.outbox import Outboxes
from service.sync.overdue import Overdue, Watches
from service.sync.polling import Polling
from service.sync.relay import Relay
from service.sync.removals import Removals
from service.sync.removing import Removing
from service.sync.serving import Serving
from service.sync.shared_with import SharedWith
from service.sync.subscribed import Kept, KnownSubscriptions
from service.sync.subscribing import Subscribing
from service.sync.subscriptions_told import SubscriptionsTold
from service.sync.take_in import TakeIn
from service.sync.tell_person import TellPerson
from service.sync.told import PartnersTold


def members(folder: Path | None, registry: ClientRegistry, policies: Policies) -> list[Member]:
    """Return the partners of a deployment; raise InvalidConfiguration with every problem. None: there are none."""
    return [] if folder is None else members_of(load_partners(folder), registry, policies)


def never() -> bool:
    """Say that there is nothing more urgent to do."""
    return False


@dataclass(frozen=True, slots=True)
class Hooks:
    """What FHIR Subscriptions need besides. `base` is our FHIR base, `guard` says where endpoints may be."""

    known: KnownSubscriptions
    registry: ClientRegistry
    base: str
    guard: Guard


@dataclass(frozen=True, slots=True)
class Engine:
    """Sync of one process. Make it inside the running loop."""

    relay: Relay
    board: Board
    hearing: Hearing

    async def run(self) -> None:
        """Relay until cancelled."""
        await self.relay.run()

    async def finish(self) -> None:
        """Let go of partners and leases, as far as the store still answers."""
        with contextlib.suppress(StoreError, Problem):
            await self.relay.finish()

    @classmethod
    def of(
        cls,
        access: Access,
        write_record: WriteRecord,
        alerts: Alerts,
        log: AccessLog,
        sources: Sources,
        dues: Dues,
        adapters: Mapping[str, tuple[Member, Adapter]],
        *,
        hooks: Hooks | None = None,
        pds: Applies | None = None,
        seconds: Callable[[], float] = time.monotonic,
        part: Callable[[], float] = random.random,
        gives_way: Callable[[], bool] = never,
    ) -> Engine:
        """Wire the engine over the use cases of a service; `adapters` are the partners', by their names.

        Without `hooks` it leaves Subscriptions alone; without `pds` events about people wait where they are.
        """
        records, clock = access.records, access.clock
        store, board, states = records.store, Board.of(records), LaneStates.of(records)
        shared, inbox = SharedWith(access), Inbox(store, dues, clock)
        locks = KeyedLocks()
        give = GiveToPartner(access, shared, states, dues, locks)
        named = {name: member for name, (member, _) in adapters.items()}
        notices = NoticeDues.of(access, dues, named.values())
        not_told = NotTold(alerts, dues)
        tell = TellPerson(access, dues, not_told)
        flag = GiveToPartner(access, SharedAsFlags(access), states, dues, locks)
        answer = AnswerIncident(ReadRecord(access), flag, dues, write_record.style, sources)
        look_again = LookAgain(records, inbox, clock, pds)
        take_in = TakeIn(access, write_record, shared, states, board, inbox, dues, locks, look_again)

        def serving(member: Member, adapter: Adapter) -> Serving:
            polling = Polling(member, adapter, take_in, inbox, board, clock, seconds)
            does: Give = tell if member.description.notices else answer if isinstance(adapter, TakesAnswers) else give
            return Serving(member, adapter, does, polling, board, dues, store, clock, seconds, part, gives_way)

        def watching(member: Member) -> Watches:
            if member.description.notices:
                return LateNotices(member, records, not_told, board, clock)
            return Overdue(member, dues, alerts, clock)

        servings = {name: serving(*one) for name, one in adapters.items()}
        overdue = {name: watching(member) for name, member in named.items()}
        arrivals = Arrivals(
            store, dues, notices, seconds, lambda *one: relay.arrived(*one), lambda one: relay.waits(one)
        )
        removals = Removals.of(log, alerts, states, dues, named)
        lease = Lease(store, dues.index.token("relay", REMOVALS)[:16], clock, seconds, os.urandom(8))
        removing = Removing(removals, lease, store, seconds)
        hearing = Hearing(list(named.values()), board, sources, clock, seconds)
        subscribing = None if hooks is None else _subscribing(access, dues, hooks, seconds, part)
        relay = Relay(servings, arrivals, board, store, clock, overdue, removing, hearing, subscribing)
        return cls(relay, board, hearing)


def adapters_of(named: Sequence[Member], surroundings: Surroundings) -> dict[str, tuple[Member, Adapter]]:
    """Open the adapters of partners."""
    return {member.name: (member, kind_of(member.partner).adapter(member.partner, surroundings)) for member in named}


def told(
    named: Sequence[Member], dues: Dues, policies: Policies, clock: Clock, known: KnownSubscriptions | None = None
) -> Subscribers:
    """Return the subscribers of a service's writes; without `known` no Subscription hears of them."""
    partners = PartnersTold(tuple(named), dues, policies, clock)
    return (partners,) if known is None else (partners, SubscriptionsTold(known, dues, clock))


def _subscribing(
    access: Access, dues: Dues, hooks: Hooks, seconds: Callable[[], float], part: Callable[[], float]
) -> Subscribing:
    records, clock = access.records, access.clock
    lease = Lease(records.store, dues.index.token("relay", SUBSCRIPTIONS)[:16], clock, seconds, os.urandom(8))
    notify = Notify(access, hooks.known.page, Outboxes.of(records), hooks.registry, hooks.base)

    def serve(kept: Kept, waiting: dict[bytes, Due], settled: Callable[[str, list[bytes]], None]) -> Notifying:
        wish = kept.wish
        hook = RestHook(wish.endpoint, wish.headers, hooks.guard, wish.timeout)
        return Notifying(kept, hook, notify, lease, clock, seconds, part, settled, waiting)

    fan_out = FanOut.of(records, dues)
    return Subscribing(hooks.known, lease, fan_out, hooks.registry, records.store, clock, seconds, serve)
