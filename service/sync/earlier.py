"""What is known already of what a partner sends: what it is here, and whether it came before. Pure."""

from __future__ import annotations

from enum import StrEnum

from adapters.base import Arrived
from security.clock import parse_instant
from service.record.decoded import decode_slice
from service.record.records import OpenRecord
from service.sync import ours
from service.sync.held import LaneState, Taken


class Outcome(StrEnum):
    """What became of a message."""

    TAKEN = "taken"
    SEEN = "seen"
    """It came before, or says what is here already: nothing changed."""
    LATE = "late"
    """A newer version of it came before: it is kept as history, and nothing changed."""
    NOT_OURS = "not-ours"
    """It is about nobody here, or about somebody for whom this partner has nothing to say. Nothing is kept of it."""
    PARKED = "parked"
    WAITING = "waiting"
    """It cannot be told yet what becomes of it: it stays with the partner, and comes again."""


def outcome_before(arrived: Arrived, state: LaneState) -> Outcome | None:
    """Say what is known of a message already: the same version was taken, we made it ourselves, or a newer one came."""
    if arrived.untouched:
        return Outcome.SEEN  # what we sent ourselves, also if that is not remembered yet
    taken = state.taken.get(arrived.theirs)
    held = next((there for there in state.held.values() if there.theirs == arrived.theirs), None)
    if arrived.version and arrived.version in (
        taken.version if taken else None,
        held.version if held else None,
    ):
        return Outcome.SEEN
    if taken is not None and taken.sent and arrived.sent and parse_instant(arrived.sent) < parse_instant(taken.sent):
        return Outcome.LATE
    return None


def newer(taken: Taken, arrived: Arrived) -> Taken:
    """Return what is remembered of a resource, as of a newer version that says the same."""
    return Taken(taken.ours, arrived.version or taken.version, arrived.sent or taken.sent, taken.digest)


def ours_of(arrived: Arrived, partner: str, state: LaneState, record: OpenRecord) -> str:
    """Return our reference of a partner's resource: as remembered, else by our mark on it, or its identifier here."""
    theirs, marked = arrived.theirs, record.entry(arrived.ours) if arrived.ours else None
    taken = state.taken.get(theirs)
    if taken is not None and taken.ours:
        return taken.ours
    for reference, there in state.held.items():
        if there.theirs == theirs:
            return reference
    kind = theirs.partition("/")[0]
    if marked is not None and marked.type == kind:
        return arrived.ours
    if kind == "Patient":
        return record.manifest.patient
    for reference, entry in record.entries.items():
        if entry.type == kind and not entry.deleted and ours.is_from(decode_slice(record, entry), partner, theirs):
            return reference
    return ""
