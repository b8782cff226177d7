"""From an opened record to what may be handed to `release`: slices of resources, current or past."""

from __future__ import annotations

from functools import lru_cache

from fhir_profiles import json
from fhir_profiles.sections import Tier
from security import cells
from security.decision import Decision
from security.release import Held, HeldLine, HeldPart, HeldWhole
from service.plan.summary import Sections
from service.record.manifest import SECTIONS, Entry, Part, Ready, Urgent, decompress, places
from service.record.records import OpenRecord, Records
from service.record.slices import part_of, without_large

_unpacked = lru_cache(maxsize=1024)(cells.unpack)
_CELL = [[cells.CELL.get((section, tier), cells.NONE) for tier in Tier] for section in SECTIONS]


def is_open(entry: Entry, decision: Decision) -> bool:
    """Tell whether a decision opens an entry, so that its reader may know of it."""
    needs = all(decision.opens(*place) for place in places(entry.needs))
    return needs and any(decision.opens(*place) for place in places(entry.grants))


def held(record: OpenRecord, entry: Entry) -> Held:
    """Return a current resource that has no large elements, as held for release."""
    return _held(entry, record.slice(entry.offset, entry.length))


def held_urgent(record: OpenRecord, urgent: Urgent) -> Held:
    """Return a resource of the emergency answer with its summary lines, as held for release."""
    body = record.slice(urgent.offset, urgent.length)
    parts = tuple([_part(part, part_of(body, part, urgent.large)) for part in urgent.parts])
    if urgent.large and not parts:
        body = without_large(body, urgent.large)
    lines = tuple([HeldLine(_CELL[line.section][line.tier], line.said) for line in urgent.lines])
    return Held(urgent.type, urgent.id, urgent.version, urgent.last_updated, places(urgent.grants), body, parts, lines)


def held_whole(ready: Ready, packed: bytes | memoryview) -> HeldWhole:
    """Return the ready emergency answer, as held for release: packed, because it waits for its audit entry first."""
    return HeldWhole(_unpacked(ready.requires), _unpacked(ready.forbids), (ready, packed))


def opened_whole(whole: HeldWhole) -> tuple[Sections, memoryview]:
    """Return what `held_whole` packed: the sections of the Composition, and the entries behind it."""
    ready, packed = whole.content
    front = memoryview(decompress(packed))
    return Sections(front[: ready.sections], ready.late, ready.since, ready.until), front[ready.sections :]


def held_deletion(entry: Entry) -> Held:
    """Return the deletion of a resource, as held for release: an OperationOutcome that says by whom and why."""
    by = ", ".join(part for part in (entry.author.organisation, entry.author.user_name) if part)
    text = f"Deleted by {by}. Reason: {entry.reason}"
    issue = {"severity": "information", "code": "deleted", "details": {"text": text}}
    return _held(entry, json.encode({"resourceType": "OperationOutcome", "issue": [issue]}))


async def whole(records: Records, record: OpenRecord, entry: Entry, body: bytes) -> Held:
    """Return a resource with its large elements put back in."""
    if not entry.pieces:
        return _held(entry, body)
    filled = bytearray()
    inserted: list[tuple[int, int]] = []
    position = 0
    for piece in sorted(entry.pieces, key=lambda piece: piece.offset):
        element = await records.element(record, piece)
        filled += body[position : piece.offset] + element
        inserted.append((piece.offset, len(element)))
        position = piece.offset
    filled += body[position:]
    parts = []
    for part in entry.parts:
        start = part.offset + sum(size for offset, size in inserted if offset < part.offset)
        end = part.offset + part.length
        length = part.length + sum(size for offset, size in inserted if part.offset <= offset < end)
        parts.append(_part(part, bytes(filled[start : start + length])))
    return _placed(entry, bytes(filled), tuple(parts))


def _held(entry: Entry, body: bytes) -> Held:
    parts = tuple(_part(part, body[part.offset : part.offset + part.length]) for part in entry.parts)
    return _placed(entry, body, parts)


def _placed(entry: Entry, body: bytes, parts: tuple[HeldPart, ...]) -> Held:
    grants, needs = places(entry.grants), places(entry.needs)
    past = entry.predecessor
    return Held(
        entry.type, entry.id, entry.version, entry.last_updated, grants, body, parts, needs=needs, predecessor=past
    )


def _part(part: Part, body: bytes) -> HeldPart:
    return HeldPart(part.key, part.item, _CELL[part.section][part.tier], body)
