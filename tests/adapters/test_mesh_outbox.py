"""Sending: what goes over the wire, and that a lost answer never sends twice."""

from __future__ import annotations

import gzip

import httpx
import pytest

from adapters.errors import (
    Conflict,
    ContentRefused,
    NotAuthorised,
    NotSent,
    NotThere,
    OtherPerson,
    Overloaded,
    PersonUnknown,
    Unintelligible,
    Unreachable,
)
from adapters.mesh_intent import Overtaken, Step
from adapters.mesh_outbox import Outbox
from adapters.mesh_outgoing import mark_of
from adapters.mesh_received import Delivery
from tests.adapters.mesh_rules import Known
from tests.adapters.mesh_small import (
    BASE,
    OURS,
    SHARED_KEY,
    THEIRS,
    WORKFLOW,
    Fault,
    World,
    busy,
    down,
    gateway,
    letter,
    lost,
    unheard,
)

CONTENT = bytes(range(256)) * 10


@pytest.fixture
def world() -> World:
    return World()


def delivered(world: World) -> list[bytes]:
    return [one.content for one in world.mesh.waiting(THEIRS)]


async def test_a_message_goes_out_with_its_headers(world: World):
    sent = await world.outbox().send(letter(subject="a plan", content_type="application/fhir+xml"))
    assert delivered(world) == [b"<Bundle/>"]
    request = world.mesh.asked[0]
    mark = mark_of(OURS, "k1")
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/messageexchange/{OURS}/outbox")
    assert {name: request.headers[name] for name in ("mex-to", "mex-workflowid", "mex-localid", "mex-subject")} == {
        "mex-to": THEIRS,
        "mex-workflowid": WORKFLOW,
        "mex-localid": mark,
        "mex-subject": "a plan",
    }
    assert request.headers["content-type"] == "application/fhir+xml"
    assert request.headers["accept"] == "application/vnd.mesh.v2+json"
    assert request.headers["mex-chunk-range"] == "1:1"
    assert gzip.decompress(request.content) == b"<Bundle/>"
    assert world.intents.written["k1"].message_id == sent
    assert world.intents.written["k1"].step is Step.SENT


async def test_a_large_message_goes_in_chunks_in_order(world: World):
    await world.outbox(chunk=700).send(letter(CONTENT))
    assert [line.rpartition("/")[2] for line in world.mesh.lines("POST")] == ["outbox", "2", "3", "4"]
    assert [one.headers["mex-chunk-range"] for one in world.mesh.asked] == ["1:4", "2:4", "3:4", "4:4"]
    assert delivered(world) == [CONTENT]


async def test_a_message_may_go_as_it_is(world: World):
    await world.outbox().send(letter(gzip=False))  # type: ignore[arg-type]
    assert world.mesh.asked[0].content == b"<Bundle/>"
    assert "content-encoding" not in world.mesh.asked[0].headers


async def test_every_try_has_a_header_of_its_own(world: World):
    world.mesh.faults += [busy, None, busy, busy]
    for _ in range(2):
        with pytest.raises(Overloaded):
            await world.outbox(chunk=1000).send(letter(CONTENT))
    with pytest.raises(Overloaded):
        await world.outbox(chunk=1000).send(letter(CONTENT))
    await world.outbox(chunk=1000).send(letter(CONTENT))
    used = [one.headers["authorization"] for one in world.mesh.asked]
    assert len(set(used)) == len(used) == 6
    assert delivered(world) == [CONTENT]


async def test_what_was_sent_is_not_sent_again(world: World):
    first = await world.outbox().send(letter())
    assert await world.outbox().send(letter()) == first
    assert len(world.mesh.asked) == 1


@pytest.mark.parametrize("fault", [lost, gateway])
async def test_a_lost_answer_is_looked_for_and_not_posted_again(world: World, fault: Fault):
    world.mesh.faults.append(fault)
    with pytest.raises((Unreachable, Overloaded)):
        await world.outbox().send(letter())
    world.mailbox = world.start()
    assert await world.outbox().send(letter()) == "OUT1"
    assert world.mesh.lines() == ["POST /outbox", f"GET /outbox/tracking/{mark_of(OURS, 'k1')}"]
    assert delivered(world) == [b"<Bundle/>"]


async def test_a_lost_answer_to_the_first_of_several_chunks_goes_on_with_the_second(world: World):
    world.mesh.faults.append(lost)
    with pytest.raises(Unreachable):
        await world.outbox(chunk=700).send(letter(CONTENT))
    await world.outbox(chunk=5).send(letter(CONTENT))  # the size of before counts
    assert delivered(world) == [CONTENT]
    assert len(world.mesh.held) == 1


