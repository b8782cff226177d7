"""Answers that are lost or late, crashes, and two processes: there is one pointer in the end, or none."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from adapters.errors import NotSent, OutsideError, Unintelligible, Unreachable
from tests.adapters.nrl_world import (
    NUMBER,
    Crash,
    InProcess,
    World,
    cpr,
    given,
    parcel,
    person,
    settings,
)
from tests.standins.nrl import Reply

FAULTS = ["lost", "unheard", "late", "down", "busy", "broken"]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_superseding_whose_answer_is_lost_is_reconciled(fault):
    world = World()
    await world.give(person(), cpr())
    world.settings = settings(address="new.zzhsp1.example.nhs.uk/plan")
    world.nrl.faults.append(fault)
    with pytest.raises(OutsideError):
        await world.give(person(), cpr(), sequence=2)
    await world.insist(person(), cpr(), sequence=2)
    assert world.pointer()["content"][0]["attachment"]["url"].startswith("ssp://new.")
    world.pass_by(100)
    assert len(world.nrl.pointers(NUMBER)) == 1
    await world.insist(sequence=4)
    world.pass_by(100)
    assert world.nrl.held == {}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_create_whose_answer_is_lost_makes_no_second(fault, at):
    world = World()
    world.nrl.faults.extend([""] * at + [fault])
    with pytest.raises(OutsideError):
        await world.give(person(), cpr())
    await world.insist(person(), cpr())
    world.pass_by(100)
    assert len(world.nrl.pointers(NUMBER)) == 1
    made = [line for line in world.nrl.lines() if line == "POST"]
    assert len(made) == (1 if at == 0 or fault in ("unheard", "broken") else 2)
    await world.insist(sequence=2)
    world.pass_by(100)
    assert world.nrl.held == {}


async def test_what_is_to_be_there_is_there_at_once_and_confirmed_when_nothing_can_arrive_any_more():
    world = World()
    world.nrl.faults.extend(["", "late"])
    with pytest.raises(Unreachable):
        await world.give(person(), cpr())
    with pytest.raises(Unreachable, match="may still arrive"):
        await world.give(person(), cpr())
    assert len(world.nrl.pointers(NUMBER)) == 1
    world.pass_by(46)
    assert len(world.nrl.pointers(NUMBER)) == 2, "the late one arrived"
    with pytest.raises(Unreachable):
        await world.give(person(), cpr())
    assert len(world.nrl.pointers(NUMBER)) == 1, "and one is deleted"
    world.pass_by(61)
    await world.give(person(), cpr())
    assert len(world.nrl.pointers(NUMBER)) == 1


async def test_a_clock_that_was_set_back_does_not_hold_it_for_ever():
    world = World()
    world.nrl.faults.extend(["", "unheard"])
    with pytest.raises(Unreachable):
        await world.give(person(), cpr())
    world.pass_by(-86_400)
    await world.give(person(), cpr())
    assert len(world.nrl.pointers(NUMBER)) == 1


async def test_what_was_never_sent_leaves_no_doubt():
    world = World()

    class Cut(InProcess):
        async def send(self, method: str, url: str, **more: Any) -> Any:
            if method == "POST" and not url.endswith("_search"):
                raise NotSent("x")
            return await InProcess.send(self, method, url, **more)

    with pytest.raises(NotSent):
        await given(world.start(Cut(world.nrl)), parcel(person(), cpr()))
    assert await world.notes.all() == {}
    await world.give(person(), cpr())
    assert len(world.nrl.pointers(NUMBER)) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_consent_withdrawn_after_a_create_whose_answer_was_lost(fault):
    """Nothing is known of the person by then but what the note says."""
    world = World()
    world.nrl.faults.extend(["", fault])
    with pytest.raises(OutsideError):
        await world.give(person(), cpr())
    await world.insist(sequence=2)
    world.pass_by(100)
    assert world.nrl.held == {}
    assert await world.notes.all() == {}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("then", ["gone", "back"])
async def test_a_deletion_whose_answer_is_lost(fault, then):
    world = World()
    await world.give(person(), cpr())
    world.nrl.faults.append(fault)
    with pytest.raises(OutsideError):
        await world.give(sequence=2)
    await world.insist(*([] if then == "gone" else [person(), cpr()]), sequence=3)
    world.pass_by(100)
    assert len(world.nrl.pointers(NUMBER)) == (then == "back")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("request_number", [0, 1])
async def test_a_crash_at_any_request(when, request_number):
    world = World()

    class Dying(InProcess):
        async def send(self, *words: Any, **more: Any) -> Any:
            if len(world.nrl.asked) == request_number:
                self.crash = when
            return await InProcess.send(self, *words, **more)

    with pytest.raises(Crash):
        await given(world.start(Dying(world.nrl)), parcel(person(), cpr()))
    await world.insist(person(), cpr())
    assert len(world.nrl.pointers(NUMBER)) == 1


@pytest.mark.parametrize("location", ["", "/producer/FHIR/R4/DocumentReference/", "DocumentReference/../x?y"])
async def test_a_pointer_that_was_made_without_an_id_is_found_by_search(location):
    world = World()
    world.nrl.answers.append(Reply(200, {"resourceType": "Bundle"}))
    world.nrl.answers.append(Reply(201, {}, {"Location": location}))
    with pytest.raises(Unintelligible):
        await world.give(person(), cpr())
    await world.insist(person(), cpr())
    assert len(world.nrl.pointers(NUMBER)) == 1


async def test_two_processes_do_not_make_two():
    world = World()

    class Overtaking(InProcess):
        async def send(self, *words: Any, **more: Any) -> Any:
            if not world.nrl.asked:
                await given(world.start(), parcel(person(), cpr()))
            return await InProcess.send(self, *words, **more)

    with suppress(Unreachable):
        await given(world.start(Overtaking(world.nrl)), parcel(person(), cpr()))
    await world.give(person(), cpr(), sequence=2)
    assert len(world.nrl.pointers(NUMBER)) == 1
