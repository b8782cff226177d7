"""However events come (twice, late, in any order, while PDS is away or behind), the end is what PDS says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Message, Untranslatable
from adapters.errors import Unreachable
from adapters.look_again import Said, Told
from adapters.nems_event import read_event
from service.people.invented import nhs_number
from service.sync.earlier import Outcome
from service.sync.inbox import Inbox
from service.sync.look_again import CATCHES_UP, LookAgain, NotConfirmed, NotNow, PdsSays, judged
from service.sync.members import Member
from tests.standins.events import nems

ONE = nhs_number(1)
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MEMBER = cast(Member, SimpleNamespace(name="nems"))
STATES = st.lists(st.sampled_from(["", "1", "2", "U"]), min_size=1, max_size=5)


class Source:
    """Reads events as the adapter does."""

    def about(self, message: Message) -> list[Told]:
        return list(read_event(message.original).told)


@dataclass
class Here:
    """The record of one person, and a PDS whose newest version is `at`: its states by version, from 1."""

    states: list[str]
    at: int = 1
    away: bool = False
    state: str = ""
    kept: list[str] = field(default_factory=list)

    async def by_nhs_number(self, number: str) -> Any:
        identity = SimpleNamespace(birth_date="1940-05-06")
        return SimpleNamespace(record_id=b"r", manifest=SimpleNamespace(identity=identity)) if number == ONE else None

    async def keep(self, partner: str, message: Message) -> str:
        self.kept.append(message.id)
        return message.id

    async def __call__(self, nhs_number: str) -> PdsSays:
        if self.away:
            raise Unreachable("x")
        says, before = self.states[self.at - 1], self.state
        self.state = says
        return PdsSays(says != before, says, says in ("1", "2"), self.at)


def event_of(version: int, state: str) -> Message:
    sent = (START + timedelta(minutes=version)).isoformat()
    return Message(f"m{version}", nems(ONE, status=state, version=version, sent=sent))


@given(STATES, st.data())
def test_the_end_is_what_pds_says(states: list[str], data: st.DataObject):
    here = Here(states)
    events = [event_of(version, state) for version, state in enumerate(states, 1) if state]
    queue = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events))) if events else []))
    look = LookAgain(cast(Any, here), cast(Inbox, here), lambda: START + timedelta(minutes=10), here)

    async def run() -> list[str]:
        waiting, parked = list(queue), list[str]()
        for _ in range(3 * len(waiting) + 1):
            here.at = data.draw(st.integers(here.at, len(states)))
            here.away = data.draw(st.booleans())
            if not waiting:
                break
            message = waiting.pop(0)
            try:
                if await look(MEMBER, cast(Any, Source()), message) is Outcome.WAITING:
                    waiting.append(message)
            except NotNow:
                waiting.append(message)
            except NotConfirmed:
                parked.append(message.id)
        here.at, here.away = len(states), False
        for message in waiting:
            with_it = await look(MEMBER, cast(Any, Source()), message)
            assert with_it is not Outcome.WAITING
        if events:
            await look(MEMBER, cast(Any, Source()), events[-1])
        return parked

    assert asyncio.run(run()) == [], "each event is true of some version of PDS, so that none is for a person"
    if events:
        assert here.state == states[-1]


@pytest.mark.parametrize("said", list(Said))
@pytest.mark.parametrize("death", ["", "1", "2", "U"])
@pytest.mark.parametrize("version", [None, 4, 5, 6])
@pytest.mark.parametrize("changed", [True, False])
def test_what_is_made_of_an_event(said: Said, death: str, version: int | None, changed: bool):
    """The whole table: the event is of version 5."""
    told, says = Told(ONE, said, 5), PdsSays(changed, death, death in ("1", "2"), version)
    if version == 4:
        assert judged(told, says, True) is Outcome.WAITING
        with pytest.raises(Exception, match="older version"):
            judged(told, says, False)
        return
    unborne = {
        Said.DEATH: death == "",
        Said.DEATH_STATUS: death == "",
        Said.DEATH_REMOVED: death in ("1", "2"),
        Said.OTHER: False,
    }
    if unborne[said] and version != 6:
        with pytest.raises(Exception, match="Nothing came of the event"):
            judged(told, says, True)
        return
    expected = Outcome.TAKEN if changed else Outcome.LATE if version == 6 else Outcome.SEEN
    assert judged(told, says, True) is expected


def test_catching_up_ends_after_an_hour():
    here = Here([""])
    message = event_of(2, "2")
    for waited, outcome in ((timedelta(0), Outcome.WAITING), (CATCHES_UP, None), (-CATCHES_UP, None)):
        now = START + timedelta(minutes=2) + waited
        look = LookAgain(cast(Any, here), cast(Inbox, here), lambda now=now: now, here)  # type: ignore[misc]
        if outcome is not None:
            assert asyncio.run(look(MEMBER, cast(Any, Source()), message)) is outcome
        else:
            with pytest.raises(NotConfirmed):
                asyncio.run(look(MEMBER, cast(Any, Source()), message))


@pytest.mark.parametrize(("born", "fits"), [("", True), ("1940", True), ("1940-05-06", True), ("1940-05-07", False)])
def test_a_birth_date_that_is_known_in_part_may_be_the_same(born: str, fits: bool):
    here = Here(["2"])
    look = LookAgain(cast(Any, here), cast(Inbox, here), lambda: START, here)
    message = Message("m", nems(ONE, birth_date=born, version=1))
    if fits:
        assert asyncio.run(look(MEMBER, cast(Any, Source()), message)) is Outcome.TAKEN
    else:
        with pytest.raises(NotConfirmed, match="birth date"):
            asyncio.run(look(MEMBER, cast(Any, Source()), message))


def test_what_cannot_be_read_is_kept_by_nobody_here():
    here = Here([""])
    look = LookAgain(cast(Any, here), cast(Inbox, here), lambda: START, here)
    with pytest.raises(Untranslatable):
        asyncio.run(look(MEMBER, cast(Any, Source()), Message("m", b"no event")))
    assert here.kept == []
