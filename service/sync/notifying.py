"""One Subscription as one process serves it: handshake, events one after another, heartbeats, and what failures make.

Everything of a subscription is sent in one line, since events are numbered; so there are no lanes, and what is urgent
goes to the front of what waits. A failure speaks of the endpoint, never of one person: it is tried again later and
later by the same table as partners' are, the status says `error` after some, and `off` after a day. Nothing that waits
is lost before that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from adapters.errors import AddressRefused, OutsideError
from adapters.partners import Limits
from adapters.rest_hook import RestHook
from adapters.subscription_notification import Kind
from security.clock import Clock, instant, parse_instant
from security.errors import KeyUnavailable
from service import logs
from service.record.errors import Problem
from service.store.errors import StoreError
from service.sync.due import Due
from service.sync.give import Overtaken as LeaseLost
from service.sync.lease import Lease
from service.sync.notify import Notify, Stopped
from service.sync.outbox import Outbox, Overtaken
from service.sync.retry import pause, reason_of, retry_after_of
from service.sync.subscribed import ACTIVATED_AFTER, Kept

ERROR_AFTER = 5
"""Failures in a row after which the status is `error`."""
OFF_AFTER = timedelta(hours=24)
"""How long an endpoint may take nothing until the subscription is off, and what waits is forgotten."""
_OUR_PAUSE = 2.0
_LIMITS = Limits()


@dataclass(slots=True)
class Notifying:
    """See the module. `waiting` are deliveries by id. `seconds` only goes forward, `part` is random from 0 to 1."""

    kept: Kept
    hook: RestHook
    notify: Notify
    lease: Lease
    clock: Clock
    seconds: Callable[[], float]
    part: Callable[[], float]
    settled: Callable[[str, list[bytes]], None]
    waiting: dict[bytes, Due]
    task: asyncio.Task[None] | None = None
    attempts: int = 0
    retry_at: float = 0.0
    _looked: bool = False
    _said: float = field(default=float("-inf"))

    def __post_init__(self) -> None:
        self._said = self.seconds()

    def go(self) -> None:
        """Send what is to be sent now, unless something is being sent."""
        if (self.task is not None and not self.task.done()) or not self.lease.still_ours():
            return
        if self.seconds() < self.retry_at:
            return
        if self.kept.status == "requested":
            if self.clock() - parse_instant(self.kept.since) >= ACTIVATED_AFTER:
                self.task = asyncio.create_task(self._try(self._greet))
        elif self.kept.served and (self.waiting or not self._looked):
            self.task = asyncio.create_task(self._try(self._tell))
        elif self.kept.status == "active" and 0 < self.kept.wish.heartbeat <= self.seconds() - self._said:
            self.task = asyncio.create_task(self._try(self._beat))

    def becomes(self, kept: Kept) -> None:
        """Take up how the subscription stands by now; what was asked for is the same."""
        if kept.version >= self.kept.version:
            if kept.since != self.kept.since:
                self.attempts, self.retry_at = 0, 0.0
            self.kept = kept

    async def close(self) -> None:
        """End what is being sent, and let go of connections."""
        if self.task is not None and not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])
        await self.hook.close()

    async def forget(self) -> None:
        """Forget what had a number and was not taken: the subscription is off, or gone."""
        with contextlib.suppress(Overtaken):
            await self.notify.outboxes.change(self.kept.id, self.lease.turn, Outbox.forget)

    async def _try(self, what: Callable[[], Awaitable[None]]) -> None:
        """Do something, and whatever its failure asks for."""
        try:
            await what()
        except OutsideError as error:
            await self._failed(error)
        except (LeaseLost, Overtaken, Stopped):
            self.retry_at = self.seconds() + _OUR_PAUSE  # by then it is known what became of it
        except (StoreError, KeyUnavailable, Problem):
            self.retry_at = self.seconds() + _OUR_PAUSE
        except Exception as fault:
            logs.event("sync-fault", logging.ERROR, reason=type(fault).__name__)
            self.retry_at = self.seconds() + _LIMITS.retry_cap

    async def _greet(self) -> None:
        await self.notify.say(self.kept, self.hook, Kind.HANDSHAKE, self.lease.still_ours)
        await self._turn(status="active", greeted=True, error="", failing="")
        self._sent()

    async def _tell(self) -> None:
        settled = await self.notify(self.kept, self.hook, self.waiting, self.lease.turn, self.lease.still_ours)
        self.settled(self.kept.id, settled)
        self._looked = True
        if settled:
            if self.kept.status == "error":
                await self._turn(status="active", error="", failing="")
            self._sent()

    async def _beat(self) -> None:
        await self.notify.say(self.kept, self.hook, Kind.HEARTBEAT, self.lease.still_ours)
        self._sent()

    def _sent(self) -> None:
        self.attempts, self.retry_at, self._said = 0, 0.0, self.seconds()

    async def _failed(self, error: OutsideError) -> None:
        self.attempts += 1
        self.retry_at = self.seconds() + pause(self.attempts, _LIMITS, retry_after_of(error), self.part)
        reason = reason_of(error).replace("The partner's system", "The endpoint")
        final = self.kept.status == "requested" or isinstance(error, AddressRefused)
        if not final and self.attempts < ERROR_AFTER:
            return
        if self.kept.status != "error":
            logs.event("subscription-error", logging.WARNING, client=self.kept.client)
        failing = self.kept.failing or instant(self.clock())
        await self._turn(status="error", error=reason, failing=failing)

    async def _turn(self, **becoming: object) -> None:
        now = instant(self.clock())
        fresh = await self.notify.page.turn(self.kept.id, self.kept.version, now, **becoming)
        if fresh is not None:
            self.kept = fresh
