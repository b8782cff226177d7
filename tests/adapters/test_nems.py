"""Events of NEMS out of a mailbox: collected, put in order, acknowledged once they are settled."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from adapters.base import Untranslatable
from adapters.errors import Faulty
from adapters.mesh_inbox import Inbox
from adapters.nems import AT_ONCE, NemsAdapter
from adapters.nems_event import WORKFLOWS
from adapters.registry import kind_of
from security.errors import InvalidConfiguration
from service.people.invented import nhs_number
from tests.adapters.mesh_small import Held, World
from tests.adapters.nems_world import described, files
from tests.standins.events import GP, nems

ONE, OTHER = nhs_number(1), nhs_number(2)


@dataclass
class Mailbox:
    """A mailbox at a small MESH, and our side of it."""

    world: World = field(default_factory=World)
    opened: list[NemsAdapter] = field(default_factory=list)

    def put(self, content: bytes, workflow: str = "DEATHNOTIFICATION_1", **headers: str) -> Held:
        return self.world.mesh.put(content, {"Mex-WorkflowID": workflow, **headers})

    def adapter(self, *workflows: str) -> NemsAdapter:
        """Return an adapter as a process that has just begun has it."""
        mailbox = self.world.start()
        self.opened.append(NemsAdapter(mailbox, Inbox(mailbox, 1_000_000), workflows or WORKFLOWS))
        return self.opened[-1]

    @property
    def waiting(self) -> list[str]:
        """The ids of what was not acknowledged."""
        return [one.id for one in self.world.mesh.held.values() if one.status == "accepted"]


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    made = Mailbox()
    yield made
    for adapter in made.opened:
        await adapter.close()


async def test_an_event_is_acknowledged_once_it_is_settled_and_not_before(mailbox: Mailbox):
    mailbox.put(nems(ONE))
    adapter = mailbox.adapter()
    polled = await adapter.poll("")
    [message] = polled.messages
    assert ([one.nhs_number for one in adapter.about(message)], polled.more) == ([ONE], False)
    assert mailbox.waiting == ["M1"]
    for _ in range(2):
        await adapter.settled(message)
    assert mailbox.waiting == []
    assert "GET " in mailbox.world.mesh.lines()[0], "the mailbox is validated first"


async def test_what_was_not_settled_is_offered_again_also_before_mesh_may_be_asked(mailbox: Mailbox):
    mailbox.put(nems(ONE))
    adapter = mailbox.adapter()
    [first] = (await adapter.poll("")).messages
    [again] = (await adapter.poll("")).messages
    assert first == again
    assert mailbox.world.mesh.lines().count("GET /inbox") == 1
    [after_a_start] = (await mailbox.adapter().poll("")).messages
    assert after_a_start == first


async def test_an_event_that_is_there_twice_is_one_message_and_both_are_acknowledged(mailbox: Mailbox):
    mailbox.put(nems(ONE))
    mailbox.put(nems(ONE))
    adapter = mailbox.adapter()
    [message] = (await adapter.poll("")).messages
    await adapter.settled(message)
    assert mailbox.waiting == []


async def test_the_same_bundle_id_with_other_content_is_another_message(mailbox: Mailbox):
    mailbox.put(nems(ONE))
    mailbox.put(nems(OTHER))
    messages = (await mailbox.adapter().poll("")).messages
    assert len({one.id for one in messages}) == 2


async def test_the_oldest_event_is_first_and_many_come_in_parts(mailbox: Mailbox):
    for number in range(AT_ONCE + 3, 0, -1):
        mailbox.put(nems(ONE, bundle=f"b{number}", sent=f"2026-11-01T{number // 60:02}:{number % 60:02}:00Z"))
    adapter = mailbox.adapter()
    first = await adapter.poll("")
    second = await adapter.poll("")
    assert [one.sent for one in first.messages] == sorted(one.sent for one in first.messages)
    assert (len(first.messages), first.more, len(second.messages), second.more) == (AT_ONCE, True, 3, False)


async def test_more_than_one_page_is_listed(mailbox: Mailbox):
    for number in range(520):
        mailbox.put(nems(ONE, bundle=f"b{number}"))
    adapter, found = mailbox.adapter(), 0
    while True:
        polled = await adapter.poll("")
        found += len(polled.messages)
        if not polled.more:
            break
    assert found == 520
    assert mailbox.world.mesh.lines().count("GET /inbox") == 2


async def test_what_is_not_an_event_is_left_where_it_is(mailbox: Mailbox):
    mailbox.put(b"an acknowledgement", "GPCONNECT_SEND_DOCUMENT_ACK")
    report = mailbox.put(b"")
    report.kind = "REPORT"
    mailbox.put(nems(ONE, GP), "CHANGEOFGP_1")
    adapter = mailbox.adapter()
    [message] = (await adapter.poll("")).messages
    await adapter.settled(message)
    assert mailbox.waiting == ["M1", "M2"]
    asked = len(mailbox.world.mesh.lines())
    mailbox.world.time.pass_by(minutes=5)
    assert list((await adapter.poll("")).messages) == []
    assert mailbox.world.mesh.lines()[asked:] == ["GET /inbox"], "they are not collected again"


async def test_one_workflow_is_asked_for_by_name(mailbox: Mailbox):
    await mailbox.adapter("CHANGEOFGP_1").poll("")
    assert mailbox.world.mesh.asked[-1].url.params["workflow_filter"] == "CHANGEOFGP_1"


async def test_a_message_with_a_hole_is_for_a_person_and_is_not_acknowledged(mailbox: Mailbox):
    broken = mailbox.world.mesh.put(nems(ONE), {"Mex-WorkflowID": "DEATHNOTIFICATION_1"}, chunks=3)
    del broken.chunks[2]
    mailbox.put(nems(OTHER))
    adapter = mailbox.adapter()
    messages = {one.id: one for one in (await adapter.poll("")).messages}
    [hole] = [one for one in messages.values() if not one.original]
    with pytest.raises(Untranslatable, match="lies in the mailbox"):
        adapter.about(hole)
    for message in messages.values():
        await adapter.settled(message)
    assert mailbox.waiting == ["M1"]
    assert list((await adapter.poll("")).messages) == []
    mailbox.world.time.pass_by(minutes=5)
    [again] = (await adapter.poll("")).messages
    assert again.id == hole.id


async def test_a_bomb_is_no_event(mailbox: Mailbox):
    mailbox.put(gzip.compress(b"<a>" + b" " * 5_000_000), **{"Content-Encoding": "gzip"})
    adapter = mailbox.adapter()
    [message] = (await adapter.poll("")).messages
    with pytest.raises(Untranslatable):
        adapter.about(message)


async def test_one_that_is_gone_is_passed_over(mailbox: Mailbox):
    mailbox.put(nems(ONE))
    mailbox.put(nems(OTHER))
    mailbox.world.mesh.rules.gone.add("M1")
    adapter = mailbox.adapter()
    [message] = (await adapter.poll("")).messages
    assert adapter.about(message)[0].nhs_number == OTHER


async def test_a_failure_in_the_middle_loses_nothing(mailbox: Mailbox):
    mailbox.put(nems(ONE))
    mailbox.put(nems(OTHER))
    mailbox.world.mesh.instead["GET /inbox/M2"] = httpx.Response(500)
    adapter = mailbox.adapter()
    with pytest.raises(Faulty):
        await adapter.poll("")
    del mailbox.world.mesh.instead["GET /inbox/M2"]
    found = set()
    for _ in range(2):
        found |= {adapter.about(one)[0].nhs_number for one in (await adapter.poll("")).messages}
    assert found == {ONE, OTHER}


async def test_an_acknowledgement_that_fails_is_tried_again(mailbox: Mailbox):
    mailbox.put(nems(ONE))
    adapter = mailbox.adapter()
    [message] = (await adapter.poll("")).messages
    mailbox.world.mesh.instead["PUT /inbox/M1/status/acknowledged"] = httpx.Response(500)
    with pytest.raises(Faulty):
        await adapter.settled(message)
    mailbox.world.mesh.instead.clear()
    await adapter.settled(message)
    assert mailbox.waiting == []


def test_a_description_is_judged_whole(tmp_path: Path):
    files(tmp_path)
    kind_of(described(tmp_path))
    for wrong, said in (
        ({"workflows": ["X_1"]}, "`X_1`"),
        ({"workflows": []}, "at least one"),
        ({"gets": True}, "given nothing"),
        ({"person": ("address",)}, "not for this kind"),
        ({"base": "http://mesh.test"}, "`base`"),
        ({"unknown": 1}, "settings"),
    ):
        with pytest.raises(InvalidConfiguration, match=said):
            kind_of(described(tmp_path, **wrong))
    partner = described(tmp_path)
    (tmp_path / "password").unlink()
    with pytest.raises(InvalidConfiguration, match="password_file"):
        kind_of(partner)
