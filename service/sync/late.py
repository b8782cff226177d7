"""An earlier version that comes late becomes a past version of what is here, marked so; what is current stays (H3).

Only versions that were not here before: to send an old one again changes nothing, however long ago that was. What does
not lie in one piece (a Patient, whatever holds an attachment, what is deleted by now) has no place for one, and neither
has what may not be written: these stay as they came, in the inbox alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from adapters.base import Arrived
from fhir_profiles.terminology import local
from service.plan import vocabulary as v
from service.record.changes import Change, Method
from service.record.decoded import decode_slice, decode_version
from service.record.manifest import Entry
from service.record.records import OpenRecord, Records
from service.sync import ours

_OURS = frozenset({"id", "meta", "text"})


@dataclass(frozen=True, slots=True)
class LateVersion:
    """What came late, and the entry whose past it belongs to."""

    arrived: Arrived
    entry: Entry

    @property
    def has_a_place(self) -> bool:
        """Whether it can become a past version."""
        entry = self.entry
        in_one_piece = not (entry.deleted or entry.parts or entry.pieces)
        return self.arrived.resource is not None and entry.type != "Patient" and in_one_piece

    def change(self, partner: str, record: OpenRecord, known: dict[str, str]) -> Change:
        """Return the change that files it. Companions that are not here are not made for the sake of the past."""
        alone = replace(self.arrived, companions={})
        resource = ours.translated(alone, partner, record.manifest.patient, known).resource
        entry = self.entry
        resource = ours.with_labels_of(resource, decode_slice(record, entry))
        resource["meta"] = {**resource.get("meta", {}), "tag": [local(v.CAME_LATE).as_json()]}
        said: dict[str, Any] = {**resource, "id": entry.id}
        return Change(Method.UPDATE, entry.type, entry.type, said, id=entry.id, if_match=entry.version, late=True)

    async def was_here(self, records: Records, record: OpenRecord, change: Change) -> bool:
        """Say whether the record has a version already that says the same, current or past."""
        entry, said = self.entry, _said(change.resource or {})
        if _said(decode_slice(record, entry)) == said:
            return True
        for sequence in dict.fromkeys(entry.superseded):
            for version in await records.superseded(record, sequence):
                past = version.entry
                if past.reference == entry.reference and not past.deleted and _said(decode_version(version)) == said:
                    return True
        return False


def _said(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in _OURS}
