"""The FHIR Subscriptions of a deployment: one process at a time fans changes out and serves them all, under one lease.

What a commit caused waits in the store (`=subscriptions`) until it is fanned out, and then for each subscription until
it was told. So whoever takes the lease over finds everything there, and nothing of it is known in memory alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from security.clock import Clock, instant, parse_instant
from security.errors import KeyUnavailable, SecurityError
from security.registry import ClientRegistry
from service import logs
from service.record.errors import Problem, RecordBroken
from service.store.errors import StoreError
from service.store.port import RecordStore
from service.sync.due import SUBSCRIPTIONS, Due, subscription_of
from service.sync.fan_out import FanOut
from service.sync.lease import Lease
from service.sync.notify import Stopped, client_of
from service.sync.notifying import OFF_AFTER, Notifying
from service.sync.subscribed import Kept, KnownSubscriptions

MOST_SETTLED = 20_000
"""Deliveries that are remembered as done, for a look at the store that began before they were."""
_OUR_PAUSE = 2.0
_RESTS = 10.0
"""Seconds until it is tried again where what is kept of subscriptions does not open."""
_CLIENT_GONE = "The client is not registered any more, or may not act by itself."
_OVER = "The time that it was asked for is over."
_TOO_LONG = "The endpoint took nothing for a day; what waited for it is forgotten."


@dataclass(slots=True)
class Subscribing:
    """See the module. `serve` makes what serves one; `seconds` only goes forward."""

    known: KnownSubscriptions
    lease: Lease
    fan_out: FanOut
    registry: ClientRegistry
    store: RecordStore
    clock: Clock
    seconds: Callable[[], float]
    serve: Callable[[Kept, dict[bytes, Due], Callable[[str, list[bytes]], None]], Notifying]
    served: dict[str, Notifying] = field(default_factory=dict)
    fanning: asyncio.Task[None] | None = None
    _commits: dict[bytes, Due] = field(default_factory=dict)
    _waiting: dict[str, dict[bytes, Due]] = field(default_factory=dict)
    _settled: dict[bytes, None] = field(default_factory=dict)
    _fan_at: float = 0.0
    _rests_until: float = float("-inf")

    def add(self, delivery: bytes, due: Due) -> bool:
        """Take up a delivery that is for here; say whether it is. It is the same however often it is told of."""
        id = subscription_of(due.partner)
        if not id and due.partner != SUBSCRIPTIONS:
            return False
        if self.lease.still_ours() and delivery not in self._settled:
            (self._waiting.setdefault(id, {}) if id else self._commits)[delivery] = due
        return True

    async def step(self) -> bool:
        """Do what is to be done; say whether the lease has just become ours, so that what waits has to be read."""
        if self.seconds() < self._rests_until:
            return False
        try:
            read = await self.known.look()
            taken = await self.lease.hold()
            if not self.lease.still_ours():
                await self._let_go()
                return False
            if await self.known.look(now=taken) or read:
                await self._follow()
        except (RecordBroken, SecurityError) as broken:
            # Partners are served all the same; and every commit is told of here, to be fanned out when it is mended.
            logs.event("subscriptions-not-opened", logging.ERROR, reason=type(broken).__name__)
            self._rests_until = self.seconds() + _RESTS
            await self._let_go()
            return False
        if self._commits and (self.fanning is None or self.fanning.done()) and self.seconds() >= self._fan_at:
            self.fanning = asyncio.create_task(self._fan())
        for one in self.served.values():
            one.go()
        return taken

    def tasks(self) -> list[asyncio.Task[None]]:
        """Return what is running now."""
        running = [self.fanning, *(one.task for one in self.served.values())]
        return [task for task in running if task is not None and not task.done()]

    async def finish(self) -> None:
        """End, and let others serve at once."""
        await self._let_go()
        await self.lease.release()

    async def _let_go(self) -> None:
        if self.fanning is not None and not self.fanning.done():
            self.fanning.cancel()
        served, self.served = self.served, {}
        for one in served.values():
            await one.close()
        self._commits.clear()
        self._waiting.clear()

    async def _fan(self) -> None:
        """Fan out what was committed, in order."""
        try:
            while self._commits and self.lease.still_ours():
                delivery, due = next(iter(self._commits.items()))
                try:
                    await self.fan_out(due, self.known.live)
                except KeyUnavailable:
                    raise
                except (RecordBroken, SecurityError):
                    logs.event("record-not-opened", logging.ERROR)
                await self.store.done(delivery)
                self._remember([delivery])
                self._commits.pop(delivery, None)
        except (StoreError, KeyUnavailable, Problem):
            self._fan_at = self.seconds() + _OUR_PAUSE
        except Exception as fault:
            logs.event("sync-fault", logging.ERROR, reason=type(fault).__name__)
            self._fan_at = self.seconds() + _OUR_PAUSE

    async def _follow(self) -> None:
        """Take up what subscriptions there are by now: begin, change and end serving them."""
        for kept in self.known.live:
            if why := self._ends(kept):
                await self.known.page.turn(kept.id, kept.version, instant(self.clock()), status="off", error=why)
        live = {kept.id: kept for kept in self.known.live if not self._ends(kept)}
        for id, one in list(self.served.items()):
            if id not in live or live[id].resource != one.kept.resource:
                del self.served[id]
                await one.close()
                if id not in live:
                    await one.forget()
        for id, kept in live.items():
            if id in self.served:
                self.served[id].becomes(kept)
            else:
                self.served[id] = self.serve(kept, self._waiting.setdefault(id, {}), self._done)
        for id in self._waiting.keys() - live.keys():
            dropped = list(self._waiting.pop(id))
            for delivery in dropped:
                await self.store.done(delivery)
            self._remember(dropped)

    def _ends(self, kept: Kept) -> str:
        """Return why a subscription is over now, '' while it is not."""
        try:
            client_of(self.registry, kept)
        except Stopped:
            return _CLIENT_GONE
        now = self.clock()
        if kept.wish.end and parse_instant(kept.wish.end) <= now:
            return _OVER
        if kept.failing and now - parse_instant(kept.failing) >= OFF_AFTER:
            return _TOO_LONG
        return ""

    def _done(self, id: str, deliveries: list[bytes]) -> None:
        waiting = self._waiting.get(id, {})
        for delivery in deliveries:
            waiting.pop(delivery, None)
        self._remember(deliveries)

    def _remember(self, deliveries: list[bytes]) -> None:
        self._settled.update(dict.fromkeys(deliveries))
        while len(self._settled) > MOST_SETTLED:
            del self._settled[next(iter(self._settled))]
