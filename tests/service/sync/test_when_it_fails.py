"""What goes wrong at a partner or between: nothing is lost, nothing is sent twice, and people see what needs them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.base import Cause
from adapters.errors import ContentRefused, Faulty, NotAuthorised, Overloaded, Unintelligible, Unreachable
from service.record.alerts import Alert
from service.sync.board import Way
from service.sync.orders import Command, order
from tests.service.record.house import person, update
from tests.service.sync.consents import refusal
from tests.service.sync.partner import Place, member
from tests.service.sync.world import World, world

FAST = {"retry_base": 1.0, "retry_cap": 60.0, "parallel": 4}


async def given(opened: World, index: int) -> tuple[list[str], str]:
    """Write a plan and let it arrive; return its references and one of a medicine."""
    _, bundle = person(index, place="hospice")
    references = await opened.house.post(bundle)
    await opened.run()
    return references, next(one for one in references if one.startswith("MedicationRequest/"))


async def say(opened: World, reference: str, version: int, words: str) -> None:
    """Write a note into a resource."""
    resource = await opened.house.read(reference)
    await opened.house.write(update(reference, version, {**resource, "note": [{"text": words}]}))


@pytest.mark.parametrize("fault", [Unreachable("x"), Overloaded(), Overloaded(retry_after=20.0)])
async def test_a_partner_that_is_away_gets_everything_later_once(
    keys_home: Path, tmp_path: Path, fault: Unreachable | Overloaded
) -> None:
    """Days later too: the newest state arrives, and nothing else."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 1)
        place = opened.places["hospice"]
        before = len(place.effects)
        place.down = fault
        for version in range(1, 6):
            await say(opened, medicine, version, f"word {version}")
            await opened.run(forward=5)
        away = await opened.state()
        assert away.circuit
        assert [event.what for event in away.events] == ["away"]
        assert len(place.parcels) < 30, "an open circuit asks seldom"
        opened.time.forward(86_400)
        place.down = None
        await opened.run(forward=3)
        assert place.effects[before:] == [("put", medicine)]
        assert place.now(medicine)["note"] == [{"text": "word 5"}]
        back = await opened.state()
        assert not back.circuit
        assert [event.what for event in back.events] == ["away", "back"]
        assert await opened.waiting() == 0


async def test_a_retry_after_is_kept(keys_home: Path, tmp_path: Path) -> None:
    """A partner that asks to wait is not asked again before that."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 2)
        place = opened.places["hospice"]
        place.down = Overloaded(retry_after=300.0)
        await say(opened, medicine, 1, "once")
        await opened.run()
        asked = len(place.parcels)
        await opened.run(forward=290)
        assert len(place.parcels) == asked
        place.down = None
        await opened.run(forward=30)
        assert place.now(medicine)["note"] == [{"text": "once"}]


@pytest.mark.parametrize("fault", [Faulty(), Unintelligible("x")])
async def test_what_is_bounded_is_tried_three_times_and_then_shown(
    keys_home: Path, tmp_path: Path, fault: Faulty | Unintelligible
) -> None:
    """Other persons' lanes go on meanwhile; a retry by a person sends it."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 3)
        _, other = await given(opened, 4)
        place = opened.places["hospice"]
        place.faults.extend([("before", fault)] * 3)
        await say(opened, medicine, 1, "hard to take")
        await opened.run(forward=20)
        (trouble,) = await opened.engine.board.troubles("hospice")
        assert (trouble.way, trouble.reason.endswith(".")) == (Way.OUT, True)
        assert not await is_there(opened, medicine, "hard to take")
        await say(opened, other, 1, "easy")
        await opened.run()
        assert place.now(other)["note"] == [{"text": "easy"}]
        await order(opened.engine.board, "hospice", Command.RETRY, trouble.id)
        await opened.state()
        assert await is_there(opened, medicine, "hard to take")
        assert await opened.engine.board.troubles("hospice") == []


