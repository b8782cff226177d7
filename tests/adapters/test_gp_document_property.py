"""Whatever is lost, refused or crashes: the practice has each state of a plan once, and the newest last."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import OutsideError
from adapters.gp_document_state import Waiting
from tests.adapters.gp_document_world import SETTINGS, Practised, document
from tests.adapters.mesh_small import OURS, Crash, busy, down, gateway, lost, unheard
from tests.standins.gpdocument import reply

FAULT = st.sampled_from([None, None, lost, gateway, unheard, down, busy])
CRASH = st.sampled_from(["", "", "", "", "before", "after"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from(["A", "B", "C"])),
        st.tuples(st.just("give"), st.just("")),
        st.tuples(st.just("open"), st.just("")),
        st.tuples(st.just("poll"), st.just("")),
        st.tuples(st.just("wait"), st.just("")),
    ),
    max_size=14,
)
ALONE = msgspec.structs.replace(SETTINGS, local_id="unique")


async def go(world: Practised, steps: list[tuple[str, str]]) -> None:
    """Do the steps, each by a process that has just begun; then go on in peace until nothing is left to do."""
    for step, text in steps:
        world.start()
        with suppress(OutsideError, Crash):
            await do(world, step, text)
    world.mesh.faults.clear()
    world.notes.crashes.clear()
    for _ in range(3):
        world.time.pass_by(minutes=11)
        world.start()
        with suppress(OutsideError):
            await world.give()
    await do(world, "open", "")
    for _ in range(2):
        await world.poll()
        world.time.pass_by(hours=2)


async def do(world: Practised, step: str, text: str) -> None:
    """Do one step."""
    if step == "change":
        world.parcel(text)
    elif step == "give":
        await world.give()
    elif step == "open":
        for replies in world.open():
            for one in replies:
                world.put_reply(one)
    elif step == "poll":
        await world.poll()
    else:
        world.time.pass_by(minutes=11)


@given(STEPS, st.lists(FAULT, max_size=10), st.lists(CRASH, max_size=30))
def test_each_state_is_filed_once_and_the_newest_last(steps, faults, crashes):
    world = Practised(ALONE)
    world.mesh.faults.extend(faults)
    world.notes.crashes.extend(crashes)
    asyncio.run(go(world, steps))
    filed = world.practice.filed
    newest = asyncio.run(document(tuple(world.plan.values())))
    assert filed[-1].pdf == newest, "none is lost"
    assert all(one.pdf != two.pdf for one, two in pairwise(filed)), "none is sent twice"
    assert len(world.practice.seen) == len({one.reference for one in filed}) == len(filed)
    assert [one.replaces for one in filed] == ["", *(one.document for one in filed[:-1])]
    assert [one.version for one in filed] == [str(number + 1) for number in range(len(filed))]
    assert world.told == []
    assert world.mesh.waiting(OURS) == []
    kinds = sorted(key.partition(".")[0] for key in world.held)
    assert kinds == ["person"], "nothing is remembered of what is settled"


@given(st.lists(st.sampled_from(["20013", "30001", "20007", "30002", "20009", "late"]), max_size=6), st.booleans())
def test_a_document_is_settled_or_a_person_is_told(codes, at_once):
    """Every document ends in one of two ways, whatever is replied and in whichever order."""
    world = Practised(ALONE)

    async def replied() -> None:
        await world.give()
        world.open()
        for code in codes:
            if code == "late":
                world.time.pass_by(days=6)
            else:
                said = "ok" if code in ("20013", "30001") else "fatal-error"
                world.put_reply(reply(world.practice.filed[0].reference, code, said))
            if not at_once:
                await world.poll()
        world.time.pass_by(days=6)
        await world.poll()
        await world.poll()

    asyncio.run(replied())
    delivered = {"20013", "30001"} <= set(codes) or "20007" in codes
    negative = {"30002", "20009"} & set(codes)
    left = [msgspec.msgpack.decode(one, type=Waiting) for key, one in world.held.items() if key.startswith("waiting.")]
    assert bool(world.told) or (delivered and not negative)
    assert all(one.told for one in left)
    assert len([one for one in world.told if "deadline" in one]) <= 1
