"""A record as it stood after one of its commits, put together from the versions that were current then.

What rules and readers need of it is worked out again by the same code as at a write. Of sharing choices it is known
when each was first received, whatever became of it later; a flag of protection counts from when it came.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from security.clock import parse_instant
from service.record.compression import compress
from service.record.draft import Draft
from service.record.errors import RecordBroken
from service.record.manifest import Entry, Superseded, empty_manifest
from service.record.records import OpenRecord, Records
from service.record.urgent import Style


async def as_of(records: Records, record: OpenRecord, sequence: int, at: datetime, style: Style) -> OpenRecord:
    """Return a record as its commit `sequence` left it, and as it was read at `at`. Raise RecordBroken for damage."""
    manifest = empty_manifest(record.manifest.kind, record.manifest.holder)
    manifest.patient, manifest.consents = record.manifest.patient, record.manifest.consents
    if record.manifest.flagged and parse_instant(record.manifest.flagged) <= at:
        manifest.sflag, manifest.flagged = record.manifest.sflag, record.manifest.flagged
    manifest.registered = record.manifest.registered
    draft = Draft(OpenRecord(record.record_id, sequence, manifest, record.key))
    for entry in record.entries.values():
        version = await _version(records, record, entry, sequence, at)
        if version is not None:
            draft.restore(version)
    state = draft.finish(style, at)
    front, rest = compress(state.front, thorough=False), (state.contents, memoryview(state.slices))
    return OpenRecord(record.record_id, sequence, state.manifest, record.key, front, rest)


async def _version(
    records: Records, record: OpenRecord, entry: Entry, sequence: int, at: datetime
) -> Superseded | None:
    """Return the version of a resource that was current then; None for a resource that was not there yet."""
    place = sum(one <= sequence for one in entry.superseded)
    if entry.made > sequence:
        return None
    if place == len(entry.superseded):
        body, text = record.slice(entry.offset, entry.length), record.slice(*entry.received_text)
        version = Superseded(msgspec.structs.replace(entry), body, text)
    else:
        replaced, wanted = entry.superseded[place], (entry.reference, entry.earlier()[place])
        filed = await records.superseded(record, replaced)
        found = [one for one in filed if (one.entry.reference, one.entry.version) == wanted]
        if not found:
            raise RecordBroken("a version that the manifest names is not filed")
        (version,) = found
    # Entries from before it was noted which commit made them: then the time of their first version tells.
    unknown = not entry.made and place == 0
    return None if unknown and parse_instant(version.entry.last_updated) > at else version