async def test_a_lost_request_is_posted_again_only_when_it_is_settled_that_it_is_not_there(world: World):
    world.mesh.faults.append(unheard)
    with pytest.raises(Unreachable) as caught:
        await world.outbox().send(letter())
    assert not isinstance(caught.value, NotSent)
    world.time.pass_by(minutes=9)
    with pytest.raises(Unreachable):
        await world.outbox().send(letter())
    assert world.mesh.lines("POST") == ["POST /outbox"]
    world.time.pass_by(minutes=2)
    await world.outbox().send(letter())
    assert delivered(world) == [b"<Bundle/>"]


async def test_without_a_connection_nothing_need_be_looked_for(world: World):
    world.mesh.faults.append(down)
    with pytest.raises(NotSent):
        await world.outbox().send(letter())
    await world.outbox().send(letter())
    assert world.mesh.lines() == ["POST /outbox", "POST /outbox"]
    assert delivered(world) == [b"<Bundle/>"]


async def test_a_refusal_is_a_fact_and_leaves_nothing_open(world: World):
    with pytest.raises(NotAuthorised) as caught:
        await world.outbox().send(letter(workflow="ZZ_UNKNOWN"))
    assert caught.value.issues[0].code == "17"
    assert world.intents.written["k1"].step is Step.NOT_SENT
    await world.outbox().send(letter(b"mended"))  # and the content may be mended
    assert delivered(world) == [b"mended"]


async def test_an_answer_without_an_id_leaves_it_open(world: World):
    world.mesh.instead["POST /outbox"] = httpx.Response(202, content=b"<html>")
    with pytest.raises(Unintelligible):
        await world.outbox().send(letter())
    assert world.intents.written["k1"].step is Step.POSTING


async def test_other_content_under_a_key_is_not_sent(world: World):
    world.mesh.faults += [None, busy]
    with pytest.raises(Overloaded):
        await world.outbox(chunk=1000).send(letter(CONTENT))
    with pytest.raises(Conflict):
        await world.outbox(chunk=1000).send(letter(CONTENT + b"!"))
    assert len(world.mesh.asked) == 2


async def test_the_last_chunk_sent_again_is_complete_already(world: World):
    world.mesh.faults += [None, None, lost]
    with pytest.raises(Unreachable):
        await world.outbox(chunk=1000).send(letter(CONTENT))
    await world.outbox(chunk=1000).send(letter(CONTENT))
    assert world.mesh.lines("POST")[-1] == "POST /outbox/OUT1/3"
    assert delivered(world) == [CONTENT]
    assert world.intents.written["k1"].step is Step.SENT


async def test_a_message_that_is_complete_without_its_middle_is_for_a_person(world: World):
    world.mesh.faults += [None, busy]
    with pytest.raises(Overloaded):
        await world.outbox(chunk=1000).send(letter(CONTENT))
    world.mesh.held["OUT1"].status = "accepted"
    with pytest.raises(Conflict):
        await world.outbox(chunk=1000).send(letter(CONTENT))


async def test_an_upload_that_mesh_forgot_is_not_there(world: World):
    world.mesh.faults += [None, busy]
    with pytest.raises(Overloaded):
        await world.outbox(chunk=1000).send(letter(CONTENT))
    del world.mesh.held["OUT1"]
    with pytest.raises(NotThere):
        await world.outbox(chunk=1000).send(letter(CONTENT))


async def test_of_two_sendings_at_once_one_posts(world: World):
    outbox = world.outbox()

    async def overtake(before, after, write=world.intents.advance):
        world.intents.advance = write  # type: ignore[method-assign]
        await outbox.send(letter())
        await write(before, after)

    world.intents.advance = overtake  # type: ignore[method-assign]
    with pytest.raises(Overtaken):
        await outbox.send(letter())
    assert delivered(world) == [b"<Bundle/>"]


async def test_a_local_id_that_the_workflow_prescribes_is_sent_and_the_file_name_marks_the_message(world: World):
    await world.outbox().send(letter(key="earlier", local_id="ZZ1", to="ZZ3OT001"))
    world.mesh.held["OUT1"].sender = THEIRS  # so that tracking knows one of this local id
    world.mesh.faults.append(lost)
    with pytest.raises(Unreachable):
        await world.outbox().send(letter(local_id="ZZ1"))
    assert await world.outbox().send(letter(local_id="ZZ1")) == "OUT2"


