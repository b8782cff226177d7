"""Notices of emergency reads are carried to people once, in time, or somebody is told; and only to who may be told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import ContentRefused, Faulty, NotAuthorised, OutsideError, Overloaded, Unreachable
from fhir_profiles.canonical import code_system
from fhir_profiles.identifiers import ODS_SYSTEM
from security.clock import instant
from security.principal import Role
from service.record.directory import organisation_name
from service.record.records import Records
from service.store.errors import StoreUnavailable
from service.store.port import StoredDelivery
from service.sync.board import Way
from service.sync.orders import Command, order
from tests.journeys.canary import flagged
from tests.security.test_localities import locality
from tests.service.record.house import create, doctor, note, update
from tests.service.record.test_access_log import events, the_person, told
from tests.service.sync.noticed import admitted, entries, gateway, later, not_told, read_in_an_emergency
from tests.service.sync.partner import Place, member
from tests.service.sync.world import World, step_until_quiet, world

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


async def test_a_person_is_told_of_who_read_and_when_and_of_nothing_else(keys_home: Path, tmp_path: Path) -> None:
    """In the words of their own log, within minutes, written down for them and for the holder's officers."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        number, _ = await admitted(opened, 801)
        resource = {
            "resourceType": "Organization",
            "name": "Example Ambulance",
            "identifier": [{"system": ODS_SYSTEM, "value": "ZZAMB1"}],
        }
        await opened.house.services.directory.directory.create(doctor("ZZDIR1", Role.SYSTEM), create(resource))
        await read_in_an_emergency(opened, number)
        read = opened.time.now
        await opened.run(forward=2)
        (notice,) = opened.places["gateway"].notices
        assert (notice.nhs_number, notice.time) == (number, instant(read))
        assert notice.until == instant(read + timedelta(hours=24))
        assert notice.organisation == "an ambulance service (Example Ambulance)"
        assert notice.sentence == (
            f"On {read.day} {read:%B %Y at %H:%M} an ambulance service (Example Ambulance) looked at your plan in an "
            "emergency."
        )
        assert number not in repr(notice)
        assert await opened.waiting() == 0
        state = await opened.state("gateway")
        assert (state.given, state.waiting, len(state.lags)) == (1, {}, 1)

        sentences = told(await events(opened.house, the_person(number)))
        assert any("was asked to tell you that your plan was looked at in an emergency." in one for one in sentences)
        (entry,) = await entries(opened, "ZZAPP1", "$notice-send")
        assert (entry.organisation, entry.client_id, entry.holder) == ("ZZAPP1", "gateway-system", "ZZGP01")
        assert entry.record == (await opened.house.record_of(number)).record_id.hex()
        (reference,) = entry.references
        assert reference.removeprefix("AuditEvent/") in {
            event["id"] for event in await events(opened.house, the_person(number))
        }
        assert await not_told(opened) == []


async def test_nothing_is_sent_twice_however_often_it_is_looked_at(keys_home: Path, tmp_path: Path) -> None:
    """Reads of a day are one notice; two processes, and the next looks at all that waits, send it once."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        number, _ = await admitted(opened, 802)
        other = opened.another()
        for _ in range(3):
            await read_in_an_emergency(opened, number)
            opened.time.forward(600)
        for _ in range(40):
            opened.time.forward(2)
            await asyncio.gather(step_until_quiet(opened.engine), step_until_quiet(other))
        assert len(opened.places["gateway"].notices) == 1
        await other.relay.finish()


@pytest.mark.parametrize("fault", [Unreachable("x"), Overloaded(retry_after=30.0), NotAuthorised()])
async def test_a_gateway_that_is_away_gets_every_notice_once_when_it_is_back(
    keys_home: Path, tmp_path: Path, fault: OutsideError
) -> None:
    """In time, so nobody has to be told; and the person's log is not filled with tries."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        place = opened.places["gateway"]
        numbers = [(await admitted(opened, 810 + index))[0] for index in range(3)]
        place.down = fault
        await read_in_an_emergency(opened, *numbers)
        await later(opened, 2.0)
        assert place.notices == []
        assert (await opened.state("gateway")).circuit
        assert await opened.engine.board.troubles("gateway") == []
        place.down = None
        await later(opened, 0.25)
        assert sorted(one.nhs_number for one in place.notices) == sorted(numbers)
        assert len(await entries(opened, "ZZAPP1", "$notice-send")) == 3
        assert await not_told(opened) == []


