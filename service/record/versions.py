"""The check that a writer knows what it replaces (hazard H13): an old copy never overwrites a newer decision."""

from __future__ import annotations

from security.decision import Decision
from security.principal import Principal, Role
from service.record.changes import Change
from service.record.decoded import decode_slice, decode_version
from service.record.errors import Gone, NotHere, RecordBroken, VersionConflict
from service.record.manifest import Entry
from service.record.masked import as_seen
from service.record.pointers import is_open
from service.record.records import OpenRecord, Records

_OURS = frozenset({"id", "meta", "text", "resourceType"})


async def check_version(
    records: Records, record: OpenRecord, change: Change, writer: Principal, decision: Decision | None
) -> None:
    """Raise Gone for what is deleted or never was, VersionConflict unless a change names the current version.

    What `decision` does not open to the writer is NotHere, as for a reader. One exception: a system carries what its
    own organisation recorded, though it may not read it back; it learns the number of the version and no more. A
    decision of None hides nothing (a new record, the shared directory).
    """
    entry = record.entry(change.reference)
    if entry is None:
        raise Gone
    hidden = decision is not None and not is_open(entry, decision)
    if hidden and not (writer.role == Role.SYSTEM and entry.author.organisation == writer.organisation):
        raise NotHere
    if entry.deleted:
        raise Gone
    named = change.if_match or 0
    if entry.version != named:
        if hidden:
            raise VersionConflict(entry.reference, named, entry.version)
        raise VersionConflict(
            entry.reference,
            named,
            entry.version,
            entry.last_updated,
            "" if decision is not None and decision.masks_location else entry.author.organisation,
            entry.author.user_name,
            await _changed_since(records, record, entry, named, decision),
        )


async def _changed_since(
    records: Records, record: OpenRecord, entry: Entry, named: int, decision: Decision | None
) -> list[str]:
    """Return the elements in which the current version differs from the one that was named; names, never values.

    What is masked from the writer has not changed for them: to be told of a new address is to be told of an address.
    """
    replaced_in = entry.replaced_in(named)
    if replaced_in is None:
        return []
    for version in await records.superseded(record, replaced_in):
        if (version.entry.reference, version.entry.version) == (entry.reference, named):
            before = as_seen(record, version.entry, decode_version(version), decision) or {}
            current = as_seen(record, entry, decode_slice(record, entry), decision) or {}
            names = (before.keys() | current.keys()) - _OURS
            return sorted(name for name in names if before.get(name) != current.get(name))
    raise RecordBroken("a version that the manifest names is not filed")
