"""Asking a partner what is new, and taking it in: one question at a time, each message acknowledged after its commit.

The cursor moves only when every message before it is settled, taken or parked. So a process that dies in between asks
the same again, and what came before changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.base import Adapter, Prefills, Whom
from security.clock import Clock, instant
from service import tracing
from service.sync.board import Board, Event, PartnerState
from service.sync.earlier import Outcome
from service.sync.held import LaneState
from service.sync.inbox import Inbox
from service.sync.members import Member
from service.sync.take_in import TakeIn

_MOST_PAGES = 1_000
"""Pages of one poll; a partner that says forever that there is more is asked again at the next."""


@dataclass(slots=True)
class Polling:
    """Asks one partner. `seconds` only goes forward."""

    member: Member
    adapter: Adapter
    take_in: TakeIn
    inbox: Inbox
    board: Board
    clock: Clock
    seconds: Callable[[], float]
    next: float = field(default=float("-inf"))

    def is_due(self) -> bool:
        """Say whether it is time to ask again."""
        return self.member.description.sends and self.seconds() >= self.next

    async def ask(self, turn: int, still_ours: Callable[[], bool]) -> Counter[Outcome]:
        """Ask, and take in all that is new; return what became of the messages. Raise an OutsideError."""
        with tracing.span("poll", partner=self.member.name) as span:
            outcomes = await self._ask(turn, still_ours)
            span.set(outcome="asked", messages=outcomes.total(), taken=outcomes[Outcome.TAKEN])
            return outcomes

    async def _ask(self, turn: int, still_ours: Callable[[], bool]) -> Counter[Outcome]:
        self.next = self.seconds() + self.member.description.limits.poll_every
        name, outcomes, untold = self.member.name, Counter[Outcome](), Counter[Outcome]()
        cursor = (await self.board.state(name)).cursor
        for _ in range(_MOST_PAGES):
            polled = await self.adapter.poll(cursor)
            for message in polled.messages:
                if not still_ours():
                    return outcomes
                outcome = await self.take_in(self.member, self.adapter, message, turn)
                outcomes[outcome] += 1
                untold[outcome] += 1
                if outcome is not Outcome.WAITING:
                    await self.adapter.settled(message)
            if polled.cursor != cursor or not polled.more:
                cursor = polled.cursor
                await self.board.change(name, self._asked(cursor, untold))
            if not polled.more:
                break
        return outcomes

    async def prefill(self, lane: bytes, whom: Whom, turn: int) -> None:
        """Take in all that the partner has of a person, once, where it can be asked for that. Raise an OutsideError."""
        if not self.member.description.sends or not isinstance(self.adapter, Prefills):
            return
        state = await self.take_in.states.read(lane)
        if state.prefilled:
            return
        theirs = next((one for one in state.known.values() if one.startswith("Patient/")), "")
        for message in await self.adapter.of_person(whom, theirs):
            await self.take_in(self.member, self.adapter, message, turn)

        def done(fresh: LaneState) -> None:
            fresh.prefilled = True

        await self.take_in.states.change(lane, turn, done)

    async def replay(self, id: str, turn: int) -> Outcome | None:
        """Take a parked message in again, as it came; None when it is not kept any more."""
        kept = await self.inbox.open(id)
        if kept is None or kept.partner != self.member.name:
            return None
        return await self.take_in(self.member, self.adapter, kept.message, turn)

    def _asked(self, cursor: str, outcomes: Counter[Outcome]) -> Callable[[PartnerState], None]:
        taken, late, parked = outcomes[Outcome.TAKEN], outcomes[Outcome.LATE], outcomes[Outcome.PARKED]
        outcomes.clear()

        def edit(state: PartnerState) -> None:
            state.cursor, state.last_poll = cursor, instant(self.clock())
            state.taken += taken
            if late:
                words = f"{late} message(s) came after newer ones of the same: kept as history, nothing changed."
                state.note(Event(state.last_poll, "late", words))
            if parked:
                state.note(Event(state.last_poll, "parked", f"{parked} message(s) could not be taken in."))

        return edit
