"""How the traffic with partners is told on a page: from what is on the board to words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from security.clock import parse_instant
from service.sync.absences import came_through
from service.sync.board import Absence, Trouble, Way
from service.sync.spans import ago, at, lasting
from service.sync.standing import Standing, removals
from service.sync.subscription_standing import SubscriptionStanding

CAUSES: Mapping[str, str] = {
    "change": "A change",
    "decision": "A decision",
    "revocation": "A revoked decision",
    "withdrawal": "A change of what may be shared",
    "death": "A death",
    "message": "A message",
    "notice": "A notice to a person",
    "incident": "An incident",
}
"""Why something travels, as a reader says it."""
SUBSCRIBED: Mapping[str, str] = {
    "requested": "Waits for its handshake",
    "active": "Told",
    "error": "Not reached",
    "off": "Off",
}
"""How a Subscription stands, as a reader says it."""
WAYS: Mapping[Way, str] = {Way.OUT: "to the partner", Way.IN: "from the partner"}
SHOWN_ABSENCES = 3
SHOWN_EVENTS = 40
SHOWN_TROUBLES = 100
SHOWN_SUBSCRIPTIONS = 100
"""What one page shows; the number of all of them stands above."""

Told = dict[str, Any]


def row(one: Standing) -> Told:
    """Return what the overview says of a partner."""
    state = one.state
    half, most = one.lag
    return {
        "name": one.member.name,
        "title": one.member.description.title,
        "address": f"/sync/partners/{one.member.name}",
        "condition": condition(one),
        "well": condition(one) == "Running",
        "success": ago(state.last_success, one.now),
        "half": seconds(half),
        "most": seconds(most),
        "waiting": one.waiting,
        "oldest": lasting((one.now - parse_instant(state.oldest)).total_seconds()) if state.oldest else "",
        "circuit": state.circuit,
        "circuit_since": at(state.circuit_since) if state.circuit else "",
        "open": len(one.open),
        "parked": len(one.parked),
        "needs": one.needs,
    }


def partner(one: Standing) -> Told:
    """Return what the page of a partner says of it."""
    state, described = one.state, one.member.description
    open_ = one.open
    return row(one) | {
        "owner": described.owner.name,
        "owner_organisation": described.owner.organisation,
        "as_of": ago(state.as_of, one.now),
        "failure": ago(state.last_failure, one.now),
        "poll": ago(state.last_poll, one.now) if described.sends else "",
        "given": state.given,
        "removed": state.removed,
        "taken": state.taken,
        "removals": removals(one) if one.removals else "",
        "paused": bool(state.paused),
        "paused_by": state.paused_by,
        "paused_at": at(state.paused) if state.paused else "",
        "absences": [
            absence(one, place)
            for place in range(len(state.absences) - 1, max(-1, len(state.absences) - 1 - SHOWN_ABSENCES), -1)
        ],
        "troubles": [trouble(entry, one) for entry in open_[:SHOWN_TROUBLES]],
        "put_aside": [trouble(entry, one) for entry in one.parked[:SHOWN_TROUBLES]],
        "stopped": sum(entry.way is Way.OUT and not entry.under_way for entry in open_),
        "unread": sum(entry.way is Way.IN for entry in open_),
        "ordered": [ORDERS[command](id[:12]) for command, id in state.orders if command in ORDERS],
        "events": [
            {"when": at(event.time), "what": event.what, "words": event.words}
            for event in reversed(state.events[-SHOWN_EVENTS:])
        ],
    }


def subscription(one: SubscriptionStanding) -> Told:
    """Return what the overview says of a Subscription."""
    return {
        "id": one.id,
        "client": one.client,
        "organisation": one.organisation,
        "host": one.host,
        "condition": SUBSCRIBED.get(one.status, one.status),
        "well": one.status in ("active", "requested"),
        "since": at(one.updated),
        "error": one.error,
        "need": one.need,
    }


def condition(one: Standing) -> str:
    """Return the state of a partner in a word or two; the worst that holds."""
    if not one.served:
        return "Not served"
    if one.state.paused:
        return "Paused" if one.state.still == one.state.paused else "Pausing"
    if one.state.circuit:
        return "Away"
    return "Needs somebody" if one.needs else "Running"


def absence(one: Standing, place: int) -> Told:
    """Return one time away: from when to when, how many waited, what came through since, and what still does not."""
    away: Absence = one.state.absences[place]
    given, removed, taken = came_through(one.state, place)
    until = parse_instant(away.ended) if away.ended else one.now
    left = [entry for entry in one.open if away.began <= entry.last]
    latest = place == len(one.state.absences) - 1
    return {
        "began": at(away.began),
        "ended": at(away.ended) if away.ended else "",
        "lasted": lasting((until - parse_instant(away.began)).total_seconds()),
        "reason": away.reason,
        "most": away.most,
        "given": given,
        "removed": removed,
        "taken": taken,
        "latest": latest,
        "waiting": sum(one.waiting.values()),
        "from_then": bool(one.state.oldest and one.state.oldest < (away.ended or one.state.as_of)),
        "left": len(left),
    }


def trouble(entry: Trouble, one: Standing) -> Told:
    """Return what a person has to look at, as a card of the page."""
    return {
        "id": entry.id,
        "short": entry.id[:12],
        "way": entry.way.value,
        "out": entry.way is Way.OUT,
        "what": f"{CAUSES.get(entry.cause, entry.cause)} {WAYS[entry.way]}",
        "urgent": entry.urgent,
        "subject": entry.subject,
        "reason": entry.reason,
        "since": at(entry.since),
        "ago": ago(entry.since, one.now),
        "last": at(entry.last),
        "tries": entry.tries,
    }


def seconds(lag: float | None) -> str:
    """Return a lag as a cell of a table."""
    return "-" if lag is None else f"{lag:.1f} s" if lag < 120 else lasting(lag)


ORDERS = {
    "retry": lambda id: f"Try lane {id} again" if id else "Try everything again",
    "replay": lambda id: f"Translate message {id} again" if id else "Translate every message again",
}
"""What was ordered, until it is taken up, by its word; each makes a sentence of the id that it is for."""
