"""Processes of a test that can die between any two things they do, or stop for a while and go on as if nothing were.

What a process does to the world goes through its store and its partners; each such step asks the process's fate first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from service.store.port import RecordStore


class Died(BaseException):
    """The process is dead: nothing of it runs any more, no handler of a failure either."""


class Fate:
    """One process. `blocked` counts those of its tasks that wait because it is stopped, or its partner slow."""

    def __init__(self) -> None:
        self.dead = False
        self.blocked = 0
        self._left: int | None = None
        self._before = True
        self._goes = asyncio.Event()
        self._goes.set()

    @property
    def stopped(self) -> bool:
        """Whether it stands still."""
        return not self._goes.is_set()

    def dies_in(self, steps: int, *, before: bool) -> None:
        """Let it die at the step with this number (1: the next), before the step has an effect or after."""
        self._left, self._before = steps, before

    def lives(self) -> None:
        """Let it live on, unless it died already."""
        self._left = None

    def stop(self) -> None:
        """Let it stand still, as at SIGSTOP."""
        self._goes.clear()

    def go_on(self) -> None:
        """Let it go on, as at SIGCONT."""
        self._goes.set()

    async def wait_for(self, event: asyncio.Event) -> None:
        """Wait for something that only the test can bring about."""
        self.blocked += 1
        try:
            await event.wait()
        finally:
            self.blocked -= 1

    async def before(self) -> None:
        """Come to a step."""
        if self.stopped:
            await self.wait_for(self._goes)
        if not self.dead and self._left is not None:
            self._left -= 1
            self.dead = self._left <= 0 and self._before
        if self.dead:
            raise Died

    async def after(self) -> None:
        """Leave it: what it did to the world is done."""
        if self.stopped:
            await self.wait_for(self._goes)
        if self._left is not None and self._left <= 0:
            self.dead = True
        if self.dead:
            raise Died


class MortalStore:
    """A store as one process uses it."""

    def __init__(self, store: RecordStore, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._mortal(found) if asyncio.iscoroutinefunction(found) else found

    def _mortal(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def called(*arguments: Any, **named: Any) -> Any:
            await self._fate.before()
            result = await call(*arguments, **named)
            await self._fate.after()
            return result

        return called
