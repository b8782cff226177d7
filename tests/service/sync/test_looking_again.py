"""Events about people: PDS is asked each time, what it says is applied, and the event is done only after that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.base import Cause
from adapters.errors import (
    Conflict,
    Faulty,
    NotAuthorised,
    OutsideError,
    Overloaded,
    Unreachable,
)
from adapters.mesh_received import Kind, Received
from adapters.nems import message_of
from service.people import invented
from service.sync import look_again
from service.sync.orders import Command, order
from tests.adapters.mns_world import mns_world
from tests.service.record.house import FIRST, person
from tests.service.sync.looking import NEMS, Looking, PdsOfTheTests, Row, looking
from tests.service.sync.partner import member
from tests.service.sync.world import world
from tests.standins.events import GP, mns_2, nems

DIED = "2026-10-31T04:10:00+00:00"


async def written(opened: Looking, index: int, **traits: object) -> str:
    """Write a plan and let it go out; return the NHS number."""
    number, bundle = person(index, **traits)
    await opened.opened.house.post(bundle)
    await opened.opened.run()
    return number


async def life(opened: Looking, number: str) -> tuple[str, str]:
    manifest = (await opened.opened.house.record_of(number)).manifest
    return manifest.life, manifest.died


def message(content: bytes):
    """Return an event as the adapter makes a message of it."""
    return message_of(Received("M1", Kind.DATA, "", "DEATHNOTIFICATION_1", "", "", "", "", content))


async def test_a_formal_death_closes_the_plan_and_partners_are_told(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path, member("surgery", "ZZGP01", "gp")) as opened:
        number = await written(opened, 61)
        opened.pds.rows[number] = Row("2", DIED)
        event = nems(number)
        opened.put(event)
        await opened.hear()
        assert await life(opened, number) == ("formal_death", DIED)
        assert opened.opened.places["surgery"].parcels[-1].cause is Cause.DEATH
        assert opened.waiting == []
        assert await opened.kept(message(event)) == event
        assert (await opened.opened.state("nems")).taken == 1


async def test_an_informal_death_is_provisional_and_a_removed_one_reopens(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 62)
        for status, version, expected in (
            ("1", 6, ("informal_death", DIED)),
            ("2", 7, ("formal_death", DIED)),
            ("U", 8, ("alive", "")),
        ):
            opened.pds.rows[number] = Row(status, "" if status == "U" else DIED, version=version)
            opened.put(nems(number, status=status, version=version, bundle=f"b{version}"))
            await opened.hear()
            assert await life(opened, number) == expected
        assert opened.waiting == []
        assert await opened.reasons() == []


async def test_of_somebody_who_is_not_here_nothing_is_kept_and_nobody_is_asked(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path) as opened:
        event = nems(invented.nhs_number(FIRST + 999))
        opened.put(event)
        await opened.hear()
        assert (opened.waiting, opened.pds.asked) == ([], [])
        assert await opened.kept(message(event)) is None
        assert (await opened.opened.state("nems")).taken == 0


@pytest.mark.parametrize("down", [Unreachable("x"), Overloaded(retry_after=900.0), NotAuthorised(), Faulty()])
async def test_while_pds_is_away_nothing_is_acknowledged(keys_home: Path, tmp_path: Path, down: OutsideError):
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 63)
        opened.pds.rows[number], opened.pds.down = Row("2", DIED), down
        opened.put(nems(number))
        opened.put(nems(number, GP, bundle="b2"), "CHANGEOFGP_1")
        await opened.hear()
        assert len(opened.waiting) == 2
        assert len(opened.pds.asked) == 1, "where one cannot be looked up, the others are not tried"
        assert (await life(opened, number))[0] == "alive"
        [(what, words)] = await opened.events()
        assert what == "not-now"
        assert "PDS" in words
        assert number not in words
        assert (await opened.opened.state("nems")).circuit == "", "MESH is not away"
        assert await opened.reasons() == []
        opened.pds.down = None
        await opened.hear(20)
        assert (await life(opened, number))[0] == "formal_death"
        assert opened.waiting == []


async def test_pds_says_when_to_come_back_and_that_is_kept(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 64)
        opened.pds.down = Overloaded(retry_after=900.0)
        opened.put(nems(number))
        await opened.hear()
        asked = len(opened.pds.asked)
        await opened.hear(10)
        assert len(opened.pds.asked) == asked
        await opened.hear(6)
        assert len(opened.pds.asked) == asked + 1


async def test_without_a_connection_to_pds_events_wait(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path, with_pds=False) as opened:
        number = await written(opened, 65)
        opened.put(nems(number))
        await opened.hear()
        assert opened.waiting == ["M1"]
        assert await opened.events() == [("not-now", look_again.NO_PDS)]


async def test_a_death_that_pds_does_not_know_changes_nothing_and_a_person_looks(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 66)
        before = (await opened.opened.house.record_of(number)).sequence
        opened.put(nems(number))
        await opened.hear()
        assert (await opened.opened.house.record_of(number)).sequence == before
        assert await opened.reasons() == [look_again.NOT_CONFIRMED]
        assert opened.waiting == [], "it is kept here, and shown"
        opened.pds.rows[number] = Row("2", DIED)
        await order(opened.opened.engine.board, "nems", Command.REPLAY, "")
        await opened.hear()
        assert await opened.reasons() == []
        assert (await life(opened, number))[0] == "formal_death"


@pytest.mark.parametrize(
    ("row", "event", "why"),
    [
        (Row(somebody_else=True, death="2", died=DIED), {}, look_again.SOMEBODY_ELSE),
        (Row(), {"birth_date": "1901-01-01"}, look_again.OTHER_BIRTH_DATE),
        (Row("2", DIED), {"status": "U"}, look_again.NOT_REMOVED),
    ],
    ids=["another person there", "another person here", "a removal that is none"],
)
async def test_an_event_that_may_mean_somebody_else_is_for_a_person(
    keys_home: Path, tmp_path: Path, row: Row, event: dict[str, str], why: str
):
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 67)
        opened.pds.rows[number] = row
        opened.put(nems(number, **event))
        await opened.hear()
        assert await opened.reasons() == [why]
        assert opened.waiting == []
        if row.death == "" or row.somebody_else:
            assert (await life(opened, number))[0] == "alive"


async def test_the_event_that_names_two_looks_at_both_and_says_so(keys_home: Path, tmp_path: Path):
    """The Patient is believed before the routing; of either only PDS is believed."""
    async with looking(keys_home, tmp_path) as opened:
        one, other = await written(opened, 68), await written(opened, 69)
        opened.pds.rows[other] = Row("2", DIED)
        opened.put(nems(one, routed=other))
        await opened.hear()
        assert opened.pds.asked == [one, other]
        assert await opened.reasons() == [look_again.NOT_CONFIRMED + look_again.TWO_NUMBERS]
        assert (await life(opened, one))[0] == "alive"
        assert (await life(opened, other))[0] == "formal_death", "because PDS says so"


async def test_a_refusal_of_pds_is_for_a_person(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 70)
        opened.pds.down = Conflict()
        opened.put(nems(number))
        await opened.hear()
        [reason] = await opened.reasons()
        assert reason.startswith("PDS, of a person")
        assert opened.waiting == []


async def test_what_cannot_be_read_is_kept_whole_for_a_person(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path) as opened:
        hostile = nems(invented.nhs_number(1), before='<!DOCTYPE a [<!ENTITY b "c">]>')
        opened.put(hostile)
        await opened.hear()
        [reason] = await opened.reasons()
        assert "document type" in reason
        assert opened.waiting == []


async def test_pds_may_catch_up_for_an_hour_and_then_a_person_looks(keys_home: Path, tmp_path: Path):
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 71)
        opened.pds.rows[number] = Row(version=8)
        now = opened.opened.time.now.isoformat()
        opened.put(nems(number, version=9, sent=now))
        await opened.hear()
        assert opened.waiting == ["M1"]
        assert await opened.reasons() == []
        await opened.hear(70)
        assert await opened.reasons() == [look_again.BEHIND]
        opened.pds.rows[number] = Row("2", DIED, version=9)
        opened.put(nems(number, version=9, sent=now, bundle="b2"))
        await opened.hear()
        assert (await life(opened, number))[0] == "formal_death"


async def test_an_acknowledgement_that_is_lost_changes_nothing(keys_home: Path, tmp_path: Path):
    """The process ends, or MESH does not answer, between the commit and the acknowledgement."""
    async with looking(keys_home, tmp_path) as opened:
        number = await written(opened, 72)
        opened.pds.rows[number] = Row("2", DIED)
        opened.put(nems(number))
        opened.mesh.mesh.faults.append(_down)
        await opened.hear()
        after = (await opened.opened.house.record_of(number)).sequence
        assert (await life(opened, number))[0] == "formal_death"
        assert opened.waiting == ["M1"]
        await opened.hear()
        assert opened.waiting == []
        assert (await opened.opened.house.record_of(number)).sequence == after
        assert len(opened.pds.asked) == 2


async def test_a_change_of_practice_moves_the_record_along(keys_home: Path, tmp_path: Path):
    """The new practice is told of the person; the old one, which holds the record, keeps it."""
    async with looking(keys_home, tmp_path, member("new", "ZZGP02", "gp")) as opened:
        number = await written(opened, 73)
        assert opened.opened.places["new"].parcels == []
        opened.pds.rows[number] = Row(practice="ZZGP02")
        opened.put(nems(number, GP), "CHANGEOFGP_1")
        await opened.hear()
        manifest = (await opened.opened.house.record_of(number)).manifest
        assert manifest.places_of_care == ["ZZGP02"]
        assert {"ZZGP01", "ZZGP02"} <= set(manifest.relations)
        assert manifest.holder == "ZZGP01"
        assert opened.opened.places["new"].parcels
        opened.pds.rows[number] = Row(practice="")
        opened.put(nems(number, GP, bundle="b2"), "CHANGEOFGP_1")
        await opened.hear()
        after = (await opened.opened.house.record_of(number)).manifest
        assert after.places_of_care == ["ZZGP02"], "where PDS names none, nothing is blanked"


async def test_an_event_out_of_a_queue_is_taken_the_same_way(keys_home: Path, tmp_path: Path):
    """By MNS: deleted after the commit, and left where it is while PDS is away."""
    with mns_world(tmp_path) as far:
        pds = PdsOfTheTests()
        source, members = far.adapter(), member("mns", "ZZNHS1", **NEMS)
        async with world(keys_home, tmp_path, members, sources={"mns": source}, pds=pds) as opened:
            pds.house, far.far.clock = opened.house, opened.time.clock
            source._queue._signer = replace(source._queue._signer, clock=opened.time.clock)
            number, bundle = person(74)
            await opened.house.post(bundle)
            far.far.put(mns_2(number))
            pds.rows[number], pds.down = Row("2", DIED), Unreachable("x")
            await opened.run(forward=6)
            assert len(far.far.messages) == 1
            pds.down = None
            opened.time.forward(301)
            await opened.run(forward=6)
            assert (await opened.house.record_of(number)).manifest.life == "formal_death"
            assert far.far.messages == []


def _down(request, answer):
    raise httpx.ConnectError("down")
