"""Receiving: pages, polling, chunks, bombs, holes, reports; and that nothing is acknowledged by itself."""

from __future__ import annotations

import gzip

import httpx
import pytest

from adapters.errors import Faulty, NotAuthorised, NotThere, Unintelligible, Unreachable
from adapters.mesh_chunks import pack
from adapters.mesh_received import Kind
from tests.adapters.mesh_small import OURS, THEIRS, World, busy, letter

CONTENT = b"<Bundle>" + bytes(range(256)) * 8


@pytest.fixture
def world() -> World:
    return World()


async def test_what_waits_is_listed_page_by_page_and_nothing_is_asked_elsewhere(world: World):
    for _ in range(25):
        world.mesh.put(b"x")
    found: list[str] = []
    inbox, following = world.inbox(), ""
    while True:
        page = await inbox.waiting(page=10, following=following)
        found += page.ids
        following = page.more
        if not following:
            break
    assert found == [f"M{number}" for number in range(1, 26)]
    assert {one.url.host for one in world.mesh.asked} == {"mesh.test"}
    assert len(world.mesh.asked) == 3


async def test_it_is_asked_every_five_minutes_and_no_sooner(world: World):
    inbox = world.inbox()
    assert (await inbox.waiting()).asked
    world.time.pass_by(minutes=4, seconds=59)
    world.mesh.put(b"x")
    early = await inbox.waiting()
    assert (early.asked, early.ids) == (False, ())
    assert len(world.mesh.asked) == 1
    world.time.pass_by(seconds=1)
    assert (await inbox.waiting()).ids == ("M1",)


async def test_while_more_waits_it_is_asked_again_at_once(world: World):
    for _ in range(11):
        world.mesh.put(b"x")
    inbox = world.inbox()
    for one in (await inbox.waiting(page=10)).ids:
        await inbox.acknowledge(one)
    assert (await inbox.waiting(page=10)).ids == ("M11",)
    assert not (await inbox.waiting(page=10)).asked


async def test_a_failure_is_not_taken_for_an_answer(world: World):
    inbox = world.inbox()
    world.mesh.instead["GET /inbox"] = httpx.Response(500)
    for _ in range(2):
        with pytest.raises(Faulty):
            await inbox.waiting()


async def test_a_filter_and_a_page_are_asked_for(world: World):
    await world.inbox().waiting(page=50, workflow="GPCONNECT_*")
    params = world.mesh.asked[0].url.params
    assert (params["max_results"], params["workflow_filter"]) == ("50", "GPCONNECT_*")
    with pytest.raises(ValueError, match="a page has"):
        await world.inbox().waiting(page=9)


@pytest.mark.parametrize("chunks", [1, 2, 7])
@pytest.mark.parametrize("packed", ["plain", "whole"])
async def test_a_message_is_collected_whole(world: World, chunks: int, packed: str):
    if packed == "plain":
        world.mesh.put(CONTENT, chunks=chunks)
    else:
        world.mesh.put(gzip.compress(CONTENT), {"Content-Encoding": "gzip"}, chunks=chunks)
    found = await world.inbox().collect("M1")
    assert (found.content, found.kind, found.sender) == (CONTENT, Kind.DATA, THEIRS)


async def test_chunks_packed_one_by_one_are_collected_whole(world: World):
    held = world.mesh.put(b"ab", {"Content-Encoding": "gzip"}, chunks=2)
    held.chunks = {1: pack(CONTENT), 2: pack(b"the rest")}
    assert (await world.inbox().collect("M1")).content == CONTENT + b"the rest"


async def test_nothing_is_acknowledged_before_the_caller_says_so(world: World):
    world.mesh.put(CONTENT, chunks=3)
    inbox = world.inbox()
    await inbox.waiting()
    await inbox.collect("M1")
    assert world.mesh.lines("PUT") == []
    assert (await world.inbox().collect("M1")).content == CONTENT
    await inbox.acknowledge("M1")
    await inbox.acknowledge("M1")
    assert world.mesh.lines("PUT") == ["PUT /inbox/M1/status/acknowledged"] * 2
    assert (await world.inbox().waiting()).ids == ()


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_gone_needs_no_acknowledging(world: World, status: int):
    world.mesh.instead["PUT /inbox/M1/status/acknowledged"] = httpx.Response(status)
    await world.inbox().acknowledge("M1")


async def test_an_acknowledgement_that_fails_says_so(world: World):
    world.mesh.put(b"x")
    world.mesh.faults.append(busy)
    with pytest.raises(Exception, match="Overloaded"):
        await world.inbox().acknowledge("M1")


async def test_a_message_with_a_hole_is_none(world: World):
    held = world.mesh.put(CONTENT, chunks=3)
    del held.chunks[2]
    with pytest.raises(Unintelligible, match="missing"):
        await world.inbox().collect("M1")
    assert world.mesh.lines("PUT") == []


