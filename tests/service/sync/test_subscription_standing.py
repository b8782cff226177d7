"""How Subscriptions stand: who needs somebody comes first, what is sealed is not said, what is off goes in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fhir_profiles import json
from security.clock import instant
from service.sync.subscribed import Kept
from service.sync.subscription_standing import standings
from tests.service.sync.hooked import subscription

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def kept(id: str, status: str, **rest: Any) -> Kept:
    """Return a Subscription of the ward about one person, whose endpoint has a secret in its address."""
    wanted = subscription(9100, "Observation?patient=Patient/heliotrope", endpoint="https://hooks.example.org/umbrella")
    del wanted["resourceType"], wanted["status"]
    when = rest.pop("updated", instant(NOW - timedelta(hours=2)))
    return Kept(id, "ward-system", "ZZHSP1", [], json.encode(wanted), 1, when, status, when, **rest)


def test_those_that_need_somebody_come_first_and_those_off_for_long_are_gone() -> None:
    found = standings(
        [
            kept("off", "off", error="The time that it was asked for is over."),
            kept("told", "active"),
            kept("failing", "error", failing=instant(NOW - timedelta(hours=3)), error="Not reached.", greeted=True),
            kept("unheard", "error", error="Not reached."),
            kept("long-gone", "off", updated=instant(NOW - timedelta(days=7))),
        ],
        NOW,
    )
    assert [(one.id, one.need) for one in found] == [
        ("failing", "Its endpoint has taken nothing for 3 hours. In 21 hours it is off."),
        ("unheard", "Its handshake was not taken: its client has to ask again."),
        ("told", ""),
        ("off", ""),
    ]


def test_nothing_of_whom_it_is_about_or_of_its_headers_is_in_it() -> None:
    (one,) = standings([kept("told", "active")], NOW)
    assert one.host == "hooks.example.org"
    assert not {"heliotrope", "umbrella", "heliotrope-word"} & set(str(one).replace("'", " ").replace("/", " ").split())
    assert "heliotrope" not in str(one)
