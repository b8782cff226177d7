"""What the sync engine may lean on at every kind that tells of people (`adapters.look_again`), as rules to be tried.

1. What came is offered, says of whom it tells, and has the same id whenever and by whomever it is read.
2. What was not settled is offered again; what was settled is not; to settle again does nothing.
3. The older event is offered first.
4. What cannot be read is offered as it came, and reading it is Untranslatable, whose words name nobody.
5. It is given nothing, and carries nothing to be written.
6. A failure is one of `adapters.errors`, and says nothing of anybody.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adapters.base import Adapter, Cause, Message, Parcel, Untranslatable
from adapters.errors import Unreachable
from adapters.look_again import TellsOfPeople
from adapters.registry import KINDS as REGISTERED
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from service.people.invented import nhs_number
from tests.adapters.mesh_front import Front, serving
from tests.adapters.mesh_small import OURS, SmallMesh, Time
from tests.adapters.mns_world import World, mns_world
from tests.adapters.nems_world import described, files
from tests.contracts.partners import SOURCES
from tests.standins.events import mns_2, nems

ONE, OTHER = nhs_number(701), nhs_number(702)
FIRST, SECOND = "2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z"


@dataclass
class Far(ABC):
    """The far end of one source."""

    stack: ExitStack
    folder: Path

    @abstractmethod
    def adapter(self, *, away: bool = False) -> Adapter:
        """Return an adapter as a process that has just begun has it; `away`: its system does not answer."""

    @abstractmethod
    def tell(self, number: str, sent: str) -> None:
        """Let an event come."""

    @abstractmethod
    def put(self, body: bytes) -> None:
        """Let something come that is no event."""

    @abstractmethod
    def left(self) -> int:
        """Return how many are still there."""

    @abstractmethod
    def later(self) -> None:
        """Let the time pass after which what was not settled comes again."""


class Mns(Far):
    """SQS and MNS, strict, on a real socket."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        self.world: World = stack.enter_context(mns_world(folder))

    def adapter(self, *, away: bool = False) -> Adapter:
        return self.world.adapter(**({"queue_url": "http://127.0.0.1:9/1/events"} if away else {}))

    def tell(self, number: str, sent: str) -> None:
        self.put(mns_2(number, time=sent, id=f"{number[-2:]}-{sent[11:13]}"))

    def put(self, body: bytes) -> None:
        self.world.far.put(body)

    def left(self) -> int:
        return len(self.world.far.messages)

    def later(self) -> None:
        self.world.time.pass_by(seconds=301)


class Nems(Far):
    """A small MESH with MESH's rules before it, over mutual TLS."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        super().__init__(stack, folder)
        self.time = Time()
        self.mesh = SmallMesh(self.time)
        authority = files(folder)
        front = Front(httpx.MockTransport(self.mesh), "https://behind.test")
        self.front = stack.enter_context(serving(front, authority.certify("mesh"), authority.ca))

    def adapter(self, *, away: bool = False) -> Adapter:
        base = "https://127.0.0.1:9" if away else self.front.base
        partner = described(self.folder, base=base)
        return kind_of(partner).adapter(partner, Surroundings(self.time, "https://ours.test/fhir", b""))

    def tell(self, number: str, sent: str) -> None:
        self.put(nems(number, sent=sent, bundle=f"{number[-2:]}-{sent[11:13]}"))

    def put(self, body: bytes) -> None:
        self.mesh.put(body, {"Mex-WorkflowID": "DEATHNOTIFICATION_1"})

    def left(self) -> int:
        return len(self.mesh.waiting(OURS))

    def later(self) -> None:
        self.time.pass_by(minutes=5)


OF_KIND = {"mns": Mns, "nems": Nems}


@pytest.fixture(params=sorted(SOURCES))
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Far]:
    with ExitStack() as stack:
        yield OF_KIND[request.param](stack, tmp_path)


async def offered(adapter: Adapter) -> list[Message]:
    """Ask until there is no more."""
    found: list[Message] = []
    while True:
        polled = await adapter.poll("")
        found += polled.messages
        if not polled.more:
            return found


def whom(adapter: Adapter, message: Message) -> list[str]:
    assert isinstance(adapter, TellsOfPeople)
    return [one.nhs_number for one in adapter.about(message)]


def test_every_source_is_held_against_this() -> None:
    assert set(OF_KIND) == set(SOURCES) <= set(REGISTERED)


async def test_what_came_is_offered_until_it_is_settled(far: Far) -> None:
    far.tell(OTHER, SECOND)
    far.tell(ONE, FIRST)
    first, second = far.adapter(), far.adapter()
    before = await offered(first)
    assert [whom(first, one) for one in before] == [[ONE], [OTHER]], "the older is first"
    assert [one.sent for one in before] == [FIRST, SECOND]
    assert far.left() == 2
    far.later()
    again = await offered(second)
    assert again == before
    assert [whom(second, one) for one in before] == [[ONE], [OTHER]], "reading is pure"
    for _ in range(2):
        for message in again:
            await second.settled(message)
    assert far.left() == 0
    far.later()
    assert await offered(first) == []
    await first.close()
    await second.close()


async def test_what_cannot_be_read_is_offered_as_it_came(far: Far) -> None:
    far.put(f"about {ONE}".encode())
    adapter = far.adapter()
    [message] = await offered(adapter)
    assert message.original == f"about {ONE}".encode()
    with pytest.raises(Untranslatable) as caught:
        whom(adapter, message)
    assert ONE not in caught.value.why
    await adapter.settled(message)
    assert far.left() == 0
    await adapter.close()


async def test_it_is_given_nothing_and_carries_nothing_to_be_written(far: Far) -> None:
    far.tell(ONE, FIRST)
    adapter = far.adapter()
    [message] = await offered(adapter)
    with pytest.raises(Untranslatable):
        adapter.arrived(message)
    parcel = Parcel("k", "s", 1, Cause.CHANGE, FIRST, None)
    assert [one async for one in adapter.give(parcel)] == []
    assert far.left() == 1
    await adapter.close()


async def test_a_system_that_does_not_answer_is_a_fact_that_names_nobody(far: Far) -> None:
    adapter = far.adapter(away=True)
    with pytest.raises(Unreachable) as caught:
        await adapter.poll("")
    assert ONE not in str(caught.value)
    await adapter.close()


async def test_two_questions_at_once_do_no_harm(far: Far) -> None:
    far.tell(ONE, FIRST)
    adapter = far.adapter()
    found = [one for polled in await asyncio.gather(adapter.poll(""), adapter.poll("")) for one in polled.messages]
    for message in found:
        await adapter.settled(message)
    assert ({one.id for one in found} != set(), far.left()) == (True, 0)
    await adapter.close()