async def test_a_lost_answer_repeats_the_same_notice(keys_home: Path, tmp_path: Path) -> None:
    """With the same id, by which the receiver knows it; no two notices have the same."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        place = opened.places["gateway"]
        number, _ = await admitted(opened, 820)
        place.faults.append(("after", Unreachable("x")))
        await read_in_an_emergency(opened, number)
        await later(opened, 0.1)
        await read_in_an_emergency(opened, number, by="ZZAMB2")
        await later(opened, 0.1)
        first, again, another = place.notices
        assert first == again
        assert another.key != first.key


@pytest.mark.parametrize(("fails", "times"), [("done", 1), ("lease", 2)])
async def test_a_store_that_fails_after_the_answer(
    keys_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, times: int
) -> None:
    """What was taken and not ticked off is found by whoever comes next, and sent again only if nothing tells of it."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        place, store = opened.places["gateway"], type(opened.house.opened.store)
        number, _ = await admitted(opened, 821)
        await opened.run()
        place.gate = asyncio.Event()
        await read_in_an_emergency(opened, number)
        await opened.relay.step()
        (task,) = opened.relay.servings["gateway"].running
        await place.entered.wait()

        async def down(*_: Any) -> None:
            raise StoreUnavailable("down")

        with monkeypatch.context() as broken:
            broken.setattr(store, fails, down)
            place.gate.set()
            await task
        assert (len(place.notices), await opened.waiting()) == (1, 1)
        other = opened.another()
        opened.time.forward(61)
        for _ in range(3):
            await step_until_quiet(other)
        assert [one.key for one in place.notices] == [place.notices[0].key] * times
        assert await opened.waiting() == 0
        await other.relay.finish()


