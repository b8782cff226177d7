"""Somebody is told when a person is not: notices of emergency reads that their partner has not taken.

20 hours after the read whoever looks after the traffic sees it on the partner's board; at 24, when the person should
know, the privacy officers of the organisation that holds the record get an alert. It goes on being tried for a week.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.base import Cause
from security.clock import Clock, instant, parse_instant
from security.errors import SecurityError
from service import logs
from service.record.alerts import AlertKind, Alerts, NewAlert
from service.record.errors import RecordBroken
from service.record.notices import PROMISED, Notice, suspended
from service.record.records import OpenRecord, Records
from service.sync.board import Board, Trouble, Way
from service.sync.due import Dues
from service.sync.lanes import Lane
from service.sync.members import Member
from service.sync.notice_dues import NoticeDue
from service.sync.serving import Serving

GIVEN_UP_AFTER = timedelta(days=7)
"""How long after the read it is not sent any more: the officers were asked to see to it days ago."""
_REASON = "A person has not been told yet that their plan was read in an emergency."
_LOOKED_EVERY = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class NotTold:
    """Tells the holder's privacy officers of a person who was not told in time."""

    alerts: Alerts
    dues: Dues

    async def __call__(self, member: Member, notice: Notice, record: OpenRecord) -> None:
        """Raise the alert. The id of what was read makes it one, however often and by whomever it is raised."""
        subject = self.dues.subject(member.name, record.record_id)
        await self.alerts.raise_(
            NewAlert(
                time=notice.time,
                kind=AlertKind.NOT_TOLD,
                organisation=record.manifest.holder,
                decision_id=f"{subject}-{notice.decision_id}",
                role=notice.role,
                rule=Cause.NOTICE.value,
                user_id=member.description.owner.name,
                audit=notice.audit,
                record=notice.record,
            )
        )


@dataclass(slots=True)
class LateNotices:
    """Looks at what waits for one partner that carries notices. `_shown` and `_told` are lanes."""

    member: Member
    records: Records
    tell: NotTold
    board: Board
    clock: Clock
    _shown: set[bytes] = field(default_factory=set)
    _told: set[bytes] = field(default_factory=set)
    _looked: datetime | None = None

    async def look(self, serving: Serving) -> None:
        """Show what is late, tell of what is later, and let go of what is no use any more."""
        now = self.clock()
        if self._looked is not None and now - _LOOKED_EVERY < self._looked <= now:
            return
        self._looked = now
        lanes = serving.lanes.lanes()
        waiting = {lane.id for lane in lanes}
        self._shown &= waiting
        self._told &= waiting
        for lane in lanes:
            due = next(iter(lane.waiting.values()), None)
            if isinstance(due, NoticeDue) and now >= parse_instant(due.notice.due):
                await self._late(serving, lane, due, now)

    async def _late(self, serving: Serving, lane: Lane, due: NoticeDue, now: datetime) -> None:
        read = parse_instant(due.notice.time)
        if lane.stopped and now >= read + GIVEN_UP_AFTER:
            serving.lanes.release(lane.id)
        if lane.id in self._told:
            return
        record = await self._record(due)
        if record is None or suspended(record):
            return  # nobody is to be told: it is dropped when it comes to be sent
        if lane.id not in self._shown:
            await self._show(serving, lane, due, now)
        if now >= read + PROMISED:
            await self.tell(self.member, due.notice, record)
            self._told.add(lane.id)
            logs.event("person-not-told", logging.ERROR, client=self.member.client.client_id)

    async def _show(self, serving: Serving, lane: Lane, due: NoticeDue, now: datetime) -> None:
        self._shown.add(lane.id)
        if lane.id in serving.stopped:
            return  # it is on the list already, with a reason of its own
        serving.stopped.add(lane.id)
        moment, subject = instant(now), self.tell.dues.subject(self.member.name, due.record)
        trouble = Trouble(
            lane.id.hex(), Way.OUT, subject, due.cause.value, _REASON, moment, moment, lane.attempts, under_way=True
        )
        await self.board.trouble(self.member.name, trouble)
        if not serving.lanes.waits_in(lane.id):  # it arrived meanwhile
            await self.board.settled(self.member.name, lane.id.hex(), Way.OUT)

    async def _record(self, due: NoticeDue) -> OpenRecord | None:
        stored = await self.records.store.fetch(due.record)
        if stored is None:
            return None
        try:
            return await self.records.open(stored)
        except (RecordBroken, SecurityError):
            return None  # to send it fails for the same reason, which stops the lane
