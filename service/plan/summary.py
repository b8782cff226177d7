"""The read half of the emergency summary: released lines joined into a FHIR Composition.

What a paramedic sees first, in the order of `slots.Slot`. Everything was worded and encoded when it was written; here
lines are put in order, dates are compared with now, and each section is given its state. Nothing here decides what may
be seen: it takes released lines, and the sections of which something is or may be withheld from this caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

import msgspec

from fhir_profiles.canonical import structure_definition
from fhir_profiles.sections import Section
from fhir_profiles.terminology import SECTION, SNOMED
from security.clock import instant
from service.plan.lines import SummaryLine
from service.plan.markup import DIV_OPEN, json_text, plain
from service.plan.slots import NO_BOX, PLAN_WITHOUT_CPR, SLOTS, SectionState, Slot
from service.plan.standing import State

SECTION_STATE = structure_definition("section-state")
AS_OF = structure_definition("as-of")
PLAN_VERSION = structure_definition("plan-version")
OUT_OF_DATE = structure_definition("out-of-date")

_DECISION_SLOTS = (Slot.CPR, Slot.CEILING)
_ORDER = attrgetter("order", "reference", "words")
_LATE = b'{"url":"out-of-date","valueBoolean":true}'
_IN_DATE = b'{"url":"out-of-date","valueBoolean":false}'
_ITEM_TEXT = b']}],"text":{"status":"generated","div":"' + DIV_OPEN + b"<p>"
_TEXT_END = b'</p></div>"}'
_BREAK = b"</p><p>"
_CONFLICT = {
    Slot.CPR: b"CPR DECISIONS IN CONFLICT: there is no single agreed decision. All are shown. ",
    Slot.CEILING: b"ESCALATION PLANS IN CONFLICT: there is no single agreed plan. All are shown. ",
}
_NO_BOX = json_text(plain(NO_BOX)) + _BREAK
_HEAD_FIXED = (
    b'{"resourceType":"Composition","status":"final","type":'
    + msgspec.json.encode(
        {"coding": [{"system": SNOMED, "code": "861421000000109", "display": "End of life care coordination summary"}]}
    )
    + b',"title":"Emergency summary","author":[{"display":"Shared palliative care record"}],"subject":{"reference":"'
)


@dataclass(frozen=True, slots=True)
class Wording:
    """A locality's own words, encoded once at the start. `conflict` says what crews do when decisions disagree."""

    conflict: bytes

    @classmethod
    def of(cls, conflict_instruction: str) -> Wording:
        """Encode a locality's plain sentences."""
        return cls(json_text(plain(conflict_instruction)))


class Sections(NamedTuple):
    """The sections of a Composition (JSON, without their array's brackets), and whether any of it is out of date.

    They say the right thing after `since` and up to `until` (seconds since 1970), when the next date passes: so the
    same bytes may be kept with the record.
    """

    json: bytes | memoryview
    late: bool
    since: float
    until: float


def _opening(slot: Slot, state: SectionState) -> bytes:
    """Encode a section up to the words of its narrative."""
    told = SLOTS[slot]
    head = {
        "title": told.title,
        "code": {"coding": [{"system": SECTION, "code": section} for section in told.sections]},
        "extension": [{"url": SECTION_STATE, "valueCode": state}],
        "text": {"status": "generated", "div": ""},
    }
    return msgspec.json.encode(head)[: -len('"}}')] + DIV_OPEN + b"<p>"


def _whole(slot: Slot, state: SectionState, sentence: str) -> bytes:
    return _opening(slot, state) + json_text(plain(sentence)) + _TEXT_END + b"}"


_RECORDED = [_opening(slot, SectionState.RECORDED) for slot in Slot]
_NOT_RECORDED = [_whole(slot, SectionState.NOT_RECORDED, SLOTS[slot].not_recorded) for slot in Slot]
_WITHHELD = [_whole(slot, SectionState.WITHHELD, SLOTS[slot].withheld) for slot in Slot]
_PLAN_WITHOUT_CPR = _whole(Slot.CPR, SectionState.NOT_RECORDED, PLAN_WITHOUT_CPR)
_SECTIONS = [frozenset(SLOTS[slot].sections) for slot in Slot]


def compose(
    lines: Iterable[SummaryLine],
    withheld: AbstractSet[Section],
    as_of: datetime,
    *,
    subject: str,
    version: str,
    wording: Wording,
    notices: Sequence[str] = (),
) -> bytes:
    """Return a FHIR Composition (JSON) of released lines, as known at `as_of`: its `sections`, enclosed."""
    worded = sections(lines, withheld, as_of, wording=wording)
    return enclose(worded, as_of, subject=subject, version=version, notices=notices)


