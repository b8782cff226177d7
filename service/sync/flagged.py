"""What a control room shall hold of a person, so that a flag can stand at their door: who stays where, and that there
is a plan.

Only those whose record names the room's organisation (`relations`): an open incident lets its crew see a plan, and ends
without a trace in the record, so no flag rests on one. That a plan exists is shown by one resource of it, and no other
is looked at, sent or written down as sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.control_room_flags import NO_PLAN
from security.decision import Decision
from service.record.records import OpenRecord
from service.sync.differences import Wanted
from service.sync.members import Member
from service.sync.shared_with import SharedWith


@dataclass(frozen=True, slots=True)
class SharedAsFlags(SharedWith):
    """Releases that much for control rooms."""

    async def wanted(self, member: Member, record: OpenRecord, decision: Decision) -> list[Wanted]:
        """Return the Patient and one resource of the plan, as released; nothing where no flag may stand."""
        if member.organisation not in record.manifest.relations:
            return []
        shared = await SharedWith.wanted(self, member, record, decision)
        person = [one for one in shared if one.reference == record.manifest.patient]
        plan = [one for one in shared if one.reference.partition("/")[0] not in NO_PLAN]
        return [*person, *sorted(plan, key=lambda one: one.reference)[:1]]
