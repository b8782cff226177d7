"""What audit entries still owe: alerts to privacy officers and notices to persons, made behind the answers.

An entry that calls for either says so by a look-up token in its own write (`security.audit_tokens.owed_by`): so the
debt is as durable as the answer that it was written for, costs that answer nothing more, and outlives a crash, a full
disk or a sweeper that does not run (hazard H8: the audit must work, the alert may be late). One process sweeps, under
a lease, once a minute; whoever takes over looks at the last days again. Paying twice changes nothing, because alerts
and notices know what they were made for.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from security.audit import AuditEntry
from security.audit_tokens import Owes, of_debts, owed_by
from security.errors import SecurityError
from service import logs
from service.record.access import Access
from service.record.alerts import AlertKind, Alerts, NewAlert
from service.record.break_glass import INTERACTION as BREAK_GLASS
from service.record.errors import Problem, RecordBroken
from service.record.guessing import GUESS_LIMIT
from service.record.notices import Notices
from service.store.errors import StoreError
from service.store.walk import FiledEntry

EVERY_SECONDS = 60.0
LOOKED_BACK = timedelta(days=3)
"""How far the first sweep of a process looks; a debt older than that was made while nothing ran for days."""
_AGAIN = timedelta(hours=1)
"""How far a later sweep goes back behind the one before: clocks differ, and an entry is filed after its time."""
_LEASE = timedelta(minutes=3)
_PAGE = 100
_BROKEN = (RecordBroken, SecurityError, msgspec.MsgspecError, ValueError)


def audit_id(filed: FiledEntry) -> str:
    """Return the id of an entry as an AuditEvent: its chain and its place there."""
    return f"{filed.chain.hex()}-{filed.linked.seq}"


def alert_of(entry: AuditEntry, audit: str) -> NewAlert:
    """Return the alert that an entry which owes one calls for."""
    if entry.interaction == GUESS_LIMIT:
        kind = AlertKind.GUESS_LIMIT
    elif entry.break_glass_basis or entry.break_glass_reason or entry.interaction == BREAK_GLASS:
        kind = AlertKind.BREAK_GLASS if entry.permitted else AlertKind.FAILED_BREAK_GLASS
    elif entry.self_claim_reason:
        kind = AlertKind.SELF_CLAIM
    else:
        kind = AlertKind.PROTECTED_PERSON
    return NewAlert(
        time=entry.time,
        kind=kind,
        organisation=entry.organisation,
        decision_id=entry.decision_id,
        role=entry.role,
        rule=entry.rule,
        user_id=entry.user_id,
        audit=audit,
        record=entry.record,
    )


@dataclass(slots=True)
class _Due:
    """What one sweep has to pay. Of reads of one record by one organisation on one day the first alone is kept: its
    notice covers the others, and there may be very many.
    """

    count: int = 0
    alerts: list[tuple[AuditEntry, FiledEntry]] = field(default_factory=list)
    notices: dict[tuple[str, str, str], tuple[AuditEntry, FiledEntry]] = field(default_factory=dict)
    covered: dict[tuple[str, str, str], list[bytes]] = field(default_factory=dict)

    def add(self, owed: Owes, entry: AuditEntry, filed: FiledEntry) -> None:
        """Take up an entry that owes something."""
        self.count += 1
        if owed is Owes.ALERT:
            self.alerts.append((entry, filed))
            return
        key = (entry.record, entry.organisation, entry.time[:10])
        first = self.notices.get(key)
        if first is None or entry.time < first[0].time:
            self.notices[key] = (entry, filed)
            filed = filed if first is None else first[1]
        if first is not None:
            self.covered.setdefault(key, []).append(filed.linked.mac)

    def in_order(self) -> Iterator[tuple[AuditEntry, FiledEntry, list[bytes]]]:
        """Yield what is to be paid, with the MACs of entries that it covers.

        Alerts first; notices in order of time, for one covers what follows it and not what was before it.
        """
        for entry, filed in sorted(self.alerts, key=lambda one: one[0].time):
            yield entry, filed, []
        for key, (entry, filed) in sorted(self.notices.items(), key=lambda one: one[1][0].time):
            yield entry, filed, self.covered.get(key, [])


@dataclass(slots=True)
class Owed:
    """Pays what is owed. One per process."""

    access: Access
    alerts: Alerts
    notices: Notices
    _since: datetime | None = None
    _paid: dict[bytes, datetime] = field(default_factory=dict)
    _name: bytes = field(default_factory=lambda: os.urandom(12))

    async def run(self) -> None:
        """Sweep once a minute, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.sweep()
            except (StoreError, Problem):
                logs.event("alerts-not-raised", logging.ERROR)

    async def sweep(self) -> int:
        """Pay whatever is owed; return how many entries owed. Raise what the store raises: nothing is lost."""
        store, now = self.access.records.store, self.access.clock()
        lease = self.access.records.index.token("lease", "owed")
        if await store.lease(lease, self._name, now + _LEASE) is None:
            self._since = None  # somebody else sweeps; after them everything is looked at again
            return 0
        first = now - LOOKED_BACK if self._since is None else self._since - _AGAIN
        due = _Due()
        whole = True
        for owed in (Owes.ALERT, Owes.NOTICE):
            tokens = of_debts(self.access.records.index, owed, first, now + _AGAIN)
            place = b""
            while page := await store.audit_carrying(tokens, place, _PAGE):
                for filed in page:
                    if filed.linked.mac not in self._paid:
                        entry = self._opened(filed)
                        whole = whole and entry is not None
                        if entry is not None and owed_by(entry) is owed:
                            due.add(owed, entry, filed)
                place = page[-1].place
        for entry, filed, covered in due.in_order():
            if await self._pay(entry, filed, now):
                self._paid |= dict.fromkeys(covered, now)
            else:
                whole = False
        # What is older is read by no later sweep; and whoever begins again pays what is paid, which changes nothing.
        self._paid = {key: when for key, when in self._paid.items() if when > now - 2 * _AGAIN}
        if whole:
            self._since = now
        return due.count

    def _opened(self, filed: FiledEntry) -> AuditEntry | None:
        try:
            return self.access.sealer.open(filed.linked.sealed)
        except _BROKEN:
            # What cannot be opened is for `epaccs verify` to tell of; it must not keep the others waiting.
            logs.event("alert-not-raised", logging.ERROR)
            return None

    async def _pay(self, entry: AuditEntry, filed: FiledEntry, now: datetime) -> bool:
        """Pay what one entry owes; say whether that could be done. Raise what the store raises."""
        audit, owed = audit_id(filed), owed_by(entry)
        try:
            if owed is Owes.ALERT:
                await self.alerts.raise_(alert_of(entry, audit))
            if owed is Owes.NOTICE or (entry.permitted and entry.patient and entry.break_glass_basis):
                await self.notices.give(entry, audit)
        except _BROKEN:
            logs.event("alert-not-raised", logging.ERROR)
            return False
        self._paid[filed.linked.mac] = now
        return True
