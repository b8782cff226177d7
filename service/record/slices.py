"""How one resource lies inside a record: its JSON, with large elements cut out and, for a Patient, cut by section.

What is stored is what the sender sent, with three things of ours: id and meta, the narrative (generated; the sender's
own is kept beside it), and large elements replaced by an empty string that is filled again on release.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fhir_profiles import json
from fhir_profiles.sections import TIER, Section, patient_element_section
from security.labels import entry_tier
from service.plan.narrative import with_narrative
from service.record.manifest import SECTION_NUMBER, Part, Piece
from service.record.records import piece_of

LARGE_ELEMENT = 16 * 1024
"""Strings longer than this are sealed apart, so that reading a plan never reads somebody's scanned document."""

PATIENT_HEAD = ("resourceType", "id", "meta", "text")


@dataclass(frozen=True, slots=True)
class Sliced:
    """The bytes of one resource and what the manifest has to know of them; offsets count from the start of `body`."""

    body: bytes
    received_text: bytes
    parts: list[Part]
    pieces: list[Piece]
    elements: list[tuple[Piece, bytes]]


def cut(resource: dict[str, Any]) -> Sliced:
    """Cut a resource that carries its id and meta."""
    received_text = json.encode(resource["text"]) if "text" in resource else b""
    released = with_narrative(resource)
    body, parts = laid_out(released)
    large: list[tuple[bytes, bytes]] = []
    if len(body) > LARGE_ELEMENT:
        # Only now can any of its strings be that long; to look through every resource would cost 5 % of a write.
        marked, large = _mark_large(released)
        body, parts = laid_out(marked) if large else (body, parts)
    pieces: list[tuple[Piece, bytes]] = []
    for mark, element in large:
        offset = body.index(mark)
        body = body[:offset] + body[offset + len(mark) :]
        parts = [_moved(part, offset, len(mark)) for part in parts]
        pieces.append((piece_of(element, offset), element))
    return Sliced(body, received_text, parts, [piece for piece, _ in pieces], pieces)


def laid_out(resource: dict[str, Any]) -> tuple[bytes, list[Part]]:
    """Return the bytes of a resource, and its parts if it is stored in parts."""
    return _patient(resource) if resource["resourceType"] == "Patient" else (json.encode(resource), [])


def _mark_large(resource: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[bytes, bytes]]]:
    large: list[tuple[bytes, bytes]] = []

    def walk(value: Any) -> Any:
        if isinstance(value, str) and len(value) > LARGE_ELEMENT:
            mark = f"~{secrets.token_hex(16)}~"
            large.append((mark.encode(), json.encode(value)[1:-1]))
            return mark
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value

    return walk(resource), large


def _moved(part: Part, offset: int, removed: int) -> Part:
    if part.offset > offset:
        return Part(part.section, part.tier, part.key, part.item, part.offset - removed, part.length)
    if part.offset <= offset < part.offset + part.length:
        return Part(part.section, part.tier, part.key, part.item, part.offset, part.length - removed)
    return part


def _patient(patient: dict[str, Any]) -> tuple[bytes, list[Part]]:
    body = bytearray()
    parts: list[Part] = []
    for key, item, section, fragment in _patient_fragments(patient):
        tier = entry_tier(section, {"resourceType": "Patient"}) if section is Section.UNKNOWN else TIER[section]
        parts.append(Part(SECTION_NUMBER[section], int(tier), key, item, len(body), len(fragment)))
        body += fragment
    return bytes(body), parts


def _patient_fragments(patient: dict[str, Any]) -> Iterator[tuple[str, bool, Section, bytes]]:
    head = json.encode({key: patient[key] for key in PATIENT_HEAD if key in patient})
    yield "", False, Section.DEMOGRAPHICS, head[:-1]
    for key, value in patient.items():
        if key in PATIENT_HEAD:
            continue
        if isinstance(value, list):
            for item in value:
                yield key, True, patient_element_section(key, item), json.encode(item)
        else:
            section = patient_element_section(key, value if isinstance(value, dict) else None)
            yield key, False, section, json.encode({key: value})[1:-1]


def join_parts(body: bytes, parts: Iterable[Part], chosen: Iterable[Part], large: Iterable[int] = ()) -> bytes:
    """Put a resource that is stored in parts together from the chosen ones; the head comes first."""
    members: dict[str, list[bytes]] = {}
    head = b"{"
    for part in chosen:
        fragment = part_of(body, part, large)
        if not part.key:
            head = fragment
        else:
            members.setdefault(part.key, []).append(fragment)
    items = {part.key for part in parts if part.item}
    joined = [
        b'"%s":[%s]' % (key.encode(), b",".join(found)) if key in items else found[0] for key, found in members.items()
    ]
    return b"%s%s}" % (head, b"".join(b"," + member for member in joined))


def part_of(body: bytes, part: Part, large: Iterable[int] = ()) -> bytes:
    """Return one part of a resource that is stored in parts, without the large strings that stood at `large`."""
    end = part.offset + part.length
    fragment = body[part.offset : end]
    inside = [offset - part.offset for offset in large if part.offset <= offset < end]
    return without_large(fragment, inside) if inside else fragment


def without_large(body: bytes, offsets: Iterable[int]) -> bytes:
    """Take out the members whose large strings were cut out, so that no empty string is left, which FHIR does not have.

    `offsets` are where those strings stood. An item of an array stays as it is: without it, others would move.
    """
    for offset in sorted(offsets, reverse=True):
        if body[offset - 2 : offset - 1] != b":":
            continue
        start, end = body.rindex(b'"', 0, offset - 3), offset + 1
        if body[end : end + 1] == b",":
            end += 1
        elif body[start - 1 : start] == b",":
            start -= 1
        body = body[:start] + body[end:]
    return body
