"""Asking for copies to be removed, when a person no longer shares with an organisation that was given something (H4).

Who was given something stands in the audit, and is looked for there after each change of what may be shared. An
organisation whose system is a partner is asked through it, and has confirmed when that holds nothing of ours any more.
Any other, one whose system takes nothing back, and a partner that has not confirmed in time, is named to the privacy
officers of the organisation that holds the record, in their queue, until one of them closes that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from adapters.registry import TAKES_NOTHING_BACK
from security.access_request import AccessRequest, Relationship
from security.audit import AuditEntry
from security.clock import instant, parse_instant
from security.consent import decide
from security.principal import Principal, Purpose
from service.record.access_log import AccessLog
from service.record.alerts import AlertKind, Alerts, NewAlert
from service.record.copies import given_to_others
from service.record.facts import facts_of
from service.record.records import OpenRecord
from service.sync.due import Due, Dues
from service.sync.held import LaneStates
from service.sync.members import Member
from service.sync.removal_requests import KEPT, MOST, RemovalRequest, RemovalRequests


@dataclass(frozen=True, slots=True)
class Removals:
    """Finds out whom to ask, and follows what became of it. `members` by name."""

    log: AccessLog
    alerts: Alerts
    requests: RemovalRequests
    states: LaneStates
    dues: Dues
    members: Mapping[str, Member]

    @classmethod
    def of(
        cls, log: AccessLog, alerts: Alerts, states: LaneStates, dues: Dues, members: Mapping[str, Member]
    ) -> Removals:
        """Return those of a service."""
        return cls(log, alerts, RemovalRequests.at(log.access.records), states, dues, members)

    async def all(self) -> list[RemovalRequest]:
        """Return the requests that are open, or were confirmed not long ago."""
        return await self.requests.all()

    async def find(self, due: Due) -> None:
        """Ask whoever was given something of a record and would be given nothing now. Doing it twice asks once."""
        access = self.log.access
        stored = await access.records.store.fetch(due.record)
        if stored is None:
            return
        record, now = await access.records.open(stored), access.clock()
        latest: dict[str, AuditEntry] = {}
        async for entry in given_to_others(self.log, record, now):
            known = latest.get(entry.organisation)
            if known is None or known.time < entry.time:
                latest[entry.organisation] = entry
        asked = [
            self._request(record, organisation, now)
            for organisation, entry in sorted(latest.items())
            if not self._shared_with(record, entry, now)
        ]
        await self.requests.change(lambda known: _with(known, asked, frozenset(latest), record.record_id.hex()))

    async def follow(self) -> None:
        """See who has confirmed, and tell officers of who has not in time, or cannot be asked."""
        now = self.log.access.clock()
        moment, changed = instant(now), dict[tuple[str, str, str], RemovalRequest]()
        for one in await self.all():
            if one.confirmed or one.told:
                continue
            if one.partner and await self._is_removed(one):
                changed[_key(one)] = msgspec.structs.replace(one, confirmed=moment)
            elif not one.partner or parse_instant(one.deadline) <= now:
                await self._tell(one)
                changed[_key(one)] = msgspec.structs.replace(one, told=True)
        oldest = instant(now - KEPT)
        if changed:
            await self.requests.change(
                lambda known: [
                    fresh
                    for one in known
                    if not ((fresh := changed.get(_key(one), one)).confirmed or fresh.told) or fresh.asked > oldest
                ]
            )

    def _request(self, record: OpenRecord, organisation: str, now: datetime) -> RemovalRequest:
        member = next((one for one in self.members.values() if one.organisation == organisation), None)
        if member is not None and member.description.kind in TAKES_NOTHING_BACK:
            member = None
        days = timedelta(days=0 if member is None else member.description.removal_days)
        return RemovalRequest(
            record.record_id.hex(),
            record.manifest.holder,
            organisation,
            "" if member is None or not member.description.gets else member.name,
            instant(now),
            instant(now + days),
        )

    def _shared_with(self, record: OpenRecord, entry: AuditEntry, now: datetime) -> bool:
        """Say whether the organisation would be given anything now, if it cared for the person as it did then."""
        access = self.log.access
        purpose = entry.purpose if entry.purpose in frozenset(Purpose) else Purpose.TREAT
        principal = Principal(
            entry.client_id, entry.organisation, entry.role, Purpose(purpose), frozenset(), frozenset(), "", ""
        )
        request = AccessRequest.of(principal, Relationship.ESTABLISHED)
        facts = facts_of(principal, record.manifest, now)
        return decide(request, facts, access.governing(record), now).permitted

    async def _is_removed(self, one: RemovalRequest) -> bool:
        state = await self.states.read(self.dues.lane(one.partner, bytes.fromhex(one.record)))
        return not any(there.made for there in state.held.values())

    async def _tell(self, one: RemovalRequest) -> None:
        blind = self.dues.subject(one.organisation, bytes.fromhex(one.record))
        await self.alerts.raise_(
            NewAlert(
                time=one.asked,
                kind=AlertKind.REMOVAL_UNCONFIRMED,
                organisation=one.holder,
                decision_id=f"removal-{blind}-{one.asked}",
                role="system",
                rule="H4",
                user_id=one.organisation,
                record=one.record,
            )
        )


def _key(one: RemovalRequest) -> tuple[str, str, str]:
    return one.record, one.organisation, one.asked


def _with(
    known: list[RemovalRequest], asked: list[RemovalRequest], given: frozenset[str], record: str
) -> list[RemovalRequest]:
    """Return the requests with new ones, and without those open ones of this person that are shared with again."""
    refused = {one.organisation for one in asked}
    left = [
        one
        for one in known
        if one.record != record or one.confirmed or one.organisation in refused or one.organisation not in given
    ]
    standing = {one.organisation for one in left if one.record == record and not one.confirmed}
    return [*left, *(one for one in asked if one.organisation not in standing)][-MOST:]
