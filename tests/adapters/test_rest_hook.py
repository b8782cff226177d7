"""The channel rest-hook: a client's headers cannot change how we send, and what its endpoint answers is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AddressRefused, Faulty, NotThere, Overloaded, Unintelligible, Unreachable
from adapters.http import Guard
from adapters.rest_hook import MOST_HEADERS, RestHook, headers_of
from adapters.subscription_notification import Content, Event, Kind, Standing, notification
from fhir_profiles.validation import validate
from service.sync.subscription_rules import problems_of
from tests.adapters.receiving import Receiver, receiving
from tests.running import REPOSITORY

BASE = "https://record.test/fhir/R4"
NOW = datetime(2026, 11, 2, 14, 41, tzinfo=UTC)
LOCAL = Guard(frozenset({"127.0.0.1"}), private=True)
STANDING = Standing("Subscription/1", "active", 2)


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    """Return an endpoint."""
    with receiving() as one:
        yield one


@given(st.lists(st.text(alphabet="Hostcntey-XLgh: \r\n\t\0é~z1", max_size=24), max_size=MOST_HEADERS + 1))
def test_headers_are_names_and_values_that_cannot_become_anything_else(lines: list[str]) -> None:
    try:
        found = headers_of(lines)
    except ValueError:
        return
    assert len(found) == len(lines) <= MOST_HEADERS
    for name, value in found.items():
        assert name not in ("host", "content-length", "content-type", "connection")
        assert re.fullmatch(r"[!-9;-~]+", name)
        assert re.fullmatch(r"[ -~]+", value)


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ((301, {"Location": "http://127.0.0.1/"}, b""), Unintelligible),
        ((404, {}, b""), NotThere),
        ((429, {"Retry-After": "7"}, b""), Overloaded),
        ((500, {}, b""), Faulty),
    ],
)
async def test_whatever_is_not_2xx_was_not_taken(endpoint: Receiver, answer: Any, fact: type[Exception]) -> None:
    endpoint.answers = [answer]
    hook = RestHook(f"http://127.0.0.1:{endpoint.port}/told", {"x-word": "a"}, LOCAL, 5.0)
    with pytest.raises(fact):
        await hook.send(b"{}")
    await hook.close()
    assert len(endpoint.received) == 1, "redirects are not followed"


async def test_where_nothing_listens_or_nobody_is_to_be_sent(endpoint: Receiver) -> None:
    strict = Guard(frozenset({"127.0.0.1"}), private=False)
    for guard, port, fact in ((LOCAL, 1, Unreachable), (strict, endpoint.port, AddressRefused)):
        hook = RestHook(f"http://127.0.0.1:{port}/told", {}, guard, 5.0)
        with pytest.raises(fact):
            await hook.send(b"{}")
        await hook.close()
    assert endpoint.received == []


def test_notifications_keep_to_r4_and_are_the_same_when_they_are_sent_again() -> None:
    resource = {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"}}
    events = [
        Event(1, "2026-11-02T14:40:00.000Z", "Observation/a", resource),
        Event(2, "2026-11-02T14:40:00.000Z", "Flag/b"),
    ]
    seen = set()
    for content in Content:
        for kind in Kind:
            body = notification(STANDING, kind, BASE, "2026-11-02T14:41:00.000Z", content, events)
            assert body == notification(STANDING, kind, BASE, "2026-11-02T14:41:00.000Z", content, events)
            if content is Content.NONE:
                assert body == b""
                continue
            bundle = json.loads(body)
            assert validate(bundle) == []
            assert all(validate(entry["resource"]) == [] for entry in bundle["entry"] if "resource" in entry)
            assert (b"Observation/a" in body) is (content is not Content.EMPTY)
            assert len(bundle["entry"]) == (3 if content is Content.FULL_RESOURCE else 1)
            seen.add(bundle["entry"][0]["fullUrl"])
    assert len(seen) == len(Kind), "one for each kind, whatever it holds"


def test_the_examples_of_the_guide_are_understood() -> None:
    guide = (REPOSITORY / "docs/subscriptions.md").read_text()
    (asked,) = re.findall(r"-d '(\{.*?\})' >", guide, re.DOTALL)
    assert problems_of(json.loads(asked), {"127.0.0.1"}, private=True, now=NOW) == []
    (told,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    bundle = json.loads(told)
    assert validate(bundle) == []
    names = [one["name"] for one in bundle["entry"][0]["resource"]["parameter"]]
    made = json.loads(
        notification(
            STANDING,
            Kind.EVENT,
            BASE,
            "2026-11-02T14:41:00.000Z",
            Content.ID_ONLY,
            [Event(2, "2026-11-02T14:40:00Z", "Flag/b")],
        )
    )
    assert names == [one["name"] for one in made["entry"][0]["resource"]["parameter"]]
