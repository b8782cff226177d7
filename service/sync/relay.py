"""The relay: every process runs one, and for each partner one of them serves, under a lease.

A process that dies loses its leases by time, and whoever takes over finds what waits in the store and what the partner
holds beside it; nothing of it is known in memory alone. A process that was asleep past its lease sends nothing more:
it looks at how long it is since it renewed before each effect, and a lease lasts longer than the longest request.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from security.clock import Clock
from security.errors import SecurityError
from service import logs
from service.record.errors import Problem, RecordBroken
from service.store.errors import StoreError
from service.store.port import RecordStore, StoredDelivery
from service.sync.arrivals import Arrivals
from service.sync.board import Board, PartnerState, Way
from service.sync.due import REMOVALS, Due
from service.sync.hearing import Hearing
from service.sync.notice_dues import notice_lane
from service.sync.orders import carry_out
from service.sync.overdue import Watches
from service.sync.removing import Removing
from service.sync.serving import Serving
from service.sync.subscribing import Subscribing

LEASE = timedelta(seconds=60)
_RENEWED_EVERY = 10.0
SAFE = 25.0
"""Seconds after renewing for which the lease is surely ours, with the time of a request to spare."""
_TICK = 0.05
_WRITTEN_EVERY = 1.0


@dataclass(slots=True)
class Relay:
    """See the module. `servings` and `overdue` by partner."""

    servings: Mapping[str, Serving]
    arrivals: Arrivals
    board: Board
    store: RecordStore
    clock: Clock
    overdue: Mapping[str, Watches]
    removing: Removing
    hearing: Hearing
    subscribing: Subscribing | None = None
    holder: bytes = field(default_factory=lambda: os.urandom(8))
    _renewed: dict[str, float] = field(default_factory=dict)
    _written: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            try:
                await self.step()
            except (StoreError, Problem):
                await asyncio.sleep(1.0)
            except Exception as fault:
                logs.event("sync-fault", logging.ERROR, reason=type(fault).__name__)
                await asyncio.sleep(1.0)
            await asyncio.sleep(_TICK)

    async def step(self) -> None:
        """Do once what is to be done: hold leases, write down how it stands, look for what is new, send."""
        for serving in self.servings.values():
            await _apart(self._hold(serving))
            await _apart(self._write(serving))
        if await _apart(self.removing.step()):
            self.arrivals.again()
        if self.subscribing is not None and await _apart(self.subscribing.step()):
            self.arrivals.again()
        await self.arrivals.look()
        await _apart(self.hearing.look())
        for serving in self.servings.values():
            serving.dispatch()
            serving.ask()

    async def finish(self) -> None:
        """End: let what is being sent end, write down how it stands, and let others serve at once."""
        for name, serving in self.servings.items():
            held = serving.turn
            serving.held_until = 0.0
            await serving.finish()
            if held:
                await _apart(self.board.change(name, serving.write))
                await self.store.release(self._lease(name), self.holder)
        await self.removing.lease.release()
        if self.subscribing is not None:
            await self.subscribing.finish()

    def arrived(self, delivery: bytes, lane: bytes, due: Due) -> None:
        """Take up a delivery of a partner, or a Subscription, that this process serves."""
        if self.subscribing is not None and self.subscribing.add(delivery, due):
            return
        if due.partner == REMOVALS:
            self.removing.add(delivery, due)
        serving = self.servings.get(due.partner)
        if serving is not None and serving.turn:
            serving.lanes.add(delivery, lane, due)

    def waits(self, delivery: StoredDelivery) -> bool:
        """Say whether a delivery was taken up here already."""
        lanes = (delivery.lane, notice_lane(delivery.id))
        return any(
            serving.lanes.has(delivery.id, lane) for serving in self.servings.values() if serving.turn for lane in lanes
        )

    async def _hold(self, serving: Serving) -> None:
        name = serving.member.name
        now = serving.seconds()
        if now - self._renewed.get(name, float("-inf")) < _RENEWED_EVERY:
            return
        self._renewed[name] = now
        turn = await self.store.lease(self._lease(name), self.holder, self.clock() + LEASE)
        before, serving.turn = serving.turn, turn or 0
        serving.held_until = now + SAFE if turn else 0.0
        if turn and not before:
            await self._take_over(serving)

    async def _take_over(self, serving: Serving) -> None:
        """Begin to serve: read all that waits, and stop what a person has to look at."""
        self.arrivals.again()
        await self.arrivals.look()
        for trouble in await self.board.troubles(serving.member.name):
            if trouble.way is Way.OUT:
                lane = bytes.fromhex(trouble.id)
                waits = serving.lanes.waits_in(lane) if trouble.under_way else serving.lanes.stop_id(lane)
                if waits:
                    serving.stopped.add(lane)
                else:  # it was sent, and whoever served died before taking it off the list
                    await self.board.settled(serving.member.name, trouble.id, Way.OUT)

    async def _write(self, serving: Serving) -> None:
        name, now = serving.member.name, serving.seconds()
        if not serving.turn or now - self._written.get(name, float("-inf")) < _WRITTEN_EVERY:
            return
        self._written[name] = now
        state = await self.board.state(name)
        serving.paused = state.paused
        for command, id in state.orders:
            carry_out(command, id, serving)
        await self.overdue[name].look(serving)
        if not state.orders and not serving.has_news_for(state):
            return
        done = frozenset(state.orders)

        def written(fresh: PartnerState) -> None:
            serving.write(fresh)
            fresh.orders = [one for one in fresh.orders if one not in done]

        await self.board.change(name, written)

    def _lease(self, name: str) -> bytes:
        return self.arrivals.dues.index.token("relay", name)[:16]


async def _apart(doing: Awaitable[object]) -> bool:
    """Do something for one partner; what is broken in its own pages keeps no other partner waiting."""
    try:
        return bool(await doing)
    except (RecordBroken, SecurityError, msgspec.MsgspecError) as fault:
        logs.event("sync-fault", logging.ERROR, reason=type(fault).__name__)
        return False
