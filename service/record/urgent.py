"""The emergency answer at the time of writing: what belongs to it, its words, and the whole of it ready to be sent.

Almost every caller of the emergency answer may read all of it, and it changes only when the record does. So the bytes
for such callers are made once, here, and lie in front of the record; whoever may read less gets an answer put together
from the same pieces (`service.record.emergency`). A test holds the two against each other, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from fhir_profiles import json
from fhir_profiles.sections import CRITICAL_SECTIONS, TIER, Section, Tier
from security import cells
from service import VERSION
from service.plan.lines import SummaryLine, plan_lines
from service.plan.narrative import with_narrative
from service.plan.summary import Wording, sections
from service.record.derive import Resource, urgent_entries
from service.record.manifest import SECTION_NUMBER, SECTIONS, Entry, Line, Ready, Urgent
from service.record.masked import MaskedSlice
from service.record.pointers import targets_of, without
from service.record.slices import join_parts, laid_out, without_large

_UNSEEN = frozenset(map(int, (Tier.T5, Tier.T6, Tier.T7)))
"""Tiers whose presence may change no byte of an answer to somebody who may not read them (I9): never part of it."""

_CELL = {(SECTION_NUMBER[section], int(tier)): cell for (section, tier), cell in cells.CELL.items()}
"""The cell of each stored (section, tier)."""
WITHHELD_WHEN_MASKED = frozenset({Section.EMERGENCY_CONTACTS})
"""Whom to call is telephones, mostly: where they are masked and nothing is left, nobody may read that there is none."""
_ALWAYS = sum(cells.own(section) for section in CRITICAL_SECTIONS | {Section.DEMOGRAPHICS})


_LAYOUT = "2"
"""Of `Ready`: one that was laid out otherwise is not served, and made anew by the next write."""


@dataclass(frozen=True, slots=True)
class Style:
    """What goes into the answer besides the record: our address and the locality's words."""

    base: str
    wording: Wording
    digest: bytes

    @classmethod
    def of(cls, base: str, conflict_text: str) -> Self:
        """Return a style; its digest changes with anything that would change the bytes."""
        digest = hashlib.sha256("\n".join((VERSION, _LAYOUT, base, conflict_text)).encode()).digest()[:16]
        return cls(base, Wording.of(conflict_text), digest)


def urgent_of(resources: Mapping[str, Resource], entries: Mapping[str, Entry]) -> tuple[Urgent, ...]:
    """Word the emergency summary, whose lines may depend on every other resource, and say what belongs to it."""
    lines = _lines(resources, entries, None)
    return tuple(
        Urgent(
            entry.type,
            entry.id,
            entry.version,
            entry.last_updated,
            entry.grants,
            entry.offset,
            entry.length,
            tuple(entry.parts),
            tuple(lines.get(name, ())),
            tuple(piece.offset for piece in entry.pieces),
        )
        for name, entry in urgent_entries(entries).items()
    )


def masked_urgent_of(
    resources: Mapping[str, Resource],
    entries: Mapping[str, Entry],
    shown: Mapping[str, MaskedSlice],
    start: int,
) -> tuple[tuple[Urgent, ...], bytes]:
    """Do as `urgent_of` for who may not learn where the person is; return the masked bodies too, which lie at `start`.

    `shown` are the resources as they may be told; what became of a decision is judged on the whole record.
    """
    lines = _lines(resources, entries, shown)
    body = bytearray()
    found: list[Urgent] = []
    for name, entry in urgent_entries(entries).items():
        seen = shown.get(name)
        if seen is None:
            continue
        offset, length = start + len(body), len(seen.body)
        said = tuple(lines.get(name, ()))
        found.append(
            Urgent(
                entry.type,
                entry.id,
                entry.version,
                entry.last_updated,
                entry.grants,
                offset,
                length,
                tuple(seen.parts),
                said,
            )
        )
        body += seen.body
    return tuple(found), bytes(body)


