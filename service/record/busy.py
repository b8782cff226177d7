"""Writers of one record in several processes: who has lost often enough is let go first.

The compare-and-set alone decides what is committed; nothing here is needed for that. But of two processes that both
have writers for one record the quicker one could win for as long as it has any. So a writer that has lost `INSISTS`
times takes a lease for its next try, and those of other processes stand back while somebody has it: writers who had to
queue in their own process, or have lost themselves, for that shows that the record is busy. A writer who met nobody
asks nothing, and an ordinary write costs nothing more.

Standing back ends after `LOOKS` looks, whatever the lease says, so a clock that stands still holds nobody up for long,
nor does a process that died with a lease. There are 256 names of leases, so that no more lie about in the store, and
none tells which record it is for; a writer of another record that falls under the same name is held up for a moment.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from security.clock import Clock
from service.record.records import Records
from service.store.errors import StoreUnavailable

INSISTS = 8
LOOKS = 32
_LEASE = timedelta(seconds=2)
_LONGEST_PAUSE = 0.016


@asynccontextmanager
async def turn(records: Records, clock: Clock, record_id: bytes, *, lost: int, queued: bool) -> AsyncIterator[None]:
    """Have the turn of a writer who has lost so many times and, in its own process, had to queue or not."""
    if not (lost or queued):
        yield
        return
    store, name, holder = records.store, records.index.token("turn", record_id[:1].hex()), os.urandom(16)
    insists, has_it = lost >= INSISTS, False
    try:
        for _ in range(LOOKS):
            if insists:
                has_it = await store.lease(name, holder, clock() + _LEASE) is not None
            if has_it or not (insists or await store.leased(name)):
                break
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 - jitter
        yield
    finally:
        if has_it:
            with suppress(StoreUnavailable):  # it ends by itself, and what was committed is committed
                await store.release(name, holder)
