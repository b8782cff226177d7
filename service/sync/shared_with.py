"""What a partner shall hold of a person now: what the rules release for its system at this moment, and no more.

The same decision, masking and release as for whoever asks (consent rules 5.7, 5.10); nothing is decided before it is
sent. What is closed is not told apart from what is not there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

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

MOST_DIGESTS = 50_000
"""Digests that are remembered: some 10 MB."""


@dataclass(frozen=True, slots=True)
class SharedWith:
    """Decides and releases for partners."""

    access: Access
    _digests: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """Digests of contents by a hash of their very bytes: most of a record is what it was at the last delivery."""

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
            reference = f"{item.type}/{item.id}"
            found.append(Wanted(reference, item.body, self._digest(item.body), record.entries[reference].points_at))
        return found

    def _digest(self, body: bytes) -> bytes:
        key = hashlib.blake2b(body, digest_size=16).digest()
        digest = self._digests.get(key)
        if digest is None:
            if len(self._digests) >= MOST_DIGESTS:
                self._digests.clear()
            digest = self._digests[key] = digest_of(json.decode(body))
        return digest


def _carried(member: Member, entry: Entry) -> bool:
    if entry.type == "Patient" or entry.follows:
        return True
    section = SECTIONS[entry.section]
    return section is not Section.UNKNOWN and member.carries(section)
