"""Spans of time as people say them. Pure."""

from __future__ import annotations

from datetime import datetime

from security.clock import LONDON, parse_instant

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def lasting(seconds: float) -> str:
    """Return a span in its two largest units at most: `2 days 4 hours`, `3 minutes`, `41 seconds`, `0.4 seconds`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} seconds"
    whole = int(seconds)
    for place, (size, unit) in enumerate(_UNITS):
        if whole >= size:
            said = _counted(whole // size, unit)
            rest = _UNITS[place + 1] if place + 1 < len(_UNITS) else None
            smaller = whole % size // rest[0] if rest is not None else 0
            return f"{said} {_counted(smaller, rest[1])}" if rest is not None and smaller else said
    return _counted(whole, "second")


def ago(when: str, now: datetime) -> str:
    """Return how long ago a FHIR instant was, `never` for none."""
    return f"{lasting((now - parse_instant(when)).total_seconds())} ago" if when else "never"


def at(when: str) -> str:
    """Return a FHIR instant as a day and time in London: `28 Nov 2026 14:05`."""
    local = parse_instant(when).astimezone(LONDON)
    return f"{local.day} {local:%b %Y %H:%M}"


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"
