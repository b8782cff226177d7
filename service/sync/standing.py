"""How a partner's traffic stands, as people ask it: what waits, since when, and whether somebody has to do something.

Made from the board alone, so any process and any command can say it. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from security.clock import instant, parse_instant
from service.sync.board import MOST_TROUBLES, PartnerState, Trouble, Way
from service.sync.members import Member
from service.sync.overdue import TOLD_AFTER
from service.sync.removal_requests import RemovalRequest
from service.sync.spans import at, lasting

LANES: Mapping[str, int] = {"urgent": 0, "decisions": 1, "routine": 2}
"""The words for ranks: what overtakes everything, decisions, and the rest."""
NOT_SERVED_AFTER = timedelta(minutes=2)
"""A process that serves a partner writes the board every half minute at least."""
AWAY_TOO_LONG = timedelta(minutes=15)
"""Short absences mend themselves; of a longer one somebody should tell the partner."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One partner at one moment: its description, its pages on the board, and what follows from them."""

    member: Member
    state: PartnerState
    troubles: Sequence[Trouble]
    now: datetime
    removals: Sequence[RemovalRequest] = ()

    @property
    def waiting(self) -> dict[str, int]:
        """How many deliveries wait, by the words of their lanes."""
        return {word: self.state.waiting.get(rank, 0) for word, rank in LANES.items()}

    @property
    def lag(self) -> tuple[float | None, float | None]:
        """Seconds from commit to delivered: the median, and what 95 of 100 stay under; None where nothing was sent."""
        return self.state.lag(0.5), self.state.lag(0.95)

    @property
    def open(self) -> list[Trouble]:
        """What a person has to look at and nobody put aside: what is urgent first, then the oldest."""
        return sorted((one for one in self.troubles if not one.parked), key=lambda one: (not one.urgent, one.since))

    @property
    def parked(self) -> list[Trouble]:
        """What somebody put aside."""
        return [one for one in self.troubles if one.parked]

    @property
    def unconfirmed(self) -> list[RemovalRequest]:
        """Requests to remove what it holds that it has not confirmed, the oldest first."""
        return sorted((one for one in self.removals if not one.confirmed), key=lambda one: one.asked)

    @property
    def served(self) -> bool:
        """Whether a process serves the partner, as far as the board tells."""
        return self._since(self.state.as_of, NOT_SERVED_AFTER) is False

    @property
    def needs(self) -> list[str]:
        """Say in plain sentences what a person has to do something about; empty: nobody has to."""
        state = self.state
        found: list[str] = []
        if not self.served:
            when = f"for {lasting(self._seconds(state.as_of))}" if state.as_of else "yet"
            found.append(f"No process has served this partner {when}: is the service running?")
        if state.oldest_urgent and self._since(state.oldest_urgent, TOLD_AFTER):
            waited = lasting(self._seconds(state.oldest_urgent))
            found.append(f"A revocation, withdrawal or death has waited for {waited}.")
        if state.circuit and self._since(state.circuit_since, AWAY_TOO_LONG):
            found.append(f"The partner has been away for {lasting(self._seconds(state.circuit_since))}.")
        for way, one, many in (
            (Way.OUT, "person's lane is stopped", "people's lanes are stopped"),
            (Way.IN, "message could not be taken in", "messages could not be taken in"),
        ):
            if count := sum(trouble.way is way and not trouble.under_way for trouble in self.open):
                found.append(f"{count} {one if count == 1 else many}.")
        if untold := sum(trouble.under_way for trouble in self.open):
            found.append(f"{untold} {'notice to a person is' if untold == 1 else 'notices to people are'} late.")
        if late := sum(one.deadline <= instant(self.now) for one in self.unconfirmed):
            found.append(f"{late} removal request{'' if late == 1 else 's'} not confirmed in time.")
        if len(self.troubles) >= MOST_TROUBLES:
            found.append("The list of what is stopped or parked is full: there may be more.")
        return found

    def _since(self, when: str, least: timedelta) -> bool:
        return not when or self.now - parse_instant(when) >= least

    def _seconds(self, when: str) -> float:
        return (self.now - parse_instant(when)).total_seconds()


def removals(one: Standing) -> str:
    """Return how requests to remove what the partner holds stand."""
    confirmed, open_ = len(one.removals) - len(one.unconfirmed), one.unconfirmed
    until = f", the first due by {at(min(request.deadline for request in open_))}" if open_ else ""
    return f"{confirmed} confirmed, {len(open_)} not{until}"
