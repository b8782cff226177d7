"""The limit on guessing: how often somebody may look for a person by number or particulars and find nobody (12, API4).

Counted are look-ups that end in a refusal, of the person who is signed in at a client, and of the client as a whole at
ten times their limit. An absent person and one whom the caller may not know of count alike (I3): both are refusals
after the look-up, and this file learns of nothing else. Processes share the counts, in the store's expiring counters.

Over the limit, whoever guesses gets the same answer (429) to every look-up that no established relationship answers,
present or absent, for `LOCKED`; then counting begins anew. An established relationship goes on being answered: a crew
with a registered open incident, a practice that asks for its own patients (hazard H8). The lock is kept in each
process: one that did not see it learns of it at its own next refusal, from the shared count, so no permitted answer
waits for a look at the store.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from security.blind_index import BlindIndex
from security.principal import Principal
from service.record.errors import Problem
from service.store.port import RecordStore

GUESS_LIMIT = "$guess-limit"
"""The interaction of the audit entry that says that somebody reached the limit."""
WINDOW = timedelta(minutes=10)
LOCKED = timedelta(minutes=15)
OF_A_CLIENT = 10
"""How many times a person's limit a whole client has."""
_MOST_LOCKED = 10_000


@dataclass(eq=False)
class TooManyGuesses(Problem):
    """Too many look-ups found nobody; in `seconds` the caller may ask again."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What one more refusal came to: whether it is over the limit, and whether it is the very one that reached it."""

    over: bool
    reached: bool


@dataclass(slots=True)
class GuessLimit:
    """Counts and locks. `limit`: refused look-ups of a person within `WINDOW`; 0 switches it off."""

    store: RecordStore
    index: BlindIndex
    limit: int
    _locked: dict[tuple[str, str], datetime] = field(default_factory=dict, repr=False)

    def locked(self, principal: Principal, now: datetime) -> int:
        """Return for how many seconds a caller is locked out from now on; 0 for not."""
        if not self._locked:
            return 0
        until = max((self._locked.get(one, now) for one in _names(principal)), default=now)
        return math.ceil((until - now).total_seconds()) if until > now else 0

    async def count(self, principal: Principal, now: datetime) -> Counted:
        """Count a refused look-up, and lock the caller out when it is one too many. Raise what the store raises."""
        if not self.limit:
            return Counted(over=False, reached=False)
        span = WINDOW.total_seconds()
        until = datetime.fromtimestamp((math.floor(now.timestamp() / span) + 1) * span, now.tzinfo)
        over = reached = False
        for name, most in zip(_names(principal), (self.limit, self.limit * OF_A_CLIENT), strict=True):
            counted = await self.store.count(self.index.token("guesses", "|".join(name)), until)
            if counted > most:
                self._lock(name, now)
                over, reached = True, reached or counted == most + 1
        return Counted(over, reached)

    def _lock(self, name: tuple[str, str], now: datetime) -> None:
        if self._locked.get(name, now) > now:
            return
        if len(self._locked) >= _MOST_LOCKED:
            self._locked = {one: until for one, until in self._locked.items() if until > now}
        self._locked[name] = now + LOCKED


def _names(principal: Principal) -> Sequence[tuple[str, str]]:
    """Return who is counted: the person at this client, or the machine; and the client as a whole."""
    user = "" if principal.user is None else principal.user.id
    return (principal.client_id, f"user:{user}"), (principal.client_id, "all")
