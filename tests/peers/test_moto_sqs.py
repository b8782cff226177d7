"""Events of MNS out of a queue of SQS as somebody else wrote it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.base import Message
from adapters.errors import NotThere
from adapters.mns import MnsAdapter
from adapters.partners import Description, Limits, Owner, Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.clock import system_clock
from service.people.invented import nhs_number
from tests.adapters.mns_world import private
from tests.peers.moto_sqs import moto
from tests.standins.events import mns_1, mns_2

pytestmark = pytest.mark.peer
ONE, OTHER = nhs_number(1), nhs_number(2)


@dataclass
class Place:
    """The server, a queue of its own for each test, and our description."""

    base: str
    url: str
    folder: Path

    def call(self, action: str, **said: Any) -> dict[str, Any]:
        """Ask as whoever fills the queue does."""
        return _call(self.base, action, QueueUrl=self.url, **said)

    def put(self, body: bytes) -> None:
        self.call("SendMessage", MessageBody=body.decode())

    def left(self) -> int:
        """Return how many there are, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.call("GetQueueAttributes", AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    @asynccontextmanager
    async def adapter(self, **more: Any) -> AsyncIterator[MnsAdapter]:
        """Open an adapter as a process that has just begun."""
        settings = {"queue_url": self.url, "region": "eu-west-2", "keys_file": "aws-key", "wait": 0, **more}
        owner, limits = Owner("Desk", "ZZHSP1"), Limits(timeout=20.0)
        told = {"kind": "mns", "title": "MNS", "client": "pds-events", "gets": False, "sends": True}
        partner = Partner(Description(name="mns", owner=owner, limits=limits, settings=settings, **told), self.folder)  # type: ignore[arg-type]
        made = kind_of(partner).adapter(partner, Surroundings(system_clock, "https://ours.test/fhir", b"", True))
        assert isinstance(made, MnsAdapter)
        yield made
        await made.close()

    def again(self, adapter: MnsAdapter, message: Message) -> None:
        """Let what is out be seen again, as when its time is over."""
        for receipt in adapter._receipts[message.id]:
            self.call("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=0)


def _call(base: str, action: str, **said: Any) -> dict[str, Any]:
    headers = {
        "X-Amz-Target": f"AmazonSQS.{action}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-2/sqs/aws4_request",
    }
    with httpx.Client(trust_env=False) as client:
        answer = client.post(base, headers=headers, content=json.dumps(said))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto(tmp_path_factory.mktemp("moto")) as base:
        yield base


@pytest.fixture
def place(server: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    private(tmp_path / "aws-key", json.dumps({"access_key_id": "AKID", "secret_access_key": "secret"}))
    name = f"q{abs(hash(request.node.name))}"
    _call(server, "CreateQueue", QueueName=name)
    return Place(server, _call(server, "GetQueueUrl", QueueName=name)["QueueUrl"], tmp_path)


async def test_an_event_is_deleted_once_it_is_settled(place: Place):
    place.put(mns_2(ONE))
    place.put(mns_1(OTHER))
    async with place.adapter() as adapter:
        messages = (await adapter.poll("")).messages
        assert sorted(adapter.about(one)[0].nhs_number for one in messages) == sorted([ONE, OTHER])
        assert place.left() == 2
        for message in messages:
            await adapter.settled(message)
            await adapter.settled(message)
    assert place.left() == 0


async def test_what_was_not_settled_comes_again(place: Place):
    place.put(mns_2(ONE))
    async with place.adapter() as first, place.adapter() as second:
        [before] = (await first.poll("")).messages
        assert list((await second.poll("")).messages) == [], "it is hidden"
        place.again(first, before)
        [again] = (await second.poll("")).messages
        assert (again.id, again.original) == (before.id, before.original)
        await second.settled(again)
    assert place.left() == 0


async def test_an_event_that_is_there_twice_is_one_message(place: Place):
    for _ in range(2):
        place.put(mns_2(ONE))
    async with place.adapter() as adapter:
        [message] = (await adapter.poll("")).messages
        await adapter.settled(message)
    assert place.left() == 0


async def test_many_come_in_tens(place: Place):
    for number in range(23):
        place.put(mns_2(ONE, id=f"e{number}"))
    async with place.adapter() as adapter:
        counts = []
        while True:
            polled = await adapter.poll("")
            counts.append(len(polled.messages))
            for message in polled.messages:
                await adapter.settled(message)
            if not polled.more:
                break
    assert (sum(counts), place.left()) == (23, 0)


async def test_a_queue_that_is_not_there_is_a_fact(place: Place):
    async with place.adapter(queue_url=f"{place.base}/123456789012/none") as adapter:
        with pytest.raises(NotThere):
            await adapter.poll("")


async def test_a_receipt_that_is_none_deletes_nothing_and_is_no_failure(place: Place):
    place.put(mns_2(ONE))
    async with place.adapter() as adapter:
        [message] = (await adapter.poll("")).messages
        adapter._receipts[message.id] = ["no receipt"]
        await adapter.settled(message)
    assert place.left() == 1
