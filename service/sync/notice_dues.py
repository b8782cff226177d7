"""Notices to people among the deliveries: which partner carries each, and what the engine makes of it.

A notice waits in its person's own lane (`service.record.notices`). Here each has a lane to itself, because each one is
sent, where of a plan only the newest state is. So it is retried, stopped and shown like anything else that is due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from adapters.base import Cause
from security.errors import KeyUnavailable, SealBroken, SecurityError
from service.record.access import Access
from service.record.errors import RecordBroken
from service.record.notices import Notice, Notices
from service.store.port import StoredDelivery
from service.sync.due import Due, Dues
from service.sync.members import Member


class NoticeDue(Due, array_like=True, frozen=True, kw_only=True):
    """A notice that a partner is to carry. `committed` is when the plan was read; it is never stored in this form."""

    notice: Notice


@dataclass(frozen=True, slots=True)
class NoticeDues:
    """Opens notices. `carrying`: the names of partners that carry them by locality, '' for the rest of the people."""

    access: Access
    notices: Notices
    carrying: Mapping[str, str]

    @classmethod
    def of(cls, access: Access, dues: Dues, members: Iterable[Member]) -> NoticeDues:
        """Return those of a service."""
        carrying = {one.description.locality: one.name for one in members if one.description.notices}
        return cls(access, Notices.of(access.records, dues.seal), carrying)

    async def open(self, delivery: StoredDelivery) -> NoticeDue | None:
        """Return a notice as its partner is due it; None for another delivery, and where nobody carries it."""
        if not self.carrying:
            return None
        try:
            notice = self.notices.open(delivery.lane, delivery.sealed)
        except (SealBroken, msgspec.MsgspecError):
            return None
        record = bytes.fromhex(notice.record)
        partner = await self._partner(record)
        return None if partner is None else NoticeDue(partner, record, 0, Cause.NOTICE, notice.time, notice=notice)

    async def _partner(self, record_id: bytes) -> str | None:
        """Return who carries a person's notices: the partner of their place of care, else that of the deployment.

        Of a record that was erased, or cannot be opened, any: there it is found out, and told.
        """
        everywhere = self.carrying.get("")
        if everywhere is not None and len(self.carrying) == 1:
            return everywhere
        stored = await self.access.records.store.fetch(record_id)
        if stored is None:
            return next(iter(self.carrying.values()))
        try:
            record = await self.access.records.open(stored)
        except KeyUnavailable:
            raise
        except (RecordBroken, SecurityError):
            return next(iter(self.carrying.values()))
        return self.carrying.get(self.access.governing(record).id, everywhere)


def notice_lane(delivery: bytes) -> bytes:
    """Return the lane of one notice, by the id of its delivery."""
    return hashlib.sha256(b"notice" + delivery).digest()[:16]
