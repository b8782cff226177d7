"""The emergency answer: a Composition of released lines, with a state for every section (rules 5.3 to 5.5)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from fhir_profiles import json
from fhir_profiles.sections import Section, Tier
from security.clock import instant
from security.decision import Obligation
from security.release import Released, SectionState, section_states
from service.plan.lines import without_names
from service.plan.summary import enclose, sections
from service.record.manifest import places
from service.record.pointers import closed_names
from service.record.read import Answered
from service.record.select import opened_whole, written_whole
from service.record.sources import Sources
from service.record.urgent import WITHHELD_WHEN_MASKED, Style, document_entry

DEATH_BANNER = "This person has died. What follows is history and not for action."
DEATH_UNCONFIRMED = "A death was reported for this person and is not confirmed. Check before you rely on either."
PROMPT_CONSENT = "No consent to share is recorded: ask the person, or record why it cannot be asked."
DISSENT_OVERRIDDEN = (
    "Emergency access: this person has refused to share their plan. Use it for this emergency alone; it is reviewed."
)
REDACTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "REDACTED",
    "display": "redacted",
}
_REFERENCE = re.compile(rb'"reference":"([^"]+)"')
_NOTICES = (
    (Obligation.DISSENT_OVERRIDDEN, DISSENT_OVERRIDDEN),
    (Obligation.DECEASED_BANNER, DEATH_BANNER),
    (Obligation.DEATH_UNCONFIRMED_WARNING, DEATH_UNCONFIRMED),
    (Obligation.PROMPT_CONSENT_DISCUSSION, PROMPT_CONSENT),
)


def bundle(answered: Answered, style: Style, now: datetime, sources: Sources | None = None) -> bytes:
    """Return the emergency answer as a document Bundle, in JSON."""
    return enclosed(
        answered.released,
        *document(answered, style, now, sources),
        identifier=answered.decision.id,
        as_of=instant(now),
        version=answered.record.sequence,
    )


def enclosed(
    released: Released, first: bytes, entries: bytes | memoryview, *, identifier: str, as_of: str, version: int
) -> bytes:
    """Return a document Bundle of a Composition put together from released lines, and the released resources."""
    security = b',"security":[%s]' % json.encode(REDACTED) if released.redacted else b""
    head = (
        b'{"resourceType":"Bundle","meta":{"versionId":"%d"%s},"identifier":{"system":"urn:ietf:rfc:3986",'
        b'"value":"urn:uuid:%s"},"type":"document","timestamp":"%s","entry":['
    ) % (version, security, identifier.encode(), as_of.encode())
    composed = b'{"fullUrl":"urn:uuid:%s","resource":' % identifier.encode()
    return b"".join((head, composed, first, b"}," if entries else b"}", entries, b"]}"))


def document(
    answered: Answered, style: Style, now: datetime, sources: Sources | None = None
) -> tuple[bytes, bytes | memoryview]:
    """Return a Composition of the released lines, and the entries of the document behind it.

    The Composition says of each section whether something of it is or may be withheld.
    """
    released = answered.released
    entries: bytes | memoryview
    if released.whole is not None:
        worded, entries = opened_whole(released.whole, answered.decision)
    else:
        lines = [line.said for item in released.items for line in item.lines]
        worded = sections(lines, _withheld(answered), now, wording=style.wording)
        # Looked for in the bytes: lines from before they said what they name are cut as well.
        named = {name.decode() for name in _REFERENCE.findall(worded.json)}
        if closed := closed_names(named, answered.record.entries, answered.decision):
            worded = worded._replace(json=without_names(bytes(worded.json), closed))
        entries = b",".join([document_entry(style.base, item.type, item.id, item.body) for item in released.items])
    first = enclose(
        worded,
        now,
        subject=answered.record.manifest.patient,
        version=str(answered.record.sequence),
        sources=_heard(answered, sources),
        notices=[text for obligation, text in _NOTICES if obligation in answered.decision.obligations],
    )
    return first, entries


def _heard(answered: Answered, sources: Sources | None) -> bytes:
    """Return when the systems of those who wrote what is shown were heard from.

    Of nobody else: that an organisation cares for somebody can be as private as what it wrote (5.5). Nor anything to
    whom it is not to be told where the person is, which that tells (5.6).
    """
    released, record = answered.released, answered.record
    if sources is None or answered.decision.masks_location:
        return b""
    if released.whole is not None:
        return sources.of(written_whole(released.whole))
    return sources.of(sorted({record.entries[f"{one.type}/{one.id}"].author.organisation for one in released.items}))


def _withheld(answered: Answered) -> frozenset[Section]:
    """Return the sections that are closed to this caller, or hold what it may not read (5.4)."""
    critical, decision = answered.record.manifest.critical, answered.decision
    key = (critical, decision.open_cells, decision.masks_location)
    found = _known.get(key)
    if found is None:
        states = section_states(decision, places(critical))
        found = frozenset(section for section, state in states.items() if state is SectionState.WITHHELD_OR_UNAVAILABLE)
        if not decision.opens(Section.DEMOGRAPHICS, Tier.T0):
            found |= {Section.DEMOGRAPHICS}
        if decision.masks_location:
            found |= WITHHELD_WHEN_MASKED
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = found
    return found


_MOST_KNOWN = 4096
_known: dict[tuple[tuple[tuple[int, int], ...], int, bool], frozenset[Section]] = {}
"""Kept because few combinations exist: it depends on places and open cells alone, on nothing of a person."""
