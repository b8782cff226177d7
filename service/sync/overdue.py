"""Somebody is told when what must not wait does: a revocation, a withdrawal or a death that a partner has not got.

The owner of the partner is told within five minutes of the commit (goal G5): an alert in the queue of the owner's
organisation, once for each person and partner, and a line in the log for whoever watches that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from security.clock import Clock, instant, parse_instant
from service import logs
from service.record.alerts import AlertKind, Alerts, NewAlert
from service.sync.due import Due, Dues
from service.sync.members import Member
from service.sync.serving import Serving

TOLD_AFTER = timedelta(minutes=4)
"""The rest of the five minutes is for telling."""
_LOOKED_EVERY = timedelta(seconds=15)


class Watches(Protocol):
    """Looks now and then whether people have to be told of what waits for one partner."""

    async def look(self, serving: Serving) -> None:
        """Look, if it is time to; who serves the partner calls it about once a second."""


@dataclass(slots=True)
class Overdue:
    """Looks at one partner's lanes now and then, and tells its owner."""

    member: Member
    dues: Dues
    alerts: Alerts
    clock: Clock
    _told: set[str] = field(default_factory=set)
    _looked: str = ""

    async def look(self, serving: Serving) -> None:
        """Tell the owner of what is urgent and has waited too long."""
        lanes = serving.lanes
        now = self.clock()
        if self._looked > instant(now - _LOOKED_EVERY) and self._looked <= instant(now):
            return
        self._looked = instant(now)
        if not lanes.ranks.get(0):
            return
        for lane in lanes.lanes():
            due = lane.most_urgent
            if due.cause.urgent and now - parse_instant(due.committed) >= TOLD_AFTER:
                await self._tell(due)

    async def _tell(self, due: Due) -> None:
        owner = self.member.description.owner
        key = f"{self.dues.subject(self.member.name, due.record)}-{due.sequence}"
        if key in self._told:
            return
        # The decision's id makes it one alert however often, and by however many processes, it is raised.
        await self.alerts.raise_(
            NewAlert(
                time=due.committed,
                kind=AlertKind.NOT_DELIVERED,
                organisation=owner.organisation,
                decision_id=key,
                role="system",
                rule=due.cause.value,
                user_id=owner.name,
                record=due.record.hex(),
            )
        )
        self._told.add(key)
        logs.event("urgent-not-delivered", logging.ERROR, client=self.member.client.client_id, reason=due.cause.value)