async def test_a_process_that_slept_past_its_lease_sends_nothing(
    keys_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may be sending the same by then."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        number, _ = await admitted(opened, 823)
        await opened.run()

        async def asleep(records: Records, code: str) -> str:
            opened.time.forward(30.0)
            return await organisation_name(records, code)

        await read_in_an_emergency(opened, number)
        with monkeypatch.context() as slow:
            slow.setattr("service.sync.tell_person.organisation_name", asleep)
            await opened.relay.step()
            await asyncio.gather(*opened.relay.servings["gateway"].running)
        assert opened.places["gateway"].notices == []
        await opened.run(forward=2)
        assert len(opened.places["gateway"].notices) == 1


async def test_what_waits_and_was_read_before_it_was_ticked_off_is_not_sent_again(
    keys_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at what waits takes time, in which a notice may be taken."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        store = opened.house.opened.store
        number, _ = await admitted(opened, 822)
        await read_in_an_emergency(opened, number)
        before = await store.waiting(b"", 10)
        await opened.run()
        assert await opened.waiting() == 0

        async def slowly(_: object, after: bytes, limit: int) -> list[StoredDelivery]:
            return before if not after else []

        opened.time.forward(31)
        with monkeypatch.context() as late:
            late.setattr(type(store), "waiting", slowly)
            await step_until_quiet(opened.engine)
        await opened.run(forward=3)
        assert len(opened.places["gateway"].notices) == 1
        assert (await opened.state("gateway")).given == 1


async def test_who_is_not_told_in_time_is_shown_to_people_and_told_late(keys_home: Path, tmp_path: Path) -> None:
    """On the board at 20 hours, to the holder's officers at 24, once; and sent when it can be, off the board then."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        place, board = opened.places["gateway"], opened.engine.board
        number, _ = await admitted(opened, 830)
        place.down = Unreachable("x")
        await read_in_an_emergency(opened, number)
        await later(opened, 19.9)
        assert await board.troubles("gateway") == []
        await later(opened, 0.2)
        (trouble,) = await board.troubles("gateway")
        assert (trouble.way, trouble.cause, trouble.under_way) == (Way.OUT, "notice", True)
        assert await not_told(opened) == []
        await later(opened, 4.0)
        (alert,) = await not_told(opened)
        assert (alert.organisation, alert.role, alert.user_id) == ("ZZGP01", "ambulance", "Owner Example")
        assert alert.audit
        assert await not_told(opened, "ZZAMB1") == [], "who read is not who tells"
        # Whoever takes over goes on with it, and tells nobody again.
        other = opened.another()
        opened.time.forward(61)
        await step_until_quiet(other)
        assert other.relay.servings["gateway"].turn
        place.down = None
        for _ in range(400):
            opened.time.forward(2)
            await step_until_quiet(other)
        assert [one.nhs_number for one in place.notices] == [number]
        assert await board.troubles("gateway") == []
        assert len(await not_told(opened)) == 1
        await other.relay.finish()


@pytest.mark.parametrize("fault", [ContentRefused(), Faulty()])
async def test_what_is_refused_waits_for_a_person(keys_home: Path, tmp_path: Path, fault: OutsideError) -> None:
    """By the same table as everything else: it stops, is late in the end, and goes when somebody says so."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        place, board = opened.places["gateway"], opened.engine.board
        number, _ = await admitted(opened, 831)
        place.down = fault
        await read_in_an_emergency(opened, number)
        await later(opened, 0.5)
        (trouble,) = await board.troubles("gateway")
        assert (trouble.cause, trouble.under_way) == ("notice", False)
        place.down = None
        await later(opened, 24.0)
        assert place.notices == []
        assert len(await not_told(opened)) == 1
        assert await board.troubles("gateway") == [trouble]
        await order(board, "gateway", Command.RETRY, trouble.id)
        await later(opened, 0.1)
        assert len(place.notices) == 1
        assert await board.troubles("gateway") == []


@pytest.mark.parametrize("stopped", [False, True])
async def test_after_a_week_it_is_given_up(keys_home: Path, tmp_path: Path, stopped: bool) -> None:
    """Nobody is told of a read that long ago; officers were asked to see to it, also when nobody served meanwhile."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        place = opened.places["gateway"]
        number, _ = await admitted(opened, 832)
        if stopped:
            place.down = ContentRefused()
        await read_in_an_emergency(opened, number)
        if stopped:
            await later(opened, 0.2)
        opened.time.forward(7 * 86_400 + 1)
        place.down = None
        await later(opened, 0.2)
        assert place.notices == []
        assert len(await not_told(opened)) == 1
        assert await opened.waiting() == 0
        assert await opened.engine.board.troubles("gateway") == []


@pytest.mark.parametrize("why", ["died", "protected", "safeguarding", "NOPAT"])
async def test_who_may_not_be_told_when_it_is_sent_is_not(keys_home: Path, tmp_path: Path, why: str) -> None:
    """What came up since the read counts: nothing is sent, then or later, nobody is alerted, and the log is silent."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        place, board = opened.places["gateway"], opened.engine.board
        number, patient = await admitted(opened, 840)
        await board.pause("gateway", "Engineer Example", opened.time.now)
        await opened.run(forward=3)
        await read_in_an_emergency(opened, number)
        await came_up(opened, patient, why)
        await later(opened, 24.5)
        assert await opened.waiting() == 1
        assert await board.troubles("gateway") == []
        assert await not_told(opened) == []
        await board.resume("gateway", "Engineer Example", opened.time.now)
        await later(opened, 0.5)
        assert place.notices == []
        assert await opened.waiting() == 0
        if why != "died":  # then nobody reads their own log
            sentences = told(await events(opened.house, the_person(number)))
            assert any("emergency summary" in one for one in sentences)
            assert not any("tell you" in one for one in sentences)
        (entry,) = await entries(opened, "ZZGP01", "$notice-drop")
        assert (entry.record, entry.patient, entry.organisation) == ("", "", "ZZGP01")
        assert (await opened.state("gateway")).given == 0


async def came_up(opened: World, patient: str, why: str) -> None:
    """Let something be written by which a person is not to be told."""
    person = await opened.house.read(patient)
    section = {"category": [{"coding": [{"system": code_system("section"), "code": "safeguarding"}]}]}
    label = {"meta": {"security": [{"system": ACT_CODE, "code": "NOPAT"}]}}
    changes = {
        "died": lambda: update(patient, 1, {**person, "deceasedDateTime": instant(opened.time.now)}),
        "protected": lambda: update(patient, 1, flagged(person, "R")),
        "safeguarding": lambda: create(note(patient, "x", **section)),
        "NOPAT": lambda: create(note(patient, "x", **label)),
    }
    await opened.house.write(changes[why]())


async def test_who_has_no_number_any_more_is_for_people_to_tell(keys_home: Path, tmp_path: Path) -> None:
    """The gateway would not know whom to write to, so the holder's officers hear of it at once."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        number, patient = await admitted(opened, 845)
        opened.places["gateway"].down = Unreachable("x")
        await read_in_an_emergency(opened, number)
        await opened.run()
        person = await opened.house.read(patient)
        other = [{"system": "https://example.org/ids", "value": "845"}]
        await opened.house.write(update(patient, 1, {**person, "identifier": other}))
        opened.places["gateway"].down = None
        await later(opened, 0.2)
        assert opened.places["gateway"].notices == []
        assert len(await not_told(opened)) == 1
        assert await opened.waiting() == 0


async def test_without_a_gateway_a_notice_waits(keys_home: Path, tmp_path: Path) -> None:
    """As long as it takes, and another partner gets nothing of it; one that comes carries what is not too old."""
    async with world(keys_home, tmp_path, member()) as opened:
        number, _ = await admitted(opened, 850)
        await read_in_an_emergency(opened, number)
        await later(opened, 1.0)
        assert await opened.waiting() == 1
        assert opened.places["hospice"].notices == []
        assert await not_told(opened) == []
        opened.members["gateway"], opened.places["gateway"] = gateway(), Place()
        come = opened.another()
        await step_until_quiet(come)
        assert [one.nhs_number for one in opened.places["gateway"].notices] == [number]
        await come.relay.finish()


async def test_a_gateway_is_told_of_no_plan(keys_home: Path, tmp_path: Path) -> None:
    """Whatever is written, read and refused."""
    async with world(keys_home, tmp_path, gateway(people="locality")) as opened:
        number, patient = await admitted(opened, 851)
        await opened.house.write(create(note(patient, "heliotrope")))
        await read_in_an_emergency(opened, number)
        await opened.run(forward=40)
        place = opened.places["gateway"]
        assert (place.parcels, len(place.notices)) == ([], 1)
        assert "heliotrope" not in place.notices[0].sentence


async def test_each_locality_has_a_gateway_of_its_own(keys_home: Path, tmp_path: Path) -> None:
    """By the person's place of care; the rest go by that of the deployment, if there is one."""
    folder = tmp_path / "localities"
    folder.mkdir()
    for name, place in (("north", "ZZGP01"), ("south", "ZZGP02")):
        locality(folder, name, [place])
    partners = gateway(), gateway("north", "ZZAPP2", locality="north")
    async with world(keys_home, tmp_path, *partners, localities=folder) as opened:
        numbers = [
            (await admitted(opened, 860 + at, generalPractitioner=[practice(code)]))[0]
            for at, code in enumerate(("ZZGP01", "ZZGP02", "ZZGP09"))
        ]
        await read_in_an_emergency(opened, *numbers)
        await opened.run(forward=2)
        told_by = {name: sorted(one.nhs_number for one in place.notices) for name, place in opened.places.items()}
        assert told_by == {"north": numbers[:1], "gateway": sorted(numbers[1:])}


def practice(code: str) -> dict[str, Any]:
    """Return a reference to a practice."""
    return {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": code}}


async def test_a_paused_gateway_sends_nothing_and_people_are_told_all_the_same(keys_home: Path, tmp_path: Path) -> None:
    """Whoever paused it sees what that does."""
    async with world(keys_home, tmp_path, gateway()) as opened:
        number, _ = await admitted(opened, 852)
        await opened.engine.board.pause("gateway", "Engineer Example", opened.time.now)
        await opened.run(forward=3)
        await read_in_an_emergency(opened, number)
        await later(opened, 24.1)
        assert opened.places["gateway"].notices == []
        assert len(await not_told(opened)) == 1
        await opened.engine.board.resume("gateway", "Engineer Example", opened.time.now)
        await later(opened, 0.1)
        assert len(opened.places["gateway"].notices) == 1
