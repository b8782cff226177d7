"""Looking for what waits: how often, where all of it has to be read each time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from service.store.port import RecordStore, StoredDelivery
from service.sync.arrivals import Arrivals
from service.sync.due import Dues
from service.sync.notice_dues import NoticeDues


@dataclass
class Slow:
    """A store in which ids do not grow with filing; each look takes the next of `takes` seconds, or none."""

    takes: list[float]
    deliveries_in_order: bool = False
    seconds: float = 1_000.0
    looks: list[float] = field(default_factory=list)

    async def waiting(self, after: bytes, limit: int) -> list[StoredDelivery]:
        """Return nothing, late."""
        self.looks.append(self.seconds)
        self.seconds += self.takes.pop(0) if self.takes else 0.0
        return []


async def looks_in(seconds: float, *, takes: list[float]) -> list[float]:
    """Let a process look again and again, and return when it did, in seconds since it began."""
    store = Slow(takes)
    began = store.seconds
    arrivals = Arrivals(
        cast("RecordStore", store),
        cast("Dues", None),
        cast("NoticeDues", None),
        lambda: store.seconds,
        lambda *_: None,
        lambda _: False,
    )
    while store.seconds < began + seconds:
        await arrivals.look()
        store.seconds += 0.05
    return [look - began for look in store.looks]


async def test_looking_takes_a_tenth_of_the_time() -> None:
    looks = await looks_in(10.0, takes=[0.1] * 100)
    assert 9 <= len(looks) <= 11


async def test_a_store_that_hung_once_is_looked_at_again_soon() -> None:
    looks = await looks_in(60.0, takes=[40.0])
    assert looks[1] < 43.0, "and not after ten times as long"
    assert len(looks) > 100