async def test_having_been_away_does_not_use_up_the_tries_of_a_message(keys_home: Path, tmp_path: Path) -> None:
    """After a long absence one answer that cannot be understood is one of three, and not the last."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 20)
        place = opened.places["hospice"]
        place.down = Unreachable("x")
        await say(opened, medicine, 1, "after all")
        await opened.run(forward=120)
        place.down = None
        place.faults.extend([("before", Unintelligible("x"))] * 2)
        await opened.run(forward=120)
        assert await opened.engine.board.troubles("hospice") == []
        assert await is_there(opened, medicine, "after all")


async def is_there(opened: World, reference: str, words: str) -> bool:
    """Say whether the partner has a note in a resource."""
    return bool(opened.places["hospice"].now(reference).get("note") == [{"text": words}])


async def test_what_is_refused_stops_its_own_lane_until_it_is_mended(
    keys_home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that the partner refuses is sent once; the next change of that person is tried again."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 5)
        place = opened.places["hospice"]
        place.faults.append(("before", ContentRefused()))
        tried = len(place.parcels)
        await say(opened, medicine, 1, "wrong")
        await opened.run(forward=600)
        assert len(place.parcels) == tried + 1
        assert len(await opened.engine.board.troubles("hospice")) == 1
        stopped = [vars(one)["fields"] for one in caplog.records if one.message == "lane-stopped"]
        assert stopped == [{"client": "hospice-system", "reason": "The partner's system refused what was sent."}]
        await say(opened, medicine, 2, "right")
        await opened.run()
        assert await is_there(opened, medicine, "right")
        assert await opened.engine.board.troubles("hospice") == []


async def test_a_refused_sign_in_stops_the_partner_and_no_lane(keys_home: Path, tmp_path: Path) -> None:
    """Credentials are nobody's message: nothing is dead, and all goes on when they are mended."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 6)
        place = opened.places["hospice"]
        place.down = NotAuthorised()
        await say(opened, medicine, 1, "later")
        await opened.run(forward=10)
        state = await opened.state()
        assert "sign-in" in state.circuit
        assert await opened.engine.board.troubles("hospice") == []
        place.down = None
        await order(opened.engine.board, "hospice", Command.RETRY)
        await opened.state()
        await opened.run(forward=2)
        assert await is_there(opened, medicine, "later")


async def test_an_answer_that_was_lost_has_no_second_effect(keys_home: Path, tmp_path: Path) -> None:
    """What was done and not confirmed is sent again with the same key."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        place = opened.places["hospice"]
        place.faults.extend([("after", Unreachable("x"))] * 4)
        _, bundle = person(7, place="hospice")
        await opened.house.post(bundle)
        await opened.run(forward=200)
        assert len(place.effects) == len(set(place.effects)) == len(place.here)
        keys = {parcel.key for parcel in place.parcels}
        assert len(keys) == 1
        assert await opened.waiting() == 0


async def test_a_revocation_overtakes_what_waits(keys_home: Path, tmp_path: Path) -> None:
    """With one thing sent at a time and many waiting, the withdrawal is the next."""
    async with world(keys_home, tmp_path, member(limits={**FAST, "parallel": 1})) as opened:
        first, _ = await given(opened, 8)
        others = [await given(opened, index) for index in range(9, 14)]
        place = opened.places["hospice"]
        place.gate = asyncio.Event()
        sent = len(place.parcels)
        for _, medicine in others:
            await say(opened, medicine, 1, "routine")
        await opened.relay.step()
        await asyncio.sleep(0)
        await opened.house.write(await refusal(opened, first, "ZZHSP1"))
        await opened.relay.step()
        place.gate.set()
        await opened.run()
        causes = [parcel.cause for parcel in place.parcels[sent:]]
        assert causes == [Cause.CHANGE, Cause.WITHDRAWAL, *[Cause.CHANGE] * 4]


async def test_the_owner_is_told_of_what_must_not_wait(keys_home: Path, tmp_path: Path) -> None:
    """A withdrawal that has not arrived is in the owner's queue within five minutes, once."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        references, medicine = await given(opened, 14)
        place = opened.places["hospice"]
        place.down = Unreachable("x")
        await say(opened, medicine, 1, "routine")
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.run(forward=5)
        assert await alerts(opened) == []
        await opened.run(forward=290)
        (alert,) = await alerts(opened)
        assert (alert.kind, alert.rule, alert.organisation) == ("not-delivered", "withdrawal", "ZZGP01")
        await opened.run(forward=100)
        assert len(await alerts(opened)) == 1


