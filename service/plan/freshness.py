"""How old an answer is and whether its review is overdue. Nothing here hides anything: it only says so (hazard H1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.plan.times import span_of


@dataclass(frozen=True, slots=True)
class Freshness:
    """The times and the origin of one item, and whether it was out of date at `as_of`. Times as sent."""

    as_of: datetime
    effective: str | None
    recorded: str | None
    source: str | None
    version: str | None
    review_due: str | None
    out_of_date: bool


def review_ends(review_due: str | None) -> datetime | None:
    """Return the last moment, in UTC, at which a review is not overdue. A date includes that whole day in London."""
    span = span_of(review_due)
    return span.latest if span else None


def review_is_overdue(review_due: str | None, now: datetime) -> bool:
    """Say whether a review date has passed. Without a date nothing is overdue."""
    ends = review_ends(review_due)
    return ends is not None and ends < now


def freshness(resource: dict[str, object], effective: str | None, review_due: str | None, now: datetime) -> Freshness:
    """Gather an item's times from its stored resource, and judge its review date at `now`."""
    meta = resource.get("meta")
    stated = meta if isinstance(meta, dict) else {}
    return Freshness(
        as_of=now,
        effective=effective,
        recorded=stated.get("lastUpdated"),
        source=stated.get("source"),
        version=stated.get("versionId"),
        review_due=review_due,
        out_of_date=review_is_overdue(review_due, now),
    )
