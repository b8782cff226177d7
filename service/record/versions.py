"""The check that a writer knows what it replaces (hazard H13): an old copy never overwrites a newer decision."""

from __future__ import annotations

from security.decision import Decision
from service.record.changes import Change
from service.record.draft import decode_slice, decode_version
from service.record.errors import Gone, RecordBroken, VersionConflict
from service.record.manifest import Entry, places
from service.record.records import OpenRecord, Records

_OURS = frozenset({"id", "meta", "text", "resourceType"})


async def check_version(records: Records, record: OpenRecord, change: Change, decision: Decision | None) -> None:
    """Raise Gone for what is deleted or never was, VersionConflict unless a change names the current version.

    A writer to whom `decision` does not open the resource learns the number of the version and no more; None hides
    nothing (a new record, the shared directory).
    """
    entry = record.entry(change.reference)
    if entry is None or entry.deleted:
        raise Gone
    named = change.if_match or 0
    if entry.version != named:
        if decision is not None and not any(decision.opens(*place) for place in places(entry.grants)):
            raise VersionConflict(entry.reference, named, entry.version)
        raise VersionConflict(
            entry.reference,
            named,
            entry.version,
            entry.last_updated,
            entry.author.organisation,
            entry.author.user_name,
            await _changed_since(records, record, entry, named),
        )


async def _changed_since(records: Records, record: OpenRecord, entry: Entry, named: int) -> list[str]:
    """Return the elements in which the current version differs from the one that was named; names, never values."""
    if not 1 <= named < entry.version:
        return []
    for version in await records.superseded(record, entry.superseded[named - 1]):
        if version.entry.reference == entry.reference:
            before, current = decode_version(version), decode_slice(record, entry)
            names = (before.keys() | current.keys()) - _OURS
            return sorted(name for name in names if before.get(name) != current.get(name))
    raise RecordBroken("a version that the manifest names is not filed")
