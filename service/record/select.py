"""From an opened record to what may be handed to `release`: slices of resources, current or past."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from fhir_profiles import json
from fhir_profiles.sections import Tier
from security import cells
from security.decision import Decision
from security.release import Held, HeldLine, HeldPart, HeldWhole
from service.plan.lines import without_names
from service.plan.narrative import with_narrative
from service.plan.summary import Sections
from service.record.compression import decompress
from service.record.decoded import decode_body
from service.record.manifest import SECTIONS, Entry, Part, Ready, Urgent, places
from service.record.masked import decoded_all, mask_of, masked_entry, masked_for_summary
from service.record.pointers import closed_targets, without
from service.record.records import OpenRecord, Records
from service.record.slices import laid_out, part_of, without_large
from service.record.urgent import masked_urgent_of

_unpacked = lru_cache(maxsize=1024)(cells.unpack)
_CELL = [[cells.CELL.get((section, tier), cells.NONE) for tier in Tier] for section in SECTIONS]


def held(record: OpenRecord, entry: Entry) -> Held:
    """Return a current resource that has no large elements, as held for release."""
    return _held(entry, record.slice(entry.offset, entry.length), entry.parts)


def held_urgent(record: OpenRecord, urgent: Urgent, decision: Decision) -> Held:
    """Return a resource of the emergency answer with its summary lines, as held for release."""
    body = record.slice(urgent.offset, urgent.length)
    parts = tuple([_part(part, part_of(body, part, urgent.large)) for part in urgent.parts])
    if urgent.large and not parts:
        body = without_large(body, urgent.large)
    return _pointing(record, _urgent(urgent, body, parts, masked=record.flagged), decision)


def held_urgent_masked(record: OpenRecord, decision: Decision) -> list[Held]:
    """Return what the emergency answer is made from for one to whom location is closed, others not (rule 5.6)."""
    resources = decoded_all(record)
    shown = masked_for_summary(resources, record.entries, mask_of(record), record.manifest)
    urgents, bodies = masked_urgent_of(resources, record.entries, shown, 0)
    found = []
    for urgent in urgents:
        body = bodies[urgent.offset : urgent.offset + urgent.length]
        parts = tuple([_part(part, part_of(body, part)) for part in urgent.parts])
        found.append(_pointing(record, _urgent(urgent, body, parts, masked=True), decision))
    return found


def _urgent(urgent: Urgent, body: bytes, parts: tuple[HeldPart, ...], *, masked: bool) -> Held:
    lines = tuple([HeldLine(_CELL[line.section][line.tier], line.said) for line in urgent.lines])
    return Held(
        urgent.type,
        urgent.id,
        urgent.version,
        urgent.last_updated,
        places(urgent.grants),
        body,
        parts,
        lines,
        masked=masked,
    )


def held_whole(record: OpenRecord, ready: Ready) -> HeldWhole:
    """Return the ready emergency answer, as held for release: packed, because it waits for its audit entry first."""
    return HeldWhole(_unpacked(ready.requires), _unpacked(ready.forbids), (ready, record.front), record.flagged)


def opened_whole(whole: HeldWhole, decision: Decision) -> tuple[Sections, memoryview]:
    """Return what `held_whole` packed: the sections of the Composition, and the entries behind it.

    What its lines name and the decision does not open is cut out.
    """
    ready, packed = whole.content
    front = memoryview(decompress(packed))
    opened = decision.open_cells
    closed = [
        name for name, needs, grants in ready.named if not _is_open_in(opened, _unpacked(needs), _unpacked(grants))
    ]
    worded = without_names(bytes(front[: ready.sections]), closed) if closed else front[: ready.sections]
    return Sections(worded, ready.late, ready.since, ready.until), front[ready.sections :]


def _is_open_in(opened: int, needs: int, grants: int) -> bool:
    return opened & needs == needs and bool(opened & grants)


def written_whole(whole: HeldWhole) -> tuple[str, ...]:
    """Return the organisations that wrote what `held_whole` packed, in order."""
    ready: Ready = whole.content[0]
    return ready.authors


def held_deletion(record: OpenRecord, entry: Entry, decision: Decision) -> Held:
    """Return the deletion of a resource, as held for release: an OperationOutcome that says by whom and why."""
    masks = decision.masks_location
    organisation = "" if masks else entry.author.organisation
    by = ", ".join(part for part in (organisation, entry.author.user_name) if part) or "somebody not named"
    text = f"Deleted by {by}. Reason: {mask_of(record)(entry.reason) if masks else entry.reason}"
    issue = {"severity": "information", "code": "deleted", "details": {"text": text}}
    return _held(entry, json.encode({"resourceType": "OperationOutcome", "issue": [issue]}), masked=masks)


async def whole(records: Records, record: OpenRecord, entry: Entry, body: bytes, decision: Decision) -> list[Held]:
    """Return a resource with its large elements put back in; masked, or nothing, where location is closed (5.6)."""
    held = await _filled(records, record, entry, body)
    closed = closed_targets(entry, record.entries, decision)
    if not closed and not decision.masks_location:
        return [held]
    resource = _decoded(held)
    if closed:
        resource = without(resource, closed)
    if not decision.masks_location:
        return [_held(entry, *laid_out(with_narrative(resource)))]
    seen = masked_entry(record, entry, resource)
    return [] if seen is None else [_held(entry, seen.body, seen.parts, masked=True)]


async def complete(records: Records, record: OpenRecord, entry: Entry) -> dict[str, Any]:
    """Return a current resource as it was received, large elements and the sender's own narrative with it.

    Nothing is decided about it: it is for writing a next version of it, and is not to be released.
    """
    resource = _decoded(await _filled(records, record, entry, record.slice(entry.offset, entry.length)))
    resource.pop("text", None)
    text = record.slice(*entry.received_text)
    return {**resource, "text": json.decode(text)} if text else resource


def _pointing(record: OpenRecord, held: Held, decision: Decision) -> Held:
    """Return a resource of the emergency answer without references to what is closed."""
    entry = record.entries[f"{held.type}/{held.id}"]
    closed = closed_targets(entry, record.entries, decision)
    if not closed:
        return held
    body, parts = laid_out(with_narrative(without(_decoded(held), closed)))
    return msgspec.structs.replace(
        held, body=body, parts=tuple(_part(part, body[part.offset : part.offset + part.length]) for part in parts)
    )


def _decoded(held: Held) -> dict[str, Any]:
    """Return a resource that is held as decoded JSON."""
    if not held.parts:
        return decode_body(held.body, ())
    parts, start = [], 0
    for part in held.parts:
        # Where it lies is all that is asked of a part here; what opens it was decided of what is held.
        parts.append(Part(0, 0, part.key, part.item, start, len(part.body)))
        start += len(part.body)
    return decode_body(b"".join(part.body for part in held.parts), parts)


async def _filled(records: Records, record: OpenRecord, entry: Entry, body: bytes) -> Held:
    if not entry.pieces:
        return _held(entry, body, entry.parts)
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


def _held(entry: Entry, body: bytes, stored: Iterable[Part] = (), *, masked: bool = False) -> Held:
    parts = tuple(_part(part, body[part.offset : part.offset + part.length]) for part in stored)
    return _placed(entry, body, parts, masked=masked)


def _placed(entry: Entry, body: bytes, parts: tuple[HeldPart, ...], *, masked: bool = False) -> Held:
    grants, needs = places(entry.grants), places(entry.needs)
    past = entry.predecessor
    return Held(
        entry.type,
        entry.id,
        entry.version,
        entry.last_updated,
        grants,
        body,
        parts,
        needs=needs,
        predecessor=past,
        masked=masked,
    )


def _part(part: Part, body: bytes) -> HeldPart:
    return HeldPart(part.key, part.item, _CELL[part.section][part.tier], body)
