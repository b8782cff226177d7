"""The JSON of slices, decoded: of current resources and of versions that were replaced."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_profiles import json
from service.record.derive import Resource
from service.record.manifest import Entry, Part, Superseded
from service.record.records import OpenRecord
from service.record.slices import join_parts


def decode_slice(record: OpenRecord, entry: Entry) -> Resource:
    """Decode the JSON of an entry's slice; large elements are empty strings."""
    return decode_body(record.slice(entry.offset, entry.length), entry.parts)


def decode_version(version: Superseded) -> Resource:
    """Decode the JSON of a version that was replaced; large elements are empty strings."""
    return decode_body(version.body, version.entry.parts)


def decode_body(body: bytes, parts: Sequence[Part]) -> Resource:
    """Decode the bytes of a resource, put together if it is stored in parts."""
    decoded = json.decode(join_parts(body, parts, parts) if parts else body)
    if not isinstance(decoded, dict):
        raise TypeError("a stored resource is a JSON object")
    return decoded
