"""What waits to be sent, as the store hands it out, and a relay that gets some of it done."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from security.clock import system_clock
from security.keys import open_keys
from service.opening import open_store
from service.settings import Settings
from service.store.port import RecordStore, StoredDelivery
from tests.crash.telling import Telling, Told

_PAGE = 500


class DeliveryLook:
    """Looks at the deliveries of one home again and again; what it got done must never come back."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._telling = Telling.of(settings)
        self.done: set[Told] = set()

    def waiting(self) -> dict[str, list[Told]]:
        """Return what waits, in order, by the person of whom it tells."""
        found: dict[str, list[Told]] = defaultdict(list)
        for told in asyncio.run(self._look()):
            found[told.person].append(told)
        return found

    def get_some_done(self, random: Random) -> None:
        """Do what a relay does: send from the front of some lanes, and forget what was sent."""
        asyncio.run(self._get_done(random))

    async def _look(self) -> list[Told]:
        async with self._store() as store:
            return [self._telling.read(one) for one in await everything(store)]

    async def _get_done(self, random: Random) -> None:
        async with self._store() as store:
            lanes: dict[bytes, list[StoredDelivery]] = defaultdict(list)
            for one in await everything(store):
                lanes[one.lane].append(one)
            for lane in random.sample(sorted(lanes), k=len(lanes) // 3):
                for one in lanes[lane][: random.randint(1, 3)]:
                    await store.done(one.id)
                    self.done.add(self._telling.read(one))

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[RecordStore]:
        settings = self._settings
        store = await open_store(settings, open_keys(settings.keys), system_clock)
        try:
            yield store
        finally:
            await store.close()


async def everything(store: RecordStore) -> list[StoredDelivery]:
    """Return all that waits, in order of id."""
    waiting: list[StoredDelivery] = []
    while some := await store.waiting(waiting[-1].id if waiting else b"", _PAGE):
        waiting += some
    return waiting
