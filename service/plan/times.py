"""FHIR dates and times as spans of UTC, because `2026-06` and `2026-06-03` are not moments.

A date means that whole day in London. Two times are ordered only when one span ends before the other begins; anything
else is a tie and is reported as such, never guessed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from security.clock import LONDON

_MONTHS = ("January February March April May June July August September October November December").split()
_TICK = timedelta(microseconds=1)


class Span(NamedTuple):
    """The first and the last moment that a FHIR date or dateTime may mean, both in UTC and inclusive."""

    earliest: datetime
    latest: datetime

    def before(self, other: Span) -> bool:
        """Say whether all of this lies before all of `other`."""
        return self.latest < other.earliest


def span_of(value: object) -> Span | None:
    """Return the span of a FHIR date, dateTime or instant; None when absent or not understood."""
    if not isinstance(value, str):
        return None
    try:
        if "T" in value:
            moment = _moment(value).astimezone(UTC)
            return Span(moment, moment)
        first, after = _days(value)
    except (ValueError, OverflowError):
        return None
    return Span(_midnight(first), _midnight(after) - _TICK)


def in_words(value: object) -> str | None:
    """Return a FHIR date or dateTime as a reader in the United Kingdom says it: `3 June 2026 at 14:05`."""
    if not isinstance(value, str) or not value[:4].isdigit():
        return None
    if "T" in value:
        try:
            local = _moment(value).astimezone(LONDON)
        except (ValueError, OverflowError):
            return None
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year} at {local.hour:02}:{local.minute:02}"
    parts = value.split("-")
    try:
        month = f"{_MONTHS[int(parts[1]) - 1]} " if len(parts) > 1 else ""
        day = f"{int(parts[2])} " if len(parts) > 2 else ""
    except (ValueError, IndexError):
        return None
    return f"{day}{month}{parts[0]}"


def _moment(value: str) -> datetime:
    """Return the moment of a dateTime. Raise ValueError for one that is not understood, or without a time zone."""
    moment = datetime.fromisoformat(value.replace(":60", ":59"))
    if moment.tzinfo is None:
        raise ValueError("without a time zone")
    return moment


def _days(value: str) -> tuple[date, date]:
    """Return the first day of a partial date and the day after its last."""
    parts = [int(part) for part in value.split("-")]
    if len(parts) == 1:
        return date(parts[0], 1, 1), date(parts[0] + 1, 1, 1)
    if len(parts) == 2:
        year, month = parts
        return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)
    day = date(*parts)
    return day, day + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON).astimezone(UTC)
