"""What leaves of a record to whom location is closed: each resource masked before it is handed to `release` (rule 5.6).

Of a person with an S-flag the places that the record knows, and the emergency answer without them, are worked out when
it is written; of others, of whom one caller among many is kept away by a Consent, when that caller asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from security.decision import Decision
from service.plan.mask import Mask
from service.plan.masking import masked
from service.plan.narrative import with_narrative
from service.plan.places import Places, places_in
from service.record.decoded import decode_slice
from service.record.manifest import Contents, Entry, Manifest, Part
from service.record.records import OpenRecord
from service.record.slices import LARGE_ELEMENT, laid_out

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MaskedSlice:
    """A masked resource, decoded and as it is sent; `parts` count from the start of `body`."""

    resource: Resource
    body: bytes
    parts: list[Part]


def places_known(resources: Iterable[Resource], manifest: Manifest, contents: Contents) -> Places:
    """Return every place that a record tells of in its current resources, its past and its authors."""
    organisations = {entry.author.organisation for entry in contents.entries}
    codes = {*manifest.relations, manifest.holder, *organisations} - {""}
    return places_in(resources, sorted(codes)).with_(contents.former)


def mask_of(record: OpenRecord) -> Mask:
    """Return what masks the texts of a record; worked out once for each record that is opened."""
    if record.mask is None:
        contents = record.contents
        if record.flagged:
            places = contents.places
        else:
            current = [decode_slice(record, entry) for entry in contents.entries if not entry.deleted]
            places = places_known(current, record.manifest, contents)
        record.mask = Mask(places)
    return record.mask


def masked_slice(resource: Resource, mask: Mask, manifest: Manifest, recorded: str) -> MaskedSlice | None:
    """Return a resource masked, its narrative made anew; None where nothing of it may leave.

    `recorded`: when this version was. Attachments made before the flag came, or where there is none, are held back.
    """
    after_the_flag = bool(manifest.flagged) and recorded > manifest.flagged
    left = masked(resource, mask, attachments=after_the_flag)
    if left is None:
        return None
    told = with_narrative(left)
    return MaskedSlice(told, *laid_out(told))


def masked_entry(record: OpenRecord, entry: Entry, resource: Resource) -> MaskedSlice | None:
    """Return one version of a resource of an opened record, masked."""
    return masked_slice(resource, mask_of(record), record.manifest, entry.last_updated)


def as_seen(record: OpenRecord, entry: Entry, resource: Resource, decision: Decision | None) -> Resource | None:
    """Return a resource as a decision lets its texts be seen: whole, or masked; None where nothing is left."""
    if decision is None or not decision.masks_location:
        return resource
    seen = masked_entry(record, entry, resource)
    return None if seen is None else seen.resource


def masked_for_summary(
    resources: Mapping[str, Resource], entries: Mapping[str, Entry], mask: Mask, manifest: Manifest
) -> dict[str, MaskedSlice]:
    """Return the resources of a record masked, by reference, without the large strings that the summary leaves out."""
    found = {}
    for reference, resource in resources.items():
        small = _without_long(resource)
        seen = masked_slice(small, mask, manifest, entries[reference].last_updated)
        if seen is not None:
            found[reference] = seen
    return found


def decoded_all(record: OpenRecord) -> dict[str, Resource]:
    """Return every current resource of a record by its reference; large elements are empty strings."""
    return {one.reference: decode_slice(record, one) for one in record.contents.entries if not one.deleted}


def _without_long(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_long(item)
            for key, item in value.items()
            if not (isinstance(item, str) and (not item or len(item) > LARGE_ELEMENT))
        }
    return [_without_long(item) for item in value] if isinstance(value, list) else value
