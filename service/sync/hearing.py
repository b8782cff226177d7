"""Which sources were heard from when, for the emergency answer: read from the board by every process, served or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from security.clock import Clock, parse_instant
from service.record.sources import Source, Sources
from service.sync.board import Board, PartnerState
from service.sync.members import Member

_READ_EVERY = 5.0
_AWAY_AFTER = timedelta(minutes=15)
_AWAY_POLLS = 3
"""A source is away when it has not answered for as many polls, and for a quarter of an hour."""


@dataclass(slots=True)
class Hearing:
    """Keeps `sources` up to date. `seconds` only goes forward."""

    members: Sequence[Member]
    board: Board
    sources: Sources
    clock: Clock
    seconds: Callable[[], float]
    _read: float = field(default=float("-inf"))

    async def look(self) -> None:
        """Read the board, if it is time to."""
        if self.seconds() - self._read < _READ_EVERY:
            return
        self._read = self.seconds()
        named = [member for member in self.members if member.description.sends]
        self.sources.know([self._source(member, await self.board.state(member.name)) for member in named])

    def _source(self, member: Member, state: PartnerState) -> Source:
        heard = state.last_poll
        patience = max(_AWAY_AFTER, timedelta(seconds=_AWAY_POLLS * member.description.limits.poll_every))
        away = not heard or self.clock() - parse_instant(heard) > patience
        return Source(member.organisation, member.description.title, heard, away)
