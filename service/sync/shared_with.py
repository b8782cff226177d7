"""What a partner shall hold of a person now: what the rules release for its system at this moment, and no more.

The same decision, masking and release as for whoever asks (consent rules 5.7, 5.10); nothing is decided before it is
sent. What is closed is not told apart from what is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_profiles import json
from fhir_profiles.sections import Section
from security.decision import Decision
from security.release import Held, release
from service.plan.elements import person_name
from service.record.access import Access
from service.record.caller import Caller
from service.record.derive import pointers_in
from service.record.manifest import SECTIONS, Entry, RecordKind
from service.record.records import OpenRecord
from service.record.select import whole
from service.sync.differences import Wanted, digest_of
from service.sync.members import Member

Resource = dict[str, Any]
_NAMED = frozenset({"Practitioner", "PractitionerRole", "Organization", "HealthcareService", "Location"})


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
        shared = {f"{item.type}/{item.id}": json.decode(item.body) for item in release(decision, held).items}
        for resource in shared.values():
            name_whom(resource, shared)
        return [
            Wanted(reference, resource, digest_of(resource), record.entries[reference].points_at)
            for reference, resource in shared.items()
        ]


def name_whom(resource: Resource, shared: Mapping[str, Resource]) -> None:
    """Let each reference to a person or place of care say also who that is, as far as they are shared.

    Many systems keep no Practitioner of ours: to them a reference is what it says besides.
    """
    for pointer in pointers_in(resource):
        target = shared.get(pointer["reference"])
        if target is None or target["resourceType"] not in _NAMED:
            continue
        whom = target
        if target["resourceType"] == "PractitionerRole":
            whom = shared.get(target.get("practitioner", {}).get("reference", ""), target)
        name = whom.get("name")
        if words := name if isinstance(name, str) else person_name(name):
            pointer.setdefault("display", words)
        if identifier := next(iter(whom.get("identifier", ())), None):
            pointer.setdefault("identifier", identifier)
            pointer.setdefault("type", target["resourceType"])


def _carried(member: Member, entry: Entry) -> bool:
    if entry.type == "Patient" or entry.follows:
        return True
    section = SECTIONS[entry.section]
    return section is not Section.UNKNOWN and member.carries(section)
