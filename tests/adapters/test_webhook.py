"""The kind `webhook` against a real server: what is sent, what an answer means, and what a description must say."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from adapters.base import Cause, HeldThere, Message, Receipt, Untranslatable
from adapters.errors import (
    AddressRefused,
    ContentRefused,
    Faulty,
    NotAuthorised,
    NotThere,
    Overloaded,
    Unintelligible,
    Unreachable,
)
from adapters.notice import Notifies, PersonNotice
from adapters.partners import Description, Owner, Partner, read_partner
from adapters.registry import Surroundings, kind_of
from adapters.webhook import MAX_ANSWER, WebhookAdapter
from security.errors import InvalidConfiguration
from tests.adapters.guides import guide_blocks, guide_sample
from tests.adapters.parcels import OBSERVATION, PERSON, given_by, parcel, put, removal
from tests.adapters.receiving import Receiver, receiving
from tests.running import REPOSITORY

KEY = ECKey.generate_key("P-256")
NOW = datetime(2026, 11, 2, 14, 41, tzinfo=UTC)
BASE = "https://record.test/fhir/R4"
NOTICE_SCHEMA = jsonschema_rs.validator_for(json.loads((REPOSITORY / "docs/notice-event.schema.json").read_text()))
SCHEMA = jsonschema_rs.validator_for(json.loads((REPOSITORY / "docs/plan-event.schema.json").read_text()))


def surroundings(*, private: bool = True) -> Surroundings:
    return Surroundings(lambda: NOW, BASE, KEY.as_pem(private=True), private_addresses=private)


def described(settings: Any, **more: Any) -> Partner:
    description = Description(
        name="hub", kind="webhook", title="Hub", client="hub", owner=Owner("Desk", "ZZHUB"), settings=settings, **more
    )
    return Partner(description, Path())


@asynccontextmanager
async def adapting(address: str, **more: Any) -> AsyncIterator[WebhookAdapter]:
    partner = described({"address": address, "hosts": ["127.0.0.1"], **more})
    adapter = kind_of(partner).adapter(partner, surroundings())
    assert isinstance(adapter, WebhookAdapter)
    try:
        yield adapter
    finally:
        await adapter.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def hub(server: Receiver) -> Receiver:
    server.received.clear()
    server.answers = [(204, {}, b"")]
    return server


def address(hub: Receiver) -> str:
    return f"http://127.0.0.1:{hub.port}/events"


async def sent(hub: Receiver, what: Any, **more: Any) -> dict[str, Any]:
    async with adapting(address(hub), **more) as adapter:
        await given_by(adapter, what)
    event: dict[str, Any] = json.loads(hub.received[-1].body)
    SCHEMA.validate(event)
    return event


async def test_an_event_says_what_changed_and_nothing_of_it(hub):
    event = await sent(hub, parcel(puts=(put(),), removals=(removal(),)))
    assert event.pop("id").startswith("key-1-")
    assert event == {
        "specversion": "1.0",
        "source": BASE,
        "type": "org.epaccs.plan.changed",
        "subject": "keyed-7",
        "time": "2026-11-02T14:40:00.000Z",
        "sequence": "00000000000000000017",
        "dataschema": "https://epaccs.example.org/fhir/schema/plan-event-1",
        "datacontenttype": "application/json",
        "data": {
            "cause": "change",
            "put": [{"reference": "Observation/o1", "version": "3"}],
            "remove": [{"reference": "Observation/o2"}],
        },
    }
    (request,) = hub.received
    assert (request.method, request.path) == ("POST", "/events")
    assert request.headers["content-type"] == "application/cloudevents+json"
    whole = request.body.decode() + str(request.headers)
    for personal in ("9990000018", "Exampleby", "Wilma", "1941-05-02", "304251008"):
        assert personal not in whole


async def test_what_arrives_is_signed_for_this_address_and_for_no_other(hub):
    event = await sent(hub, parcel(), payload="full")
    (request,) = hub.received
    verified = guide_sample("webhooks")["verified"]
    signature, keys = request.headers["epaccs-signature"], KeySet([KEY])
    assert verified(request.body, signature, keys, address(hub), NOW.timestamp()) == event
    with pytest.raises(ValueError, match="not an event for this address"):
        verified(request.body, signature, keys, "https://other.test/events", NOW.timestamp())
    with pytest.raises(JoseError):
        verified(request.body + b" ", signature, keys, address(hub), NOW.timestamp())


async def test_a_full_event_has_the_resources_as_they_were_released(hub):
    event = await sent(hub, parcel(), payload="full")
    assert event["data"]["put"] == [{"reference": "Observation/o1", "version": "3", "resource": OBSERVATION}]
    assert event["data"]["patient"] == PERSON
    assert event["data"]["notes"] == ["The place of death changed."]
    gone = await sent(hub, parcel(patient=None, puts=(), removals=(removal(),)), payload="full")
    assert "patient" not in gone["data"]


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (parcel(), "changed"),
        (parcel(cause=Cause.DECISION), "decided"),
        (parcel(cause=Cause.REVOCATION), "revoked"),
        (parcel(cause=Cause.WITHDRAWAL, removals=(removal(),)), "withdrawn"),
        (parcel(cause=Cause.DEATH, puts=()), "deceased"),
        (parcel(cause=Cause.WITHDRAWAL, puts=(), removals=(removal(),)), "removal-requested"),
        (parcel(cause=Cause.CHANGE, puts=(), removals=(removal(),)), "removal-requested"),
    ],
)
async def test_the_type_says_how_urgent_it_is(hub, what, kind):
    event = await sent(hub, what)
    assert event["type"] == f"org.epaccs.plan.{kind}"
    assert event["data"]["cause"] == what.cause


async def test_sent_again_it_is_the_same_event(hub):
    async with adapting(address(hub)) as adapter:
        await given_by(adapter, parcel())
        await given_by(adapter, parcel())
    first, second = hub.received
    assert first.body == second.body


async def test_an_answer_of_success_confirms_everything(hub):
    hub.answers = [(202, {}, b"thanks")]
    async with adapting(address(hub)) as adapter:
        receipts = await given_by(adapter, parcel(puts=(put(),), removals=(removal(),)))
    assert receipts == [
        Receipt("Observation/o1", HeldThere("", "", b"digest of Observation/o1")),
        Receipt("Observation/o2", None),
    ]


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        (301, Unintelligible),
        (307, Unintelligible),
        (400, ContentRefused),
        (401, NotAuthorised),
        (404, NotThere),
        (408, Overloaded),
        (410, NotThere),
        (425, Overloaded),
        (429, Overloaded),
        (500, Faulty),
        (502, Overloaded),
        (503, Overloaded),
    ],
)
async def test_any_other_answer_confirms_nothing(hub, status, fact):
    hub.answers = [(status, {"location": "http://127.0.0.1/elsewhere"}, b"Exampleby")]
    async with adapting(address(hub)) as adapter:
        with pytest.raises(fact) as caught:
            await given_by(adapter, parcel())
    assert "Exampleby" not in str(caught.value)
    assert len(hub.received) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "Mon, 02 Nov 2026 15:00:30 GMT", "date": "Mon, 02 Nov 2026 15:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 02 Nov 2026 14:00:00 GMT", "date": "Mon, 02 Nov 2026 15:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Mon, 02 Nov 2026 15:00:30 GMT"}, None),
        ({"retry-after": "later"}, None),
        ({}, None),
    ],
)
async def test_an_overloaded_receiver_says_when_to_come_back(hub, headers, seconds):
    hub.answers = [(503, headers, b"")]
    async with adapting(address(hub)) as adapter:
        with pytest.raises(Overloaded) as caught:
            await given_by(adapter, parcel())
    assert caught.value.retry_after == seconds


async def test_a_receiver_that_is_not_there_is_unreachable(hub):
    async with adapting("http://127.0.0.1:9/") as adapter:
        with pytest.raises(Unreachable):
            await given_by(adapter, parcel())


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(hub):
    hub.answers = [(200, {}, b"x" * (MAX_ANSWER + 1))]
    async with adapting(address(hub)) as adapter:
        with pytest.raises(Unintelligible):
            await given_by(adapter, parcel())


async def test_it_sends_nothing_itself(hub):
    async with adapting(address(hub)) as adapter:
        polled = await adapter.poll("where we were")
        assert (list(polled.messages), polled.cursor, polled.more) == ([], "where we were", False)
        with pytest.raises(Untranslatable):
            adapter.arrived(Message("1", b"{}"))
        await adapter.settled(Message("1", b"{}"))
    assert hub.received == []


NOTICE = PersonNotice(
    "key-9",
    "keyed-9",
    "9990000018",
    "2026-11-02T03:00:00.000Z",
    "2026-11-03T03:00:00.000Z",
    "an ambulance service",
    "On 2 November 2026 at 03:00 an ambulance service looked at your plan in an emergency.",
)


async def test_a_notice_says_whom_to_tell_what_and_nothing_of_a_plan(hub):
    async with adapting(address(hub)) as adapter:
        assert isinstance(adapter, Notifies)
        await adapter.notify(NOTICE)
        await adapter.notify(NOTICE)
    first, second = hub.received
    assert (first.body, first.path) == (second.body, "/events")
    event = json.loads(first.body)
    NOTICE_SCHEMA.validate(event)
    assert event == {
        "specversion": "1.0",
        "id": "key-9",
        "source": BASE,
        "type": "org.epaccs.notice.emergency-read",
        "subject": "keyed-9",
        "time": "2026-11-02T03:00:00.000Z",
        "dataschema": "https://epaccs.example.org/fhir/schema/notice-event-1",
        "datacontenttype": "application/json",
        "data": {
            "nhsNumber": "9990000018",
            "read": "2026-11-02T03:00:00.000Z",
            "tellBy": "2026-11-03T03:00:00.000Z",
            "organisation": "an ambulance service",
            "sentence": NOTICE.sentence,
        },
    }
    assert guide_notice()["data"].keys() == event["data"].keys()


def guide_notice() -> dict[str, Any]:
    """Return the sample of the guide, judged by the schema."""
    (sample,) = (json.loads(one) for one in guide_blocks("webhooks", "json") if "notice.emergency-read" in one)
    NOTICE_SCHEMA.validate(sample)
    return dict(sample)


@pytest.mark.parametrize(("status", "fact"), [(302, Unintelligible), (400, ContentRefused), (503, Overloaded)])
async def test_a_notice_is_taken_by_an_answer_of_success_alone(hub, status, fact):
    hub.answers = [(status, {}, b"9990000018")]
    async with adapting(address(hub)) as adapter:
        with pytest.raises(fact) as caught:
            await adapter.notify(NOTICE)
    assert "9990000018" not in str(caught.value)


GOOD = {"address": "https://hub.test/e", "hosts": ["hub.test"]}


@pytest.mark.parametrize("settings", [GOOD, GOOD | {"payload": "full"}, GOOD | {"payload": "ids"}])
def test_a_good_description_has_no_problems(settings):
    one = described(settings)
    assert kind_of(one).problems(one) == []


@pytest.mark.parametrize("sample", guide_blocks("webhooks", "json")[:1] + guide_blocks("webhooks", "json")[2:3])
def test_the_descriptions_of_the_guide_are_good(sample, tmp_path):
    (tmp_path / "one.json").write_text(sample)
    partner = read_partner(tmp_path / "one.json")
    assert kind_of(partner).problems(partner) == []


@pytest.mark.parametrize(
    ("settings", "more", "said"),
    [
        ({}, {}, "address"),
        ({"address": "https://hub.test/e"}, {}, "hosts"),
        (GOOD | {"hosts": ["other.test"]}, {}, "not on the list"),
        (GOOD | {"address": "https://u:p@hub.test/"}, {}, "plain URL"),
        (GOOD | {"payload": "everything"}, {}, "payload"),
        (GOOD | {"adress": "x"}, {}, "adress"),
        (GOOD | {"hosts": "hub.test"}, {}, "hosts"),
        (GOOD, {"sends": True}, "sends"),
        (GOOD, {"mapping": "x.json"}, "mapping"),
        (GOOD | {"address": "http://hub.test/e"}, {"notices": True, "gets": False}, "not https"),
    ],
)
def test_what_is_wrong_with_a_description_is_said(settings, more, said):
    with pytest.raises(InvalidConfiguration) as caught:
        kind_of(described(settings, **more))
    assert said in str(caught.value)


@pytest.mark.parametrize("at", ["http://hub.test/e", "https://127.0.0.1/e", "https://10.0.0.1/e"])
async def test_production_opens_no_adapter_for_plain_http_or_a_private_address(at):
    partner = described({"address": at, "hosts": ["hub.test", "127.0.0.1", "10.0.0.1"]})
    with pytest.raises(InvalidConfiguration, match=r"https|public"):
        kind_of(partner).adapter(partner, surroundings(private=False))


async def test_production_does_not_send_to_a_name_of_this_machine():
    with receiving() as inside:
        partner = described({"address": f"https://localhost:{inside.port}/e", "hosts": ["localhost"]})
        adapter = kind_of(partner).adapter(partner, surroundings(private=False))
        with pytest.raises(AddressRefused):
            await given_by(adapter, parcel())
        await adapter.close()
    assert inside.received == []