async def test_another_message_of_the_same_local_id_is_not_taken_for_ours(world: World):
    await world.outbox().send(letter(key="earlier", local_id="ZZ1", to="ZZ3OT001"))
    world.mesh.faults.append(unheard)
    with pytest.raises(Unreachable):
        await world.outbox().send(letter(local_id="ZZ1"))
    world.time.pass_by(minutes=11)
    assert await world.outbox().send(letter(local_id="ZZ1")) == "OUT2"
    assert delivered(world) == [b"<Bundle/>"]


async def test_several_of_one_local_id_are_for_a_person_who_settles_it(world: World):
    for key in ("a", "b"):
        await world.outbox().send(letter(key=key, local_id="ZZ1", to="ZZ3OT001"))
    for key, fault in (("there", lost), ("not-there", unheard)):
        world.mesh.faults.append(fault)
        with pytest.raises(Unreachable):
            await world.outbox().send(letter(key=key, local_id="ZZ1"))
        with pytest.raises(Conflict):
            await world.outbox().send(letter(key=key, local_id="ZZ1"))
    await world.outbox().settle("there", "OUT3")
    await world.outbox().settle("not-there", None)
    assert await world.outbox().send(letter(key="there", local_id="ZZ1")) == "OUT3"
    assert await world.outbox().send(letter(key="not-there", local_id="ZZ1")) == "OUT4"
    assert len(delivered(world)) == 2
    with pytest.raises(ValueError, match="nothing is open"):
        await world.outbox().settle("there", None)
    with pytest.raises(ValueError, match="nothing is open"):
        await world.outbox().reconcile("never")


async def test_where_we_do_not_look_every_lost_answer_is_for_a_person(world: World):
    outbox = Outbox(world.mailbox, world.intents, 1000, looks=False)
    world.mesh.faults.append(lost)
    for fact in (Unreachable, Conflict, Conflict):
        with pytest.raises(fact):
            await outbox.send(letter())
        world.time.pass_by(hours=1)
    assert world.mesh.lines() == ["POST /outbox"]
    await outbox.settle("k1", "OUT1")
    assert await outbox.send(letter()) == "OUT1"
    assert delivered(world) == [b"<Bundle/>"]


async def test_how_a_message_stands_can_be_asked(world: World):
    sent = await world.outbox().send(letter())
    assert (await world.outbox().track(sent)).delivery is Delivery.WAITING
    with pytest.raises(Unintelligible):
        await world.outbox().track("../inbox")


@pytest.mark.parametrize(
    ("to", "fact"),
    [
        ("GPPROVIDER_9990000018_19400101_SMITH", None),
        ("GPPROVIDER_999_19400101_SMITH", ContentRefused),
        ("GPPROVIDER_9990000026_19400101_SMITH", PersonUnknown),
        ("GPPROVIDER_9990000018_01011940_SMITH", OtherPerson),
    ],
)
async def test_an_address_of_a_person_leads_to_their_practice_or_to_a_fact(world: World, to: str, fact):
    world.mesh.rules.people["9990000018"] = Known("19400101", "SMITH", THEIRS)
    if fact is None:
        await world.outbox().send(letter(to=to))
        assert delivered(world) == [b"<Bundle/>"]
    else:
        with pytest.raises(fact) as caught:
            await world.outbox().send(letter(to=to))
        assert "SMITH" not in f"{caught.value!r} {caught.value}"
    assert not any("SMITH" in str(one.url) for one in world.mesh.asked)
    assert "SMITH" not in f"{letter(to=to)!r} {world.intents.written!r}"


@pytest.mark.parametrize(
    "more",
    [
        {"to": ""},
        {"to": "ZZ2\r\nMex-To: ZZ3"},
        {"to": "GPPROVIDER_9990000018_19400101_O’NEILL"},
        {"to": "Z" * 101},
        {"workflow": ""},
        {"subject": "a\x00b"},
        {"local_id": "x" * 301},
        {"content_type": ""},
    ],
)
async def test_headers_that_mesh_would_not_take_are_refused_before_anything_is_sent(world: World, more):
    with pytest.raises(ContentRefused) as caught:
        await world.outbox().send(letter(**more))
    assert caught.value.issues[0].code == "06"
    assert world.mesh.asked == []
    assert world.intents.written == {}


async def test_a_clock_that_is_wrong_is_refused(world: World):
    world.mesh.rules.clock = lambda: world.time.now.replace(year=2027)
    with pytest.raises(NotAuthorised):
        await world.outbox().send(letter())
    assert SHARED_KEY not in repr(world.mailbox)