def sections(
    lines: Iterable[SummaryLine], withheld: AbstractSet[Section], as_of: datetime, *, wording: Wording
) -> Sections:
    """Return the sections of the Composition.

    `withheld` holds every section that is closed to this caller in whole or part, or could not be read.
    """
    now = as_of.timestamp()
    since, until = float("-inf"), float("inf")
    slots: list[list[SummaryLine]] = [[] for _ in Slot]
    for line in lines:
        slots[line.slot].append(line)
        if line.until:
            if line.until < now:
                since = max(since, line.until)
            else:
                until = min(until, line.until)
    late_somewhere = False
    found_sections: list[bytes] = []
    for number, found in enumerate(slots):
        if found:
            section, late = _recorded(number, found, now, wording)
            late_somewhere = late_somewhere or late
            found_sections.append(section)
        elif not _SECTIONS[number].isdisjoint(withheld):
            found_sections.append(_WITHHELD[number])
        elif number == Slot.CPR and slots[Slot.CEILING]:
            found_sections.append(_PLAN_WITHOUT_CPR)
        else:
            found_sections.append(_NOT_RECORDED[number])
    return Sections(b",".join(found_sections), late_somewhere, since, until)


def enclose(
    worded: Sections,
    as_of: datetime,
    *,
    subject: str,
    version: str,
    notices: Sequence[str] = (),
    sources: bytes = b"",
) -> bytes:
    """Return the whole Composition around its sections.

    `subject` is the person's `Patient/id`, `version` the plan's version, `notices` are sentences to put first (a death,
    an overridden objection), `sources` extensions that say when systems were last heard from, each after a comma.
    """
    return b"".join((_head(as_of, subject, version, worded.late, notices, sources), worded.json, b"]}"))


def _head(as_of: datetime, subject: str, version: str, late: bool, notices: Sequence[str], sources: bytes) -> bytes:
    moment = instant(as_of).encode()
    said = b"".join(json_text(plain(notice)) + _BREAK for notice in notices)
    return b"".join(
        (
            _HEAD_FIXED,
            json_text(subject),
            b'"},"date":"',
            moment,
            b'","extension":[{"url":"' + AS_OF.encode() + b'","valueInstant":"',
            moment,
            b'"},{"url":"' + PLAN_VERSION.encode() + b'","valueString":"',
            json_text(version),
            b'"},{"url":"' + OUT_OF_DATE.encode() + b'","valueBoolean":',
            b"true" if late else b"false",
            b"}",
            sources,
            b'],"text":{"status":"generated","div":"' + DIV_OPEN + b"<p>",
            said,
            b"Emergency summary as known at ",
            moment,
            _TEXT_END,
            b',"section":[',
        )
    )


def _recorded(slot: int, found: list[SummaryLine], now: float, wording: Wording) -> tuple[bytes, bool]:
    """Encode a section that has something to show; say whether anything in it is out of date."""
    if len(found) > 1:
        found.sort(key=_ORDER)
    lead = b""
    if slot in _DECISION_SLOTS:
        if standing := [line for line in found if line.state != State.REVOKED]:
            found = standing
        if any(line.state == State.IN_CONFLICT for line in found):
            lead = _CONFLICT[Slot(slot)] + wording.conflict + _BREAK
    elif slot == Slot.MEDICINES and found[0].order:
        lead = _NO_BOX
    words: list[bytes] = []
    items: list[bytes] = []
    entries: dict[str, None] = {}
    any_late = False
    for line in found:
        entries[line.reference] = None
        if line.until and line.until < now:
            any_late = True
            words.append(line.words + b" - " + line.late)
            items.append(line.json + _LATE + _ITEM_TEXT + line.text + _BREAK + line.late + _TEXT_END)
        else:
            words.append(line.words)
            items.append(line.json + (_IN_DATE if line.until else b"") + _ITEM_TEXT + line.text + _TEXT_END)
    section = b"".join(
        (
            _RECORDED[slot],
            lead,
            _BREAK.join(words),
            _TEXT_END,
            b',"entry":[{"reference":"',
            '"},{"reference":"'.join(entries).encode(),
            b'"}],"section":[',
            b"},".join(items),
            b"}]}",
        )
    )
    return section, any_late
