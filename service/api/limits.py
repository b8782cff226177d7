"""How often a client may ask: so many requests a minute, by the token's client, in this process.

A count in memory costs the emergency path a fraction of a microsecond; a shared one would cost a write. So several
processes allow several times as much together, which is still bounded. Emergency answers have a count of their own,
`EMERGENCY` times as large: a client that misbehaves elsewhere cannot use up its crews' answers (hazard H8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from service.api.errors import TooManyRequests

SPAN = 60.0
EMERGENCY = 10
_MOST_COUNTED = 10_000


@dataclass(slots=True)
class RateLimit:
    """Counts requests by name in whole minutes. `most` a minute; 0 switches it off."""

    most: int
    _until: float = 0.0
    _counts: dict[str, int] = field(default_factory=dict, repr=False)

    def check(self, name: str, now: datetime) -> None:
        """Count one request; raise TooManyRequests for one too many."""
        if self.most and self.counted(name, now) > self.most:
            raise TooManyRequests(self.wait(now))

    def counted(self, name: str, now: datetime) -> int:
        """Count one more under a name and return the count of this minute."""
        moment = now.timestamp()
        # A clock that was moved back must not leave a count that never ends.
        if not self._until - SPAN <= moment < self._until or len(self._counts) > _MOST_COUNTED:
            self._until = (moment // SPAN + 1) * SPAN
            self._counts.clear()
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return count

    def reached(self, name: str, now: datetime) -> bool:
        """Say whether the count of this minute is at its limit, without counting."""
        moment = now.timestamp()
        return bool(self.most) and self._until - SPAN <= moment < self._until and self._counts.get(name, 0) >= self.most

    def wait(self, now: datetime) -> int:
        """Return in how many seconds counting begins anew."""
        return max(1, math.ceil(self._until - now.timestamp()))
