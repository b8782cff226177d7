"""When somebody has to do something about a partner, and spans of time in words."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from security.clock import instant
from service.sync.board import PartnerState, Trouble, Way
from service.sync.spans import ago, at, lasting
from service.sync.standing import Standing
from tests.service.record.house import NOW
from tests.service.sync.partner import member


def before(**span: float) -> str:
    return instant(NOW - timedelta(**span))


def needs(*troubles: Trouble, **state: str) -> list[str]:
    """Return what a partner needs that was served a moment ago, but for what is said of it."""
    stands = msgspec.structs.replace(PartnerState(as_of=before(seconds=5)), **state)
    return Standing(member(), stands, troubles, NOW).needs


def stopped(way: Way = Way.OUT, *, parked: bool = False, id: str = "aa", urgent: bool = False) -> Trouble:
    return Trouble(id, way, "", "change", "No.", before(hours=1), before(hours=1), parked=parked, urgent=urgent)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, ""),
        ({"as_of": ""}, "No process has served this partner yet: is the service running?"),
        ({"as_of": before(minutes=3)}, "No process has served this partner for 3 minutes: is the service running?"),
        ({"as_of": before(seconds=119)}, ""),
        ({"circuit": "Away.", "circuit_since": before(minutes=14)}, ""),
        ({"circuit": "Away.", "circuit_since": before(minutes=15)}, "The partner has been away for 15 minutes."),
        ({"oldest_urgent": before(minutes=3), "oldest": before(hours=9)}, ""),
        ({"oldest_urgent": before(minutes=4)}, "A revocation, withdrawal or death has waited for 4 minutes."),
        ({"paused": before(days=1), "paused_by": "Somebody"}, ""),
    ],
)
def test_what_of_the_partner_itself_needs_somebody(state: dict[str, str], words: str) -> None:
    assert needs(**state) == ([words] if words else [])


def test_what_is_stopped_needs_somebody_until_it_is_put_aside() -> None:
    assert needs(stopped()) == ["1 person's lane is stopped."]
    assert needs(stopped(), stopped(id="bb")) == ["2 people's lanes are stopped."]
    assert needs(stopped(Way.IN)) == ["1 message could not be taken in."]
    assert needs(stopped(), stopped(Way.IN), stopped(Way.IN, id="cc")) == [
        "1 person's lane is stopped.",
        "2 messages could not be taken in.",
    ]
    assert needs(stopped(parked=True)) == []


def test_what_is_urgent_is_looked_at_first() -> None:
    late = msgspec.structs.replace(stopped(id="bb", urgent=True), since=before(minutes=1))
    standing = Standing(member(), PartnerState(), (stopped(), late, stopped(id="cc", parked=True)), NOW)
    assert [one.id for one in standing.open] == ["bb", "aa"]
    assert [one.id for one in standing.parked] == ["cc"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0.0 seconds"),
        (0.44, "0.4 seconds"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (3_599, "59 minutes"),
        (3_600, "1 hour"),
        (7_260, "2 hours 1 minute"),
        (90_000, "1 day 1 hour"),
        (200_000, "2 days 7 hours"),
    ],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


def test_moments_in_words() -> None:
    assert ago("", NOW) == "never"
    assert ago(before(minutes=2), NOW) == "2 minutes ago"
    assert at("2026-07-01T11:05:00.000Z") == "1 Jul 2026 12:05"