async def alerts(opened: World) -> list[Alert]:
    """Return the alerts of the owner's organisation."""
    caller = opened.officer("ZZGP01")
    return list(await opened.alerts.list(caller, opened.time.now.replace(day=1)))


async def test_another_process_takes_over_a_partner(keys_home: Path, tmp_path: Path) -> None:
    """One serves; when it is gone past its lease, the other sends what waits, and the first sends nothing more."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 15)
        other = opened.another({"hospice": Place(here=opened.places["hospice"].here)})
        await other.relay.step()
        assert other.relay.servings["hospice"].turn == 0
        await say(opened, medicine, 1, "who sends this")
        opened.time.forward(61)
        await other.relay.step()
        assert other.relay.servings["hospice"].turn
        assert not opened.relay.servings["hospice"].still_ours()
        for _ in range(5):
            await asyncio.gather(*other.relay.servings["hospice"].running)
            await other.relay.step()
        assert await is_there(opened, medicine, "who sends this")
        parcels = len(opened.places["hospice"].parcels)
        await say(opened, medicine, 2, "and this")
        await opened.run(forward=5)
        assert len(opened.places["hospice"].parcels) == parcels
        await other.relay.finish()


async def test_pausing_a_partner_keeps_what_waits(keys_home: Path, tmp_path: Path) -> None:
    """A person can pause a partner; nothing is sent, nothing is lost."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        _, medicine = await given(opened, 16)
        await opened.engine.board.pause("hospice", "Engineer Example", opened.time.now)
        state = await opened.state()
        assert state.still == state.paused != "", "nothing is under way any more"
        await say(opened, medicine, 1, "while it rests")
        await opened.run(forward=5)
        assert not await is_there(opened, medicine, "while it rests")
        assert await opened.waiting() == 1
        await opened.engine.board.resume("hospice", "Engineer Example", opened.time.now)
        await opened.state()
        assert await is_there(opened, medicine, "while it rests")
        state = await opened.state()
        assert state.still == ""
        assert [event.what for event in state.events] == ["paused", "resumed"]


async def test_what_was_sent_and_never_confirmed_is_taken_back_too(keys_home: Path, tmp_path: Path) -> None:
    """An answer was lost, then sharing ended: what may be there is removed as well."""
    async with world(keys_home, tmp_path, member(limits=FAST)) as opened:
        place = opened.places["hospice"]
        place.faults.append(("after", Unreachable("x")))
        _, bundle = person(17, place="hospice")
        references = await opened.house.post(bundle)
        await opened.run()
        assert len(place.here) == 1
        place.down = Unreachable("x")
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        place.down = None
        await opened.run(forward=5)
        assert place.here == {}


async def test_a_partner_that_cannot_be_asked_can_still_be_told(keys_home: Path, tmp_path: Path) -> None:
    """A question that it refuses stops nothing that is sent, and is seen by people."""
    async with world(keys_home, tmp_path, member(limits={**FAST, "poll_every": 1.0}, sends=True)) as opened:
        _, medicine = await given(opened, 18)
        opened.places["hospice"].poll_refused = ContentRefused()
        await opened.run(forward=10)
        await say(opened, medicine, 1, "told all the same")
        await opened.run(forward=2)
        assert await is_there(opened, medicine, "told all the same")
        state = await opened.state()
        assert not state.circuit
        assert "not-read" in [event.what for event in state.events]


async def test_a_broken_page_of_one_partner_keeps_no_other_waiting(keys_home: Path, tmp_path: Path) -> None:
    """What cannot be opened of one is logged; the others are served."""
    partners = (member("broken", "ZZHSP1", limits=FAST), member(limits=FAST))
    async with world(keys_home, tmp_path, *partners) as opened:
        await opened.state("broken")
        page = await opened.house.records.by_claim("sync", "state.broken")
        assert page is not None
        opened.house.tamper(
            lambda connection: connection.execute(
                "UPDATE heads SET digest = zeroblob(length(digest)) WHERE number = "
                "(SELECT number FROM records WHERE record_id = ?)",
                (page.record_id,),
            )
        )
        _, medicine = await given(opened, 19)
        await say(opened, medicine, 1, "served all the same")
        await opened.run(forward=3)
        assert await is_there(opened, medicine, "served all the same")