def ready_of(
    urgent: Iterable[Urgent],
    entries: Mapping[str, Entry],
    slices: bytes,
    style: Style,
    now: datetime,
    *,
    masked: bool = False,
) -> tuple[Ready, bytes]:
    """Return the whole answer for callers to whom all of it is open, and what that takes.

    What its resources point at must be open too: for whom it is not, the answer is put together without those
    references. Where that must not be noticed (T5 to T7) it is this one that goes without, so that its presence makes
    no answer slower but for those who may read it. What its lines name besides is cut out of it where it is not open
    (`Ready.named`): a Provenance of a whole plan is closed to most callers, and they are answered as fast.

    `masked`: it is that of a person whose whereabouts nobody learns, made from masked resources.
    """
    requires, forbids = _ALWAYS, cells.NONE
    lines: list[SummaryLine] = []
    bodies: list[bytes] = []
    authors: set[str] = set()
    for one in urgent:
        seen = [place for place in one.grants if place[1] not in _UNSEEN]
        if not seen:
            forbids |= _cells(one.grants)
            continue
        if len(one.grants) == 1:
            requires |= _cells(seen)
        body = slices[one.offset : one.offset + one.length]
        if one.large and not one.parts:
            body = without_large(body, one.large)
        targets = list(targets_of(entries[f"{one.type}/{one.id}"], entries))
        unseen = [target for target in targets if not one.parts and target.tier in _UNSEEN]
        if unseen:
            forbids |= _cells(place for target in unseen for place in target.grants)
            closed = frozenset(target.reference for target in unseen)
            body, _ = laid_out(with_narrative(without(json.decode(body), closed)))
        for target in targets:
            if target not in unseen:
                requires |= _cells(target.grants)
        if one.parts:
            shown = [part for part in one.parts if part.tier not in _UNSEEN]
            requires |= _cells((part.section, part.tier) for part in shown)
            forbids |= _cells((part.section, part.tier) for part in one.parts if part not in shown)
            body = join_parts(body, one.parts, shown, one.large)
        bodies.append(document_entry(style.base, one.type, one.id, body))
        authors.add(entries[f"{one.type}/{one.id}"].author.organisation)
        for line in one.lines:
            if line.tier in _UNSEEN:
                forbids |= _cells([(line.section, line.tier)])
            else:
                requires |= _cells([(line.section, line.tier)])
                lines.append(line.said)
    worded = sections(lines, WITHHELD_WHEN_MASKED if masked else frozenset(), now, wording=style.wording)
    joined = b",".join(bodies)
    ready = Ready(
        cells.pack(requires),
        cells.pack(forbids),
        style.digest,
        len(worded.json),
        len(joined),
        worded.late,
        worded.since,
        worded.until,
        tuple(_named(lines, entries, requires)),
        tuple(sorted(authors)),
    )
    return ready, bytes(worded.json) + joined


def document_entry(base: str, type: str, id: str, body: bytes) -> bytes:
    """Return one entry of a document Bundle."""
    return b"".join(
        (b'{"fullUrl":"', base.encode(), b"/", type.encode(), b"/", id.encode(), b'","resource":', body, b"}")
    )


def _lines(
    resources: Mapping[str, Resource], entries: Mapping[str, Entry], shown: Mapping[str, MaskedSlice] | None
) -> dict[str, list[Line]]:
    told = None if shown is None else {name: one.resource for name, one in shown.items()}
    lines: dict[str, list[Line]] = {}
    for said in plan_lines(((one, SECTIONS[entries[name].section]) for name, one in resources.items()), told):
        lines.setdefault(said.reference, []).append(_placed(said, entries))
    return lines


def _placed(said: SummaryLine, entries: Mapping[str, Entry]) -> Line:
    """Return a line with its place; a person whom it may name makes it as closed as that person's own entry."""
    entry = entries[said.reference]
    section = SECTION_NUMBER[said.section]
    tier = entry.tier if section == entry.section else int(TIER[said.section])
    people = [entries[name] for name in entry.points_at if name.startswith("RelatedPerson/") and name in entries]
    return Line(section, max((tier, *(one.tier for one in people if not one.deleted))), said)


def _named(
    lines: Iterable[SummaryLine], entries: Mapping[str, Entry], requires: int
) -> Iterable[tuple[str, bytes, bytes]]:
    for reference in sorted({name for line in lines for name in line.names}):
        entry = entries.get(reference)
        if entry is None or entry.type == "Patient":
            continue
        needs, grants = _cells(entry.needs), _cells(entry.grants)
        if needs & ~requires or not grants & requires:
            yield reference, cells.pack(needs), cells.pack(grants)


def _cells(stored: Iterable[tuple[int, int]]) -> int:
    found = cells.NONE
    for place in stored:
        found |= _CELL[place]
    return found
