"""Notices to a person that their plan was read in an emergency (issue: within 24 hours), as deliveries with a due time.

A notice tells that somebody read, not what: it names the decision, the organisation, the role and the time, sealed. It
waits with all other deliveries; whoever sends it asks `suspended` again at that moment. The person sees the read
itself in their own log at once (`access_log`), whether or not a notice is ever sent.

One notice covers the reads of one organisation for a day: a crew that looks three times is told of once. That is
decided on a sealed page of the person's, in the commit that carries the delivery, so a read leaves exactly one notice
whoever sweeps, how often, and after which crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from fhir_profiles.sections import Section, Tier
from security.access_request import Life
from security.audit import AuditEntry
from security.clock import instant, parse_instant
from security.labels import SFlag
from security.service_seal import ServiceSeal
from service.record.manifest import SECTION_NUMBER, RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records
from service.store.port import Delivery

WITHIN = timedelta(hours=20)
"""How long after the read a notice is due; whoever sends has the rest of the 24 hours for what may go wrong."""
PROMISED = timedelta(hours=24)
"""How long after the read the person should know (sharing rules, section 8)."""
COVERS = timedelta(hours=24)
_FILED_LATE = timedelta(hours=1)
"""A read that came this much before the one that a notice tells of is covered: the notice is in time for it."""
_KEPT = timedelta(days=7)
_KIND = "notice"
_UNSPOKEN = frozenset({SECTION_NUMBER[Section.SAFEGUARDING], SECTION_NUMBER[Section.HARM_TO_PATIENT]})
_THIRD_PARTY = SECTION_NUMBER[Section.THIRD_PARTY]


class Notice(msgspec.Struct, array_like=True, frozen=True):
    """What a notice tells, and what is sealed in its delivery. `audit` is the id of the AuditEvent, times are instants.

    The order of fields is the stored form: append only, with a default.
    """

    kind: str
    record: str
    decision_id: str
    time: str
    organisation: str
    role: str
    audit: str
    due: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Notice]).decode
_decode_one = msgspec.msgpack.Decoder(Notice).decode


def suspended(record: OpenRecord) -> bool:
    """Say whether a person is not to be sent notices now.

    They died, or somebody said so; their whereabouts are protected (the device may be in another's hands); or their
    record holds what they must not learn of this way: a safeguarding concern, a note of harm, anything labelled NOPAT.
    Asked when a notice is made and again when it is sent. **[sign-off]**
    """
    manifest = record.manifest
    if manifest.life != Life.ALIVE or manifest.sflag not in ("", SFlag.UNRESTRICTED):
        return True
    return any(
        not entry.deleted and (entry.section in _UNSPOKEN or (entry.tier == Tier.T6 and entry.section != _THIRD_PARTY))
        for entry in record.contents.entries
    )


@dataclass(frozen=True, slots=True)
class Notices:
    """Makes notices."""

    records: Records
    seal: ServiceSeal
    pages: Pages

    @classmethod
    def of(cls, records: Records, seal: ServiceSeal) -> Notices:
        """Return the notices of a service."""
        return cls(records, seal, Pages(records, RecordKind.NOTICES))

    async def give(self, entry: AuditEntry, audit: str) -> None:
        """Make the notice that an emergency read calls for, unless one covers it or notices are suspended.

        `audit` is the id of its AuditEvent. Nothing happens for a record that was erased since.
        """
        stored = await self.records.store.fetch(bytes.fromhex(entry.record))
        if stored is None or suspended(await self.records.open(stored)):
            return
        read = parse_instant(entry.time)
        notice = Notice(
            "emergency-read",
            entry.record,
            entry.decision_id,
            entry.time,
            entry.organisation,
            entry.role,
            audit,
            instant(read + WITHIN),
        )
        lane = self.lane(entry.record)
        delivery = Delivery(lane, self.seal.seal(_KIND, lane, _encode(notice), 256))

        def add(page: OpenRecord, content: bytes) -> Edited | None:
            given = _decode(content) if content else []
            for one in given:
                if one.organisation == notice.organisation and -_FILED_LATE < read - parse_instant(one.time) < COVERS:
                    return None
            kept = [one for one in given if parse_instant(one.time) > read - _KEPT]
            return Edited(_encode([*kept, notice]), deliveries=(delivery,))

        await self.pages.change(entry.record, add)

    def lane(self, record: str) -> bytes:
        """Return the lane of a person's own notices; `record` is the record's id in hexadecimal."""
        return self.records.index.token("lane-of-the-person", record)

    def open(self, lane: bytes, sealed: bytes) -> Notice:
        """Return what a delivery in a person's lane tells. Raise `SealBroken` for another delivery."""
        return _decode_one(self.seal.open(_KIND, lane, sealed))
