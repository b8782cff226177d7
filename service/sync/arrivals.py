"""Deliveries out of the store into lanes: what is new since the last look, whoever committed it. One for a process.

Where ids grow with filing, only what is behind the last id seen is read. Where they do not, all that waits is read
again each time, and the more there is the more seldom: looking takes a tenth of the time, unless it takes so long that
what is urgent would wait for it. A store that hung once is looked at as soon as ever again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from security.errors import SealBroken
from service.store.port import RecordStore, StoredDelivery
from service.sync.due import Due, Dues
from service.sync.notice_dues import NoticeDues, notice_lane

_PAGE = 1_000
_AGAIN_EVERY = 30.0
"""Seconds after which all that waits is read again anyhow, for whatever this process let go of."""
_LONGEST_PAUSE = 2.0
"""Seconds between two looks at most."""


@dataclass(slots=True)
class Arrivals:
    """Reads them. `seconds` is a clock that only goes forward.

    `arrived` is told of each delivery for which `waits` does not say that it was taken up before.
    """

    store: RecordStore
    dues: Dues
    notices: NoticeDues
    seconds: Callable[[], float]
    arrived: Callable[[bytes, bytes, Due], None]
    waits: Callable[[StoredDelivery], bool]
    _seen: bytes = b""
    _next: float = 0.0
    _whole: float = 0.0
    _foreign: set[bytes] = field(default_factory=set)

    def again(self) -> None:
        """Read all that waits at the next look: this process serves a partner that it did not serve before."""
        self._seen, self._next = b"", 0.0

    async def look(self) -> None:
        """Tell of what waits, if it is time to look."""
        now = self.seconds()
        if now < self._next:
            return
        if not self.store.deliveries_in_order or now >= self._whole:
            self._seen, self._whole = b"", now + _AGAIN_EVERY
        while found := await self.store.waiting(self._seen, _PAGE):
            for delivery in found:
                if delivery.id in self._foreign or self.waits(delivery):
                    continue
                try:
                    due = self.dues.open(delivery)
                except SealBroken:
                    await self._foreign_or_notice(delivery)
                    continue
                self.arrived(delivery.id, delivery.lane, due)
            self._seen = found[-1].id
            if len(found) < _PAGE:
                break
        if not self.store.deliveries_in_order:
            looked = self.seconds()
            self._next = looked + min(9 * (looked - now), _LONGEST_PAUSE)

    async def _foreign_or_notice(self, delivery: StoredDelivery) -> None:
        """Tell of a notice to a person that a partner carries; what else it may be is nothing to sync."""
        notice = await self.notices.open(delivery)
        if notice is None:
            self._foreign.add(delivery.id)
        else:
            self.arrived(delivery.id, notice_lane(delivery.id), notice)
