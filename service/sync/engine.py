"""Sync put together: what a process runs beside its answers, and the subscriber that its writes ask."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.base import Adapter
from adapters.partners import load_partners
from adapters.registry import Surroundings, kind_of
from security.clock import Clock
from security.localities import Policies
from security.registry import ClientRegistry
from service.record.access import Access
from service.record.alerts import Alerts
from service.record.errors import Problem
from service.record.write import WriteRecord
from service.store.errors import StoreError
from service.sync.arrivals import Arrivals
from service.sync.board import Board
from service.sync.due import Dues
from service.sync.give import GiveToPartner
from service.sync.held import LaneStates
from service.sync.inbox import Inbox
from service.sync.members import Member, members_of
from service.sync.overdue import Overdue
from service.sync.polling import Polling
from service.sync.relay import Relay
from service.sync.serving import Serving
from service.sync.shared_with import SharedWith
from service.sync.take_in import TakeIn
from service.sync.told import PartnersTold


def members(folder: Path | None, registry: ClientRegistry, policies: Policies) -> list[Member]:
    """Return the partners of a deployment; raise InvalidConfiguration with every problem. None: there are none."""
    return [] if folder is None else members_of(load_partners(folder), registry, policies)


def never() -> bool:
    """Say that there is nothing more urgent to do."""
    return False


@dataclass(frozen=True, slots=True)
class Engine:
    """Sync of one process. Make it inside the running loop."""

    relay: Relay
    board: Board

    async def run(self) -> None:
        """Relay until cancelled; nothing is done where there are no partners."""
        if self.relay.servings:
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
        dues: Dues,
        adapters: Mapping[str, tuple[Member, Adapter]],
        *,
        seconds: Callable[[], float] = time.monotonic,
        part: Callable[[], float] = random.random,
        gives_way: Callable[[], bool] = never,
    ) -> Engine:
        """Wire the engine over the use cases of a service; `adapters` are the partners', by their names."""
        records, clock = access.records, access.clock
        store, board, states = records.store, Board.of(records), LaneStates.of(records)
        shared, inbox = SharedWith(access), Inbox(store, dues, clock)
        give = GiveToPartner(access, shared, states, dues)
        take_in = TakeIn(access, write_record, shared, states, board, inbox, dues)

        def serving(member: Member, adapter: Adapter) -> Serving:
            polling = Polling(member, adapter, take_in, inbox, board, clock, seconds)
            return Serving(member, adapter, give, polling, board, dues, store, clock, seconds, part, gives_way)

        servings = {name: serving(*one) for name, one in adapters.items()}
        overdue = {name: Overdue(member, dues, alerts, clock) for name, (member, _) in adapters.items()}
        arrivals = Arrivals(store, dues, seconds, lambda *one: relay.arrived(*one), lambda one: relay.waits(one))
        relay = Relay(servings, arrivals, board, store, clock, overdue)
        return cls(relay, board)


def adapters_of(named: Sequence[Member], surroundings: Surroundings) -> dict[str, tuple[Member, Adapter]]:
    """Open the adapters of partners."""
    return {member.name: (member, kind_of(member.partner).adapter(member.partner, surroundings)) for member in named}


def told(named: Sequence[Member], dues: Dues, policies: Policies, clock: Clock) -> tuple[PartnersTold, ...]:
    """Return the subscribers of a service's writes: none where there are no partners."""
    return (PartnersTold(tuple(named), dues, policies, clock),) if named else ()
