"""`CopiesHeld`: which organisations may hold a copy of a person's plan, for asking them to remove it (hazard H4).

Whoever was permitted to read may have kept what they read. That stands in the audit, so it is read from there and kept
nowhere else: no list of the organisations around a person lies in the store. The holder itself is left out, and so are
the person and who acts for them, whose copies are their own. For privacy officers who watch over the holder; to ask is
an entry about the person.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from security.access_request import new_decision_id
from security.audit import AuditEntry, EventKind
from security.decision import Decision
from security.oversight import Scope, decide_oversight
from service.record.access import Access, Asked, Caller
from service.record.access_log import AccessLog
from service.record.errors import NotHere
from service.record.manifest import RecordKind
from service.record.records import OpenRecord
from service.record.relationship import PERSONAL_ROLES

INTERACTION = "$copies-held"
_GIVING = frozenset({EventKind.READ, EventKind.QUERY})


class Removal(msgspec.Struct, frozen=True):
    """A request to remove a copy. Times are FHIR instants; `confirmed` is '' for not yet."""

    asked: str
    deadline: str
    confirmed: str = ""


RemovalsOf = Callable[[OpenRecord], Awaitable[Mapping[str, Removal]]]
"""Returns, by organisation, how requests to remove copies of one record stand."""


class Copy(msgspec.Struct, frozen=True):
    """An organisation that was given something of the plan: when first and last (FHIR instants), and how often.

    `removal` is how a request to remove it stands: when it was asked for, by when it should be confirmed, and when it
    was; None where nothing was asked.
    """

    organisation: str
    first: str
    last: str
    times: int = 1
    removal: Removal | None = None

    def and_at(self, time: str) -> Copy:
        """Return the same with one more time at which something was given."""
        return Copy(self.organisation, min(self.first, time), max(self.last, time), self.times + 1)


@dataclass(frozen=True, slots=True)
class CopiesHeld:
    """Lists them. `scope` says what a caller watches over."""

    access: Access
    log: AccessLog
    scope: Scope
    removals: RemovalsOf

    async def __call__(self, caller: Caller, patient: str) -> list[Copy]:
        """Return the organisations that may hold copies of the plan of `Patient/id`, the latest first.

        Raise Refused for who is no privacy officer, NotHere for a person whose holder they do not watch over.
        """
        access, watched = self.access, self.scope(caller.principal)
        asked = Asked(INTERACTION)
        allowed = await self.admit(caller)
        record = await access.records.by_reference(patient)
        if record is not None:
            manifest = record.manifest
            theirs = manifest.kind is RecordKind.PERSON and manifest.patient == patient and manifest.holder in watched
            record = record if theirs else None
        await access.records.store.append_audit(access.entry(caller, allowed, asked, record))
        if record is None:
            raise NotHere
        found: dict[str, Copy] = {}
        async for entry in given_to_others(self.log, record, caller.at or access.clock()):
            organisation = entry.organisation
            known = found.get(organisation)
            found[organisation] = known.and_at(entry.time) if known else Copy(organisation, entry.time, entry.time)
        removals = await self.removals(record)
        copies = [msgspec.structs.replace(one, removal=removals.get(one.organisation)) for one in found.values()]
        return sorted(copies, key=lambda one: (one.last, one.organisation), reverse=True)

    async def admit(self, caller: Caller) -> Decision:
        """Return the decision that lets a privacy officer ask, from the token alone (I4); raise Refused for others."""
        access = self.access
        allowed = decide_oversight(caller.principal, self.scope(caller.principal), access.policy, new_decision_id())
        if not allowed.permitted:
            await access.refuse(caller, allowed, Asked(INTERACTION), None)
        return allowed


async def given_to_others(log: AccessLog, record: OpenRecord, now: datetime) -> AsyncIterator[AuditEntry]:
    """Yield the entries by which an organisation other than the holder was given something of a plan."""
    async for entry in log.entries_about(record, now):
        if _gave(entry) and entry.organisation != record.manifest.holder:
            yield entry


def _gave(entry: AuditEntry) -> bool:
    """Say whether something of the plan was given by what an entry is about. An officer's look gives nothing of it."""
    return (
        entry.permitted is True
        and entry.kind in _GIVING
        and entry.rule in ("3", "4")
        and entry.role not in PERSONAL_ROLES
    )
