"""What is known of a partner's traffic, kept where every process and command can see it: the sync board.

Two sealed pages for each partner: its state, which the process that serves the partner writes every second when there
is something to say, and what a person has to look at. Nobody is named on either: lanes and keyed ids.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from security.clock import instant
from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records
from service.store.port import SealedEntry

MOST_EVENTS = 200
MOST_LAGS = 512
MOST_TROUBLES = 5_000
"""Entries of what a person has to look at; beyond them the oldest stay, and the rest is counted."""


class Event(msgspec.Struct, array_like=True, frozen=True):
    """Something that happened to a partner's traffic as a whole: when (FHIR instant), what, and a plain sentence."""

    time: str
    what: str
    words: str


class Absence(msgspec.Struct, array_like=True, frozen=True):
    """A time in which a partner did not answer as it should: from when to when (FHIR instants; `ended` '' while it
    lasts), why, and the most deliveries that waited. `given`, `removed` and `taken` are the counts of `PartnerState`
    when it began, from which what came through since can be told.
    """

    began: str
    ended: str
    reason: str
    most: int
    given: int
    removed: int
    taken: int


class PartnerState(msgspec.Struct, array_like=True):
    """How a partner's traffic stands. Times are FHIR instants, '' for never; lags are seconds from commit to delivered.

    `paused` and `orders` are people's, the rest is the serving process's. `circuit` is '' while it is closed, else the
    sentence why it is open. `waiting` counts by rank; `oldest` is the commit of the oldest that waits. `given` and
    `taken` count effects since the beginning. `oldest_urgent` is the oldest that waits of what overtakes
    everything; `absences` are the last times away, oldest first (`service.sync.absences`). `still` is the pause that is
    kept, with nothing under way any more: a pause is ordered first, and the serving process hears of it within a second
    or two. The order of fields is the stored form: append only, with a default.
    """

    paused: str = ""
    paused_by: str = ""
    orders: list[tuple[str, str]] = []
    as_of: str = ""
    circuit: str = ""
    circuit_since: str = ""
    last_success: str = ""
    last_failure: str = ""
    last_poll: str = ""
    cursor: str = ""
    waiting: dict[int, int] = {}
    oldest: str = ""
    given: int = 0
    removed: int = 0
    taken: int = 0
    lags: list[float] = []
    events: list[Event] = []
    oldest_urgent: str = ""
    absences: list[Absence] = []
    still: str = ""

    def lag(self, part: float) -> float | None:
        """Return a quantile (0 to 1) of the last lags, None where there are none."""
        if not self.lags:
            return None
        ordered = sorted(self.lags)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]

    def note(self, event: Event) -> None:
        """Add an event, unless it says what the last one said; the oldest goes where there are too many."""
        if self.events and (self.events[-1].what, self.events[-1].words) == (event.what, event.words):
            return
        self.events = [*self.events[-(MOST_EVENTS - 1) :], event]


class Way(StrEnum):
    """Which way what needs a person was going."""

    OUT = "out"
    IN = "in"


class Trouble(msgspec.Struct, array_like=True, frozen=True):
    """Something that a person has to look at: a lane that is stopped, or a message that is parked.

    `id` is the lane's or the message's, hexadecimal; `subject` the person's keyed id, if it is known; `reason`
    a plain sentence without content; `since` and `last` FHIR instants. `parked`: somebody put it aside. `under_way`: it
    is late and goes on being tried, so its lane is not stopped. The order of fields is the stored form: append only,
    with a default.
    """

    id: str
    way: Way
    subject: str
    cause: str
    reason: str
    since: str
    last: str
    tries: int = 1
    parked: bool = False
    urgent: bool = False
    under_way: bool = False


Audited = Callable[[OpenRecord], SealedEntry]
"""Makes the audit entry of a change from the page that it changes; it is durable together with the change."""

_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(PartnerState).decode
_decode_troubles = msgspec.msgpack.Decoder(list[Trouble]).decode


