"""Things that arrive one by one and are written in groups: what gathers while one is written is the next group."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from service.store.errors import StoreError, StoreUnavailable

Item = TypeVar("Item")


class Gathering(Generic[Item]):
    """Writes groups, one after the other. `write` makes a whole group durable, or raises and has failed all of it."""

    def __init__(self, write: Callable[[list[Item]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    def append(self, item: Item) -> asyncio.Future[None]:
        """Take an item; the future resolves when it is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return future

    async def finish(self) -> None:
        """Wait until everything that was taken is durable or failed."""
        while self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)  # who was answered just now may have more, and it can come along
                group, self._waiting = self._waiting, []
                try:
                    await self._write([item for item, _ in group])
                    failure = None
                except StoreError as error:
                    failure = error
                except Exception as error:  # nobody foresaw it, and who waits must hear all the same
                    failure = StoreUnavailable("what was gathered could not be written")
                    failure.__cause__ = error
                for _, future in group:
                    if future.done():
                        continue
                    if failure is None:
                        future.set_result(None)
                    else:
                        future.set_exception(failure)
        finally:
            self._writing = None
