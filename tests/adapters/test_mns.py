"""Events of MNS out of a queue: received, put in order, deleted once they are settled; and asked for once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.aws_signature import AwsSigner
from adapters.conformance import conformance_of
from adapters.errors import (
    ContentRefused,
    Faulty,
    NotAuthorised,
    NotThere,
    OutsideError,
    Overloaded,
    Unintelligible,
    Unreachable,
)
from adapters.mns import message_of
from adapters.registry import kind_of
from adapters.sqs import Waiting
from adapters.surroundings import Surroundings
from security.errors import InvalidConfiguration
from service.people.invented import nhs_number
from tests.adapters.mns_world import World, mns_world, private
from tests.standins.events import mns_1, mns_2
from tests.standins.multicast import SECRET

ONE, OTHER = nhs_number(1), nhs_number(2)
DEATH, GP = "pds-death-notification-2", "pds-change-of-gp-2"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with mns_world(tmp_path) as made:
        yield made


async def test_events_are_deleted_once_they_are_settled_and_not_before(world: World):
    world.far.put(mns_2(ONE))
    adapter = world.adapter()
    [message] = (await adapter.poll("")).messages
    assert [one.nhs_number for one in adapter.about(message)] == [ONE]
    assert len(world.far.messages) == 1
    for _ in range(2):
        await adapter.settled(message)
    assert world.far.messages == []
    await adapter.close()


async def test_what_was_not_settled_comes_again_with_the_same_id(world: World):
    world.far.put(mns_2(ONE))
    first, second = world.adapter(), world.adapter()
    [before] = (await first.poll("")).messages
    assert list((await second.poll("")).messages) == [], "it is hidden"
    world.time.pass_by(seconds=301)
    [again] = (await second.poll("")).messages
    assert (again.id, again.original) == (before.id, before.original)
    await first.settled(before)
    assert len(world.far.messages) == 1, "its receipt has lapsed"
    await second.settled(again)
    assert world.far.messages == []
    await first.close()
    await second.close()


async def test_an_event_that_is_there_twice_is_one_message_and_both_are_deleted(world: World):
    world.far.put(mns_2(ONE))
    world.far.put(mns_2(ONE))
    world.far.put(mns_2(OTHER))
    adapter = world.adapter()
    messages = (await adapter.poll("")).messages
    assert sorted(adapter.about(one)[0].nhs_number for one in messages) == sorted([ONE, OTHER])
    for message in messages:
        await adapter.settled(message)
    assert world.far.messages == []
    await adapter.close()


async def test_the_oldest_is_first_and_a_full_answer_means_more(world: World):
    for day in range(12, 0, -1):
        world.far.put(mns_2(ONE, id=f"e{day}", time=f"2026-11-{day:02}T10:00:00Z"))
    adapter = world.adapter()
    first, second = await adapter.poll(""), await adapter.poll("")
    assert [one.sent[8:10] for one in first.messages] == [f"{day:02}" for day in range(3, 13)]
    assert (len(first.messages), first.more, len(second.messages), second.more) == (10, True, 2, False)
    await adapter.close()


async def test_what_cannot_be_read_is_a_message_all_the_same(world: World):
    world.far.put(b"not an event")
    adapter = world.adapter()
    [message] = (await adapter.poll("")).messages
    assert message.original == b"not an event"
    await adapter.settled(message)
    assert world.far.messages == []
    await adapter.close()


@pytest.mark.parametrize(
    ("status", "code", "fact"),
    [
        (400, "QueueDoesNotExist", NotThere),
        (400, "AWS.SimpleQueueService.NonExistentQueue", NotThere),
        (403, "AccessDenied", NotAuthorised),
        (400, "ExpiredTokenException", NotAuthorised),
        (403, "InvalidSignatureException", NotAuthorised),
        (400, "RequestThrottled", Overloaded),
        (403, "ThrottlingException", Overloaded),
        (400, "SomethingElse", ContentRefused),
        (500, "InternalError", Faulty),
        (503, "ServiceUnavailable", Overloaded),
        (302, "", Unintelligible),
    ],
)
async def test_a_refusal_of_the_queue_is_a_fact(world: World, status: int, code: str, fact: type[OutsideError]):
    world.far.instead.append((status, {"__type": f"com.amazonaws.sqs#{code}", "message": f"about {ONE}"}))
    adapter = world.adapter()
    with pytest.raises(fact) as caught:
        await adapter.poll("")
    assert type(caught.value) is fact
    assert ONE not in str(caught.value)
    await adapter.close()


async def test_an_answer_that_is_none_or_damaged_is_unintelligible(world: World):
    adapter = world.adapter()
    wrong: list[dict[str, object]] = [{"Messages": "x"}, {"Messages": [{}]}, {"Messages": [7]}]
    for said in wrong:
        world.far.instead.append((200, said))
        with pytest.raises(Unintelligible):
            await adapter.poll("")
    world.far.put(mns_2(ONE))
    world.far.damage = True
    with pytest.raises(Unintelligible, match="damaged"):
        await adapter.poll("")
    await adapter.close()


async def test_a_deletion_that_fails_is_tried_again(world: World):
    world.far.put(mns_2(ONE))
    adapter = world.adapter()
    [message] = (await adapter.poll("")).messages
    world.far.instead.append((503, {}))
    with pytest.raises(Overloaded):
        await adapter.settled(message)
    await adapter.settled(message)
    assert world.far.messages == []
    await adapter.close()


async def test_temporary_keys_are_taken_as_they_are_now(world: World):
    world.far.session_token = "t0ken"
    adapter = world.adapter()
    with pytest.raises(NotAuthorised):
        await adapter.poll("")
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET, "session_token": "t0ken"}
    private(world.folder / "aws-key", json.dumps(keys))
    assert not (await adapter.poll("")).messages
    (world.folder / "aws-key").unlink()
    with pytest.raises(NotAuthorised):
        await adapter.poll("")
    assert SECRET not in repr(AwsSigner(world.folder / "aws-key", "sqs", "eu-west-2", world.time))
    await adapter.close()


async def test_a_clock_that_is_wrong_is_not_authorised(world: World):
    adapter = world.adapter()
    now = world.time.now
    world.far.clock = lambda: now
    world.time.pass_by(minutes=16)
    with pytest.raises(NotAuthorised):
        await adapter.poll("")
    await adapter.close()


async def test_a_queue_that_is_away_is_a_fact(world: World):
    adapter = world.adapter(queue_url="http://127.0.0.1:9/123456789012/events")
    with pytest.raises(Unreachable):
        await adapter.poll("")
    await adapter.close()


async def test_events_are_asked_for_once(world: World):
    world.more = {"subscription": world.subscription()}
    for _ in range(2):
        adapter = world.adapter()
        for _ in range(2):
            await adapter.poll("")
        await adapter.close()
    assert [one["criteria"] for one in world.far.subscriptions] == [f"eventType={DEATH}", f"eventType={GP}"]
    assert world.far.actions.count("subscribe") == 2


@pytest.mark.parametrize("status", [200, 201])
async def test_what_is_subscribed_already_is_what_is_wanted(world: World, status: int):
    world.far.new_status = status
    world.far.subscriptions.append({"criteria": f"eventType={DEATH}"})
    adapter = world.adapter(subscription=world.subscription())
    await adapter.poll("")
    assert len(world.far.subscriptions) == 2
    await adapter.close()


@pytest.mark.parametrize(
    ("status", "fact"), [(400, ContentRefused), (403, NotAuthorised), (429, Overloaded), (500, Faulty)]
)
async def test_while_mns_refuses_it_is_asked_again(world: World, status: int, fact: type[OutsideError]):
    adapter = world.adapter(subscription=world.subscription())
    world.far.instead.append((status, {}))
    with pytest.raises(fact):
        await adapter.poll("")
    await adapter.poll("")
    assert len(world.far.subscriptions) == 2
    await adapter.close()


async def test_what_is_in_the_queue_is_taken_also_while_mns_refuses(world: World):
    world.far.put(mns_2(ONE))
    adapter = world.adapter(subscription=world.subscription())
    world.far.new_status = 403
    [message] = (await adapter.poll("")).messages
    await adapter.settled(message)
    with pytest.raises(NotAuthorised):
        await adapter.poll("")
    await adapter.close()


async def test_a_new_endpoint_is_asked_for_again(world: World):
    await (first := world.adapter(subscription=world.subscription())).poll("")
    other = world.adapter(subscription=world.subscription(events=(GP, DEATH, "pds-record-change-2")))
    await other.poll("")
    assert [one["criteria"] for one in world.far.subscriptions][2:] == ["eventType=pds-record-change-2"]
    await first.close()
    await other.close()


def test_a_description_is_judged_whole(world: World):
    kind_of(world.partner(subscription=world.subscription()))
    wrong = {
        "queue_url": "ftp://x",
        "region": "nowhere",
        "keys_file": "none.json",
        "wait": 21,
        "visibility": 5,
        "subscription": world.subscription(
            base=f"{world.far.base}/path",
            endpoint="mesh://X",
            events=("x",),
            reason="",
            auth={**world.subscription()["auth"], "key_file": "aws-key"},
        ),
    }
    with pytest.raises(InvalidConfiguration) as caught:
        kind_of(world.partner(**wrong))
    said = " ".join(caught.value.problems)
    for name in ("queue_url", "region", "keys_file", "wait", "visibility", "subscription.base", "endpoint"):
        assert f"`settings.{name}`" in said or f"`settings.subscription.{name}`" in said, name
    for name in ("`x`", "reason", "key_file"):
        assert name in said
    assert SECRET not in said
    with pytest.raises(InvalidConfiguration):
        kind_of(world.partner(other=1))


def test_in_production_a_queue_is_https(world: World):
    around = Surroundings(world.time, "https://ours.test/fhir", b"")
    with pytest.raises(InvalidConfiguration, match="not https"):
        kind_of(world.partner()).adapter(world.partner(), around)


def test_a_signature_is_that_of_the_published_example(tmp_path: Path):
    """AWS's own test suite for Signature Version 4, `post-vanilla`: 30 August 2015, service `service`."""
    private(tmp_path / "k", json.dumps({"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET}))
    signer = AwsSigner(tmp_path / "k", "service", "us-east-1", lambda: datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    made = signer.headers("POST", "https://example.amazonaws.com/", {}, b"")
    assert made["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


def test_version_1_is_taken_too(world: World):
    event = mns_1(ONE)
    first, second = (message_of(Waiting(id, event, "r")) for id in ("a", "b"))
    assert first.id == second.id
    assert ONE not in first.id


async def test_no_rule_for_partners_is_for_a_source(world: World):
    around = Surroundings(world.time, "https://ours.test/fhir", b"", True)
    with pytest.raises(InvalidConfiguration, match="given nothing"):
        await conformance_of(world.partner(), around)