@dataclass(frozen=True, slots=True)
class Board:
    """Reads and changes the pages."""

    pages: Pages = field(repr=False)

    @classmethod
    def of(cls, records: Records) -> Board:
        """Return the board of a service."""
        return cls(Pages(records, RecordKind.SYNC))

    async def state(self, partner: str) -> PartnerState:
        """Return how a partner's traffic stands."""
        content = await self.pages.read(f"state.{partner}")
        return _decode_state(content) if content else PartnerState()

    async def change(
        self, partner: str, edit: Callable[[PartnerState], bool | None], audited: Audited | None = None
    ) -> PartnerState:
        """Change how it stands, and return it. An `edit` that returns False changed nothing, and nothing is written."""
        state = PartnerState()

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            nonlocal state
            state = _decode_state(content) if content else PartnerState()
            if edit(state) is False:
                return None
            return Edited(_encode(state), _entries(page, audited))

        await self.pages.change(f"state.{partner}", edited)
        return state

    async def pause(self, partner: str, by: str, now: datetime, audited: Audited | None = None) -> None:
        """Let nothing be sent to a partner, or asked of it, until somebody resumes it; what waits is kept."""

        def edit(state: PartnerState) -> bool:
            if state.paused:
                return False
            state.paused, state.paused_by = instant(now), by
            state.note(Event(state.paused, "paused", f"Paused by {by}."))
            return True

        await self.change(partner, edit, audited)

    async def resume(self, partner: str, by: str, now: datetime, audited: Audited | None = None) -> None:
        """End a pause."""

        def edit(state: PartnerState) -> bool:
            if not state.paused:
                return False
            state.paused = state.paused_by = ""
            state.note(Event(instant(now), "resumed", f"Resumed by {by}."))
            return True

        await self.change(partner, edit, audited)

    async def troubles(self, partner: str) -> list[Trouble]:
        """Return what a person has to look at, the oldest first."""
        content = await self.pages.read(f"trouble.{partner}")
        return _decode_troubles(content) if content else []

    async def trouble(self, partner: str, new: Trouble) -> None:
        """Put something where a person will look; the same again is one more try of it."""

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            found = _decode_troubles(content) if content else []
            for place, one in enumerate(found):
                if (one.id, one.way) == (new.id, new.way):
                    found[place] = msgspec.structs.replace(
                        new, since=one.since, tries=one.tries + 1, parked=one.parked and not new.urgent
                    )
                    return Edited(_encode(found))
            if len(found) >= MOST_TROUBLES:
                return None
            return Edited(_encode([*found, new]))

        await self.pages.change(f"trouble.{partner}", edited)

    async def settled(self, partner: str, id: str, way: Way) -> bool:
        """Take something off the list, and say whether it was there."""
        was = False

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            nonlocal was
            found = _decode_troubles(content) if content else []
            left = [one for one in found if (one.id, one.way) != (id, way)]
            was = len(left) < len(found)
            return Edited(_encode(left)) if was else None

        await self.pages.change(f"trouble.{partner}", edited)
        return was

    async def park(self, partner: str, id: str, way: Way, parked: bool = True, audited: Audited | None = None) -> bool:
        """Put something aside, or take it up again; say whether it was on the list, and not so already."""
        was = False

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            nonlocal was
            found = _decode_troubles(content) if content else []
            was = any((one.id, one.way, one.parked) == (id, way, not parked) for one in found)
            if not was:
                return None
            changed = [
                msgspec.structs.replace(one, parked=parked) if (one.id, one.way) == (id, way) else one for one in found
            ]
            return Edited(_encode(changed), _entries(page, audited))

        await self.pages.change(f"trouble.{partner}", edited)
        return was


def _entries(page: OpenRecord, audited: Audited | None) -> tuple[SealedEntry, ...]:
    return () if audited is None else (audited(page),)
