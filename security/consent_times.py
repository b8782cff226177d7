"""When Consents were said and when they came: an older permission that arrives late opens nothing (rule 5.2).

Two times, never mixed. *Effective*: `Consent.dateTime`, when the person said it; without one it counts as older than
every other. *Received*: when its first version was recorded here. A permission counts from the version that first said
what it says now, so that an old Consent that is rewritten, or made active again, arrives anew.

A permission that arrives when a Consent of a later date is known already opens nothing and lifts no refusal, also where
that later one has meanwhile been superseded, made inactive or deleted. What it refuses counts, and what it does not
cover is as closed as if it counted. A later one whose period is over, or has not begun, does not exist (I11).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

Period = tuple[int | None, int | None]
"""First microsecond and exclusive end; None where it has none."""

ALWAYS: Period = (None, None)


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """When one Consent was said and when it came, in microseconds since 1970 in UTC; None where that is not known.

    `said_since` is when the version was recorded that first said what the Consent says now.
    """

    effective: int | None = None
    received: int | None = None
    said_since: int | None = None


class PastConsent(msgspec.Struct, frozen=True, array_like=True):
    """A sharing Consent that was in force once and is no longer: inactive or deleted. It grants and refuses nothing."""

    id: str
    arrival: Arrival
    start: int | None = None
    end: int | None = None


def overtaken(mine: Arrival, others: Iterable[tuple[Arrival, Period]]) -> tuple[Period, ...]:
    """Return the periods in which a permission is overtaken by a later-dated Consent that was here before it.

    `others`: every other Consent that is or was in force, with the period of its root.
    """
    if mine.said_since is None:
        return ()
    periods = {
        period
        for other, period in others
        if other.received is not None and other.received < mine.said_since and _older(mine.effective, other.effective)
    }
    return (ALWAYS,) if ALWAYS in periods else tuple(sorted(periods, key=_in_order))


def within(period: Period, now: int) -> bool:
    """Say whether a moment lies in a period."""
    start, end = period
    return (start is None or start <= now) and (end is None or now < end)


def _older(one: int | None, other: int | None) -> bool:
    return other is not None and (one is None or one < other)


def _in_order(period: Period) -> tuple[bool, int, bool, int]:
    start, end = period
    return start is not None, start or 0, end is not None, end or 0
