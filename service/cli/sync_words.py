"""How a partner stands, as `epaccs sync status` says it: lines for people, and the same as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.sync.board import PartnerState, Trouble, Way
from service.sync.spans import ago, at
from service.sync.standing import Standing, removals
from service.sync.subscription_standing import SubscriptionStanding

_WAYS = {Way.OUT: "stopped", Way.IN: "not taken in"}


def lines(one: Standing) -> Iterator[str]:
    """Yield what a terminal shows of a partner: numbers first, then what a person has to do something about."""
    state, now, described = one.state, one.now, one.member.description
    yield f"{one.member.name}: {described.title}"
    yield _row("answers for it", f"{described.owner.name}, {described.owner.organisation}")
    yield _row("last success", ago(state.last_success, now))
    half, most = one.lag
    yield _row("lag", "-" if half is None or most is None else f"p50 {half:.2f} s, p95 {most:.2f} s")
    waiting = ", ".join(f"{word} {count}" for word, count in one.waiting.items())
    yield _row("waiting", f"{waiting}{f'; the oldest from {ago(state.oldest, now)}' if state.oldest else ''}")
    yield _row("circuit", f"open, since {at(state.circuit_since)}: {state.circuit}" if state.circuit else "closed")
    if state.paused:
        begins = "" if state.still == state.paused else "; what is under way still ends"
        yield _row("paused", f"by {state.paused_by}, {ago(state.paused, now)}{begins}")
    for trouble in (*one.open, *one.parked):
        word = "late" if trouble.under_way else _WAYS[trouble.way]
        yield _row("put aside" if trouble.parked else word, _trouble(trouble, one))
    if one.removals:
        yield _row("removals", removals(one))
    for need in one.needs:
        yield _row("SEE TO IT", need)


def as_json(one: Standing) -> dict[str, Any]:
    """Return a partner as JSON: times as FHIR instants, lags in seconds, null where there is nothing."""
    state, described = one.state, one.member.description
    half, most = one.lag
    return {
        "partner": one.member.name,
        "title": described.title,
        "owner": {"name": described.owner.name, "organisation": described.owner.organisation},
        "asOf": state.as_of or None,
        "served": one.served,
        "lastSuccess": state.last_success or None,
        "lastFailure": state.last_failure or None,
        "lastPoll": state.last_poll or None,
        "lag": {"p50": half, "p95": most},
        "waiting": one.waiting,
        "oldest": state.oldest or None,
        "oldestUrgent": state.oldest_urgent or None,
        "given": state.given,
        "removed": state.removed,
        "taken": state.taken,
        "circuit": {"open": bool(state.circuit), "since": state.circuit_since or None, "reason": state.circuit or None},
        "paused": _paused(state),
        "troubles": [
            {
                "id": trouble.id,
                "way": trouble.way.value,
                "subject": trouble.subject,
                "cause": trouble.cause,
                "reason": trouble.reason,
                "since": trouble.since,
                "last": trouble.last,
                "tries": trouble.tries,
                "urgent": trouble.urgent,
                "underWay": trouble.under_way,
                "parked": trouble.parked,
            }
            for trouble in (*one.open, *one.parked)
        ],
        "needs": one.needs,
    }


def subscription_lines(one: SubscriptionStanding) -> Iterator[str]:
    """Yield what a terminal shows of a Subscription."""
    yield f"Subscription/{one.id}"
    yield _row("client", f"{one.client}, {one.organisation}")
    yield _row("told at", one.host)
    yield _row("status", f"{one.status}, since {at(one.updated)}{f': {one.error}' if one.error else ''}")
    if one.need:
        yield _row("SEE TO IT", one.need)


def subscription_as_json(one: SubscriptionStanding) -> dict[str, Any]:
    """Return a Subscription as JSON: times as FHIR instants, null where there is nothing."""
    return {
        "id": one.id,
        "client": one.client,
        "organisation": one.organisation,
        "host": one.host,
        "status": one.status,
        "updated": one.updated,
        "failing": one.failing or None,
        "error": one.error or None,
        "need": one.need or None,
    }


def _paused(state: PartnerState) -> dict[str, Any] | None:
    if not state.paused:
        return None
    return {"since": state.paused, "by": state.paused_by, "still": state.still == state.paused}


def _trouble(trouble: Trouble, one: Standing) -> str:
    about = f"{trouble.cause}{f' about {trouble.subject}' if trouble.subject else ''}"
    tries = "once" if trouble.tries == 1 else f"{trouble.tries} times"
    return f"{trouble.id} ({trouble.way.value}) {about}, {tries}, first {ago(trouble.since, one.now)}: {trouble.reason}"


def _row(name: str, value: str) -> str:
    return f"  {name:<15} {value}"