def _whole(chunk_range: str = "") -> dict[str, str]:
    return {"Mex-MessageID": "M1", "Mex-MessageType": "DATA", "Mex-Chunk-Range": chunk_range}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("GET /inbox/M1", httpx.Response(206, headers={"Mex-Chunk-Range": "1:4"}, content=b"x")),
        ("GET /inbox/M1", httpx.Response(206, headers=_whole(), content=b"x")),
        ("GET /inbox/M1", httpx.Response(200, headers=_whole("1:3"), content=b"x")),
        ("GET /inbox/M1", httpx.Response(206, headers=_whole("2:3"), content=b"x")),
        ("GET /inbox/M1/2", httpx.Response(206, headers={"Mex-Chunk-Range": "3:3"}, content=b"x")),
        ("GET /inbox/M1/2", httpx.Response(200, headers={"Mex-Chunk-Range": "2:3"}, content=b"x")),
        ("GET /inbox/M1/3", httpx.Response(206, headers={"Mex-Chunk-Range": "3:3"}, content=b"x")),
        ("GET /inbox/M1/3", httpx.Response(200, headers={"Mex-Chunk-Range": "0:3"}, content=b"x")),
        ("GET /inbox/M1/3", httpx.Response(200, headers={"Mex-Chunk-Range": "3:3", "Content-Encoding": "br"})),
        ("GET /inbox/M1", httpx.Response(200, headers={"Mex-MessageID": "M2", "Mex-MessageType": "DATA"})),
    ],
)
async def test_chunks_that_contradict_one_another_are_no_message(world: World, line: str, answer: httpx.Response):
    world.mesh.put(CONTENT, chunks=3)
    world.mesh.instead[line] = answer
    with pytest.raises(Unintelligible):
        await world.inbox().collect("M1")


async def test_a_bomb_is_refused_and_stays_where_it_is(world: World):
    world.mesh.put(gzip.compress(bytes(50_000_000), compresslevel=1), {"Content-Encoding": "gzip"})
    with pytest.raises(Unintelligible, match="too large"):
        await world.inbox(largest=100_000).collect("M1")
    assert (await world.inbox().waiting()).ids == ("M1",)


async def test_what_is_gone_or_never_was_is_not_there(world: World):
    world.mesh.put(b"x")
    world.mesh.rules.gone.add("M1")
    for name in ("M1", "M9"):
        with pytest.raises(NotThere):
            await world.inbox().collect(name)
    for name in ("../outbox", "a/b", ""):
        with pytest.raises(Unintelligible):
            await world.inbox().collect(name)


async def test_a_refusal_may_be_packed_too(world: World):
    said = gzip.compress(b'{"detail": [{"event": "RECEIVE", "code": "20", "msg": "Message does not exist"}]}')
    for content, codes in ((said, ["20"]), (b"no gzip", [])):
        world.mesh.instead["GET /inbox/M1"] = httpx.Response(
            404, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(content)
        )
        with pytest.raises(NotThere) as caught:
            await world.inbox().collect("M1")
        assert [issue.code for issue in caught.value.issues] == codes


async def test_a_report_says_why_a_message_of_ours_did_not_arrive(world: World):
    sent = await world.outbox().send(letter())
    said = {
        "Mex-LinkedMsgID": sent,
        "Mex-StatusCode": "14",
        "Mex-StatusEvent": "SEND",
        "Mex-StatusDescription": "Message not collected by recipient after 5 days",
        "Mex-StatusSuccess": "ERROR",
    }
    held = world.mesh.put(b"", said)
    held.kind, held.chunks = "REPORT", {}
    found = await world.inbox().collect(held.id)
    assert (found.kind, found.content) == (Kind.REPORT, b"")
    assert found.report is not None
    assert found.report.about == sent
    assert isinstance(found.report.failure, NotThere)


async def test_the_mailbox_is_validated_once_a_day(world: World):
    await world.mailbox.validate()
    world.time.pass_by(hours=23)
    await world.mailbox.validate()
    assert len(world.mesh.asked) == 1
    assert world.mesh.asked[0].url.path == f"/messageexchange/{OURS}"
    assert world.mesh.asked[0].headers["mex-clientversion"]
    world.time.pass_by(hours=1)
    await world.mailbox.validate()
    assert len(world.mesh.asked) == 2


async def test_a_mailbox_that_is_not_ours_is_not_validated(world: World):
    world.mesh.rules.passwords = {}
    for _ in range(2):
        with pytest.raises(NotAuthorised):
            await world.mailbox.validate()
    assert len(world.mesh.asked) == 2


async def test_what_waits_is_counted_and_mailboxes_are_looked_up(world: World):
    world.mesh.put(b"x")
    assert await world.mailbox.count() == 1
    assert await world.mailbox.look_up("ZZ2", "ZZ_TEST/DOCUMENT") == (THEIRS,)
    assert world.mesh.asked[1].url.raw_path == b"/messageexchange/endpointlookup/ZZ2/ZZ_TEST%2FDOCUMENT"


@pytest.mark.parametrize("said", [b"", b"[]", b'{"count": "many"}', b'{"results": {}}'])
async def test_answers_that_are_none_are_refused(world: World, said: bytes):
    world.mesh.instead["GET /count"] = httpx.Response(200, content=said)
    world.mesh.instead["GET /ZZ2/W"] = httpx.Response(200, content=said)
    with pytest.raises(Unintelligible):
        await world.mailbox.count()
    with pytest.raises(Unintelligible):
        await world.mailbox.look_up("ZZ2", "W")


async def test_an_answer_that_is_cut_short_is_no_answer(world: World):
    def cut(_: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    world.mesh.put(CONTENT)
    world.mailbox._http._client._transport = httpx.MockTransport(cut)
    with pytest.raises(Unreachable):
        await world.inbox().collect("M1")
