"""What the endpoint asks of a record: the emergency answer about whom an address in a pointer stands for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from security.decision import Decision
from security.release import Held, HeldWhole
from service.record.access import Access, Asked
from service.record.read import BEHIND_POINTER, EmergencySummary
from service.record.records import OpenRecord
from service.record.urgent import Style


@dataclass(frozen=True, slots=True)
class BehindPointer:
    """The question. `records` are the ids that an address may stand for: of one record at most, and maybe of none."""

    records: tuple[bytes, ...]
    now: datetime
    style: Style
    type: str = "Patient"
    reference: str = "Patient/behind-a-pointer"
    """Not empty: who is looked for is named, not guessed, so absence is made to cost what it costs by reference."""

    def asked(self) -> Asked:
        """Return the words for the audit entry."""
        return Asked(BEHIND_POINTER)

    async def find(self, access: Access) -> OpenRecord | None:
        """Find the record; all ids are looked up, whichever is the one."""
        found = [stored for id in self.records if (stored := await access.records.store.fetch(id)) is not None]
        return await access.records.open(found[0]) if found else None

    async def select(self, access: Access, record: OpenRecord, decision: Decision) -> list[Held] | HeldWhole:
        """Return what the emergency answer consists of."""
        return await EmergencySummary("", self.now, self.style).select(access, record, decision)
