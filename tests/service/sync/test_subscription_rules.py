"""What a Subscription may ask for: what is refused, with which sentence, and that nothing sent is repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.subscription_notification import MAX_COUNT, Content
from security.principal import Role
from service.record.errors import InvalidContent, NotAllowedToWrite, NotHere, VersionConflict
from service.sync.criteria import Criteria, NotUnderstood, read_criteria
from service.sync.subscribed import MOST_OF_A_CLIENT, wish_of
from service.sync.subscription_rules import kept_form, problems_of
from tests.service.sync.hooked import ELSEWHERE, HOSTS, WARD, hooked, subscription, system

Json = dict[str, Any]
NOW = datetime(2026, 11, 2, 14, 41, tzinfo=UTC)
SECRET = "heliotrope"


def channel(**more: Any) -> Callable[[Json], Json]:
    """Return what changes the channel."""
    return lambda one: {**one, "channel": {**one["channel"], **more}}


WRONG: dict[str, tuple[Callable[[Json], Json], str]] = {
    "another channel": (channel(type="email"), "Subscription.channel.type"),
    "no endpoint": (channel(endpoint=""), "Subscription.channel.endpoint"),
    "a host that is not listed": (channel(endpoint=f"https://{SECRET}.example.org/"), "Subscription.channel.endpoint"),
    "an address with a user": (channel(endpoint=f"https://{SECRET}@127.0.0.1/"), "Subscription.channel.endpoint"),
    "an endpoint that is too long": (
        channel(endpoint="https://127.0.0.1/" + SECRET * 60),
        "Subscription.channel.endpoint",
    ),
    "a header that ends": (channel(header=[f"X-Word: {SECRET}\r\nHost: elsewhere"]), "Subscription.channel.header"),
    "a header of ours": (channel(header=[f"Host: {SECRET}"]), "Subscription.channel.header"),
    "a header without a value": (channel(header=[SECRET]), "Subscription.channel.header"),
    "a header twice": (channel(header=[f"X-A: {SECRET}", "x-a: b"]), "Subscription.channel.header"),
    "too many headers": (channel(header=[f"X-{n}: {SECRET}" for n in range(9)]), "Subscription.channel.header"),
    "a header that is too long": (channel(header=["X-A: " + SECRET * 120]), "Subscription.channel.header"),
    "XML": (channel(payload="application/fhir+xml"), "Subscription.channel.payload"),
    "content that is not one": (
        channel(_payload={"extension": [{"url": "http://example.org", "valueCode": SECRET}]}),
        "Subscription",
    ),
    "criteria of another search": (
        lambda one: {**one, "criteria": f"Observation?code={SECRET}"},
        "Subscription.criteria",
    ),
    "criteria of no type": (lambda one: {**one, "criteria": "Heliotrope?"}, "Subscription.criteria"),
    "another topic": (lambda one: {**one, "criteria": f"https://example.org/{SECRET}"}, "Subscription.criteria"),
    "to be active with an error": (lambda one: {**one, "status": "error"}, "Subscription.status"),
    "an end that has passed": (lambda one: {**one, "end": "2026-11-01T00:00:00Z"}, "Subscription.end"),
    "an extension that is not known": (
        lambda one: {**one, "extension": [{"url": "http://example.org", "valueString": SECRET}]},
        "Subscription",
    ),
    "contained resources": (
        lambda one: {**one, "contained": [{"resourceType": "Flag", "id": "a"}]},
        "Subscription",
    ),
    "too much": (lambda one: {**one, "reason": SECRET * 1_000}, "Subscription"),
    "no reason": (
        lambda one: {name: value for name, value in one.items() if name != "reason"},
        "Subscription.reason",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_understood_is_refused_in_plain_words(name: str) -> None:
    change, place = WRONG[name]
    problems = problems_of(change(subscription(443)), HOSTS, private=True, now=NOW)
    assert problems
    assert {one.expression.partition(".extension")[0] for one in problems} & {place} or place == "Subscription"
    for one in problems:
        assert one.text.endswith(".")
        assert SECRET not in one.text + one.expression


def test_outside_a_sandbox_an_endpoint_is_https_and_public() -> None:
    for endpoint in ("http://told.example.org/", "https://127.0.0.1/", "http://127.0.0.1/"):
        asked = channel(endpoint=endpoint)(subscription(443))
        (problem,) = problems_of(asked, HOSTS, private=False, now=NOW)
        assert problem.expression == "Subscription.channel.endpoint"
    assert problems_of(channel(endpoint="https://told.example.org/")(subscription(443)), HOSTS, False, NOW) == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Observation?patient=Patient/a-1", Criteria("Patient/a-1", "Observation")),
        ("CarePlan?subject=Patient/a-1", Criteria("Patient/a-1", "CarePlan")),
        ("patient=Patient/a-1", Criteria("Patient/a-1")),
        ("Patient/a-1", Criteria("Patient/a-1")),
        ("Patient?_id=a-1", Criteria("Patient/a-1", "Patient")),
        ("Observation?", Criteria("", "Observation")),
        ("Observation", Criteria("", "Observation")),
    ],
)
def test_criteria_are_one_person_or_the_caseload(text: str, meant: Criteria) -> None:
    assert read_criteria(text) == meant


@given(st.text(alphabet="PatienObsrv?=&/_:,.| 1%\n", max_size=40))
def test_criteria_are_understood_in_full_or_not_at_all(text: str) -> None:
    """Whatever is understood names one person whose id is in it, or a type that is in it; nothing is left over."""
    try:
        meant = read_criteria(text)
    except NotUnderstood:
        return
    left = text.replace(meant.patient.partition("/")[2] or meant.type, "", 1)
    assert set(left) <= set("Observation?patient=subject=Patient/?_id=")


def test_what_is_asked_for_is_kept_within_limits() -> None:
    plenty = [{"url": MAX_COUNT, "valuePositiveInt": 5_000}]
    wish = wish_of(kept_form(subscription(443, extension=plenty)))
    assert (wish.most, wish.timeout, wish.content) == (100, 30, Content.ID_ONLY)
    assert SECRET not in repr(wish)


async def test_a_subscription_is_its_client_s_own(keys_home: Path, tmp_path: Path) -> None:
    """Anybody else's is absent; a person cannot have one; an update names the version; their number is limited."""
    async with hooked(keys_home, tmp_path) as opened:
        asked, elsewhere = subscription(443), system(ELSEWHERE)
        made = await opened.subscriptions.create(system(), asked)
        mine = {**asked, "id": made.id}
        other = replace(WARD, client_id="other-system")
        with pytest.raises(NotAllowedToWrite):
            await opened.subscriptions.create(system(other), asked)  # it is not registered
        for stranger in (elsewhere, system(other)):
            with pytest.raises(NotHere):
                await opened.subscriptions.read(stranger, made.id)
            with pytest.raises(NotHere):
                await opened.subscriptions.update(stranger, made.id, 1, mine)
            with pytest.raises(NotHere):
                await opened.subscriptions.delete(stranger, made.id)
            assert await opened.subscriptions.search(stranger) == []
            assert await opened.subscriptions.statuses(stranger, [made.id], []) == []
        with pytest.raises(VersionConflict):
            await opened.subscriptions.update(system(), made.id, 7, mine)
        with pytest.raises(NotAllowedToWrite):
            await opened.subscriptions.read(system(role=Role.HOSPICE), made.id)
        for _ in range(MOST_OF_A_CLIENT - 1):
            await opened.subscriptions.create(system(), asked)
        with pytest.raises(InvalidContent) as refused:
            await opened.subscriptions.create(system(), asked)
        assert str(MOST_OF_A_CLIENT) in refused.value.issues[0].text
        await opened.subscriptions.create(elsewhere, asked)
        assert len(await opened.subscriptions.search(system())) == MOST_OF_A_CLIENT
