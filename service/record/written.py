"""What a writer may see of what it wrote: the same release as for a reader, at the version that was written."""

from __future__ import annotations

from security.errors import NotReleasable
from security.release import Held, Released, release, release_nothing
from service.record.access import Access
from service.record.manifest import Entry
from service.record.select import whole
from service.record.write import Written


async def released_results(access: Access, written: Written) -> Released:
    """Return the written resources, without those that their writer may not read."""
    record = written.record
    if not written.decision.permitted:
        return release_nothing(written.decision)
    selected: list[Held] = []
    for result in written.results:
        if result.bare or result.status == 204:
            continue
        entry = record.entry(result.reference)
        if entry is None:
            continue
        if entry.version == result.version:
            body = record.slice(entry.offset, entry.length)
        else:
            entry, body = await _past(access, written, entry, result.version)
        selected += await whole(access.records, record, entry, body, written.decision)
    return release(written.decision, selected)


async def _past(access: Access, written: Written, entry: Entry, version: int) -> tuple[Entry, bytes]:
    """Return the version that a repeated request was answered with, when the resource has moved on since."""
    replaced_in = entry.replaced_in(version)
    if replaced_in is not None:
        for past in await access.records.superseded(written.record, replaced_in):
            if past.entry.reference == entry.reference and past.entry.version == version:
                return past.entry, past.body
    raise NotReleasable("the version that was answered before is not filed")
