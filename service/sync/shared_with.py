"""What a partner shall hold of a person now: what the rules release for its system at this moment, and no more.

The same decision, masking and release as for whoever asks (consent rules 5.7, 5.10); nothing is decided before it is
sent. What is closed is not told apart from what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_profiles import json
from fhir_profiles.sections import Section
from security.decision import Decision
from security.release import Held, release
from service.record.access import Access
from service.record.caller import Caller
from service.record.manifest import SECTIONS, Entry, RecordKind
from service.record.records import OpenRecord
from service.record.select import whole
from service.sync.differences import Wanted, digest_of
from service.sync.members import Member


@dataclass(frozen=True, slots=True)
class SharedWith:
    """Decides and releases for partners."""

    access: Access

    async def decide(self, caller: Caller, record: OpenRecord | None) -> Decision | None:
        """Return the decision on sending anything of a record; None where there is no record (any more)."""
        if record is None or record.manifest.kind is not RecordKind.PERSON:
            return None
        return await self.access.weigh(caller, record)

    async def wanted(self, member: Member, record: OpenRecord, decision: Decision) -> list[Wanted]:
        """Return what a partner shall hold of a record, by a decision that permits."""
        entries = [entry for entry in record.entries.values() if not entry.deleted and _carried(member, entry)]
        held: list[Held] = []
        for entry in entries:
            body = record.slice(entry.offset, entry.length)
            held += await whole(self.access.records, record, entry, body, decision)
        found = []
        for item in release(decision, held).items:
            reference, resource = f"{item.type}/{item.id}", json.decode(item.body)
            found.append(Wanted(reference, resource, digest_of(resource), record.entries[reference].points_at))
        return found


def _carried(member: Member, entry: Entry) -> bool:
    if entry.type == "Patient" or entry.follows:
        return True
    section = SECTIONS[entry.section]
    return section is not Section.UNKNOWN and member.carries(section)
