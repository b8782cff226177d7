"""The control room: the answer when an incident opens, once; flags that stand where permitted people stay, and else
nowhere."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.errors import Overloaded, Unreachable
from fhir_profiles import json
from security.consent_elements import period_of
from service.plan.particulars import Dwelling, Particulars
from tests.service.record.house import doctor
from tests.service.sync.consents import permission, refusal, sharing_consent
from tests.service.sync.control_rooms import AMBULANCE, Rooms, Someone, rooms
from tests.service.sync.noticed import entries

Json = dict[str, Any]
HOME = {"use": "home", "line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}
HOSPICE = {"use": "temp", "line": ["Sample Hospice"], "postalCode": "ZZ99 2BB"}
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
RESTRICTED = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}


async def test_the_answer_is_there_as_soon_as_the_incident_opens_and_once(keys_home: Path, tmp_path: Path) -> None:
    async with rooms(keys_home, tmp_path) as opened:
        someone = await opened.admitted(1, HOME, related=False)
        await opened.opens(someone.number)
        await opened.run()
        (answer,) = opened.wire.answers["CAD-1"]
        patient = next(one["resource"] for one in answer["entry"] if one["resource"]["resourceType"] == "Patient")
        assert [one["value"] for one in patient["identifier"] if one["value"] == someone.number] == [someone.number]
        assert answer["entry"][0]["resource"]["resourceType"] == "Composition"
        (entry,) = await entries(opened.world, AMBULANCE, "$emergency-summary")
        assert (entry.client_id, entry.incident) == ("room-system", "CAD-1")
        assert (
            someone.number not in json.encode({k: v for k, v in opened.wire.events[-1].items() if k != "data"}).decode()
        )
        await opened.opens(someone.number)  # the same again is the same incident
        await opened.run(seconds=5)
        assert len(opened.wire.answers["CAD-1"]) == 1
        await opened.opens(someone.number, "CAD-2")
        await opened.run()
        assert len(opened.wire.answers["CAD-2"]) == 1


async def test_nothing_is_pushed_where_nothing_is_open_and_nobody_can_tell_why(keys_home: Path, tmp_path: Path) -> None:
    async with rooms(keys_home, tmp_path) as opened:
        someone = await opened.admitted(2, HOME, related=False)
        await opened.world.house.write(await refusal(opened.world, someone.references, AMBULANCE))
        other = await opened.admitted(3, HOME, related=False)
        await opened.opens(someone.number, "CAD-refused")
        await opened.opens("9990000018", "CAD-absent")
        await opened.opens(other.number, "CAD-elsewhere", "ZZAMB9")
        closed = await opened.opens(other.number, "CAD-closed")
        await opened.register.close(doctor("ZZCAD1"), closed)
        place = Particulars(dwellings=(Dwelling("1", "example road", "ZZ991AA", "exampleton"),))
        await opened.register.open(doctor("ZZCAD1"), place, AMBULANCE, "CAD-place")
        await opened.run(seconds=3)
        assert opened.wire.events == []
        assert await opened.world.waiting() == 0
        asked = await entries(opened.world, AMBULANCE, "$emergency-summary")
        assert [one.permitted for one in asked if one.client_id == "room-system"] == [False, False]


async def test_many_calls_to_people_without_a_plan_lock_nobody_out(keys_home: Path, tmp_path: Path) -> None:
    async with rooms(keys_home, tmp_path) as opened:
        someone = await opened.admitted(4, HOME, related=False)
        for number in range(30):
            await opened.opens("9990000018", f"CAD-none-{number}")
        await opened.opens(someone.number)
        await opened.run(seconds=2)
        assert list(opened.wire.answers) == ["CAD-1"]


async def test_an_answer_waits_for_a_room_that_is_away_and_not_longer_than_the_incident(
    keys_home: Path, tmp_path: Path
) -> None:
    async with rooms(keys_home, tmp_path) as opened:
        someone = await opened.admitted(5, HOME, related=False)
        opened.wire.down = Overloaded()
        await opened.opens(someone.number)
        other = await opened.opens(someone.number, "CAD-2")
        await opened.run(seconds=2)
        await opened.register.close(doctor("ZZCAD1"), other)
        opened.wire.down = None
        await opened.run(seconds=120)
        assert {name: len(found) for name, found in opened.wire.answers.items()} == {"CAD-1": 1}


async def test_a_flag_rests_on_no_incident(keys_home: Path, tmp_path: Path) -> None:
    async with rooms(keys_home, tmp_path) as opened:
        someone = await opened.admitted(6, HOME)
        await opened.run()
        assert opened.wire.standing(opened.world.time.now) == ["ZZ99 1AA"]
        await opened.opens(someone.number)
        await opened.relates(someone, False)
        await opened.run(seconds=2)
        assert opened.wire.standing(opened.world.time.now) == []
        assert opened.wire.answers


async def test_a_flag_says_nothing_of_the_person_or_the_plan(keys_home: Path, tmp_path: Path) -> None:
    async with rooms(keys_home, tmp_path) as opened:
        someone = await opened.admitted(7, HOME)
        await opened.run()
        (event,) = opened.wire.events
        said = json.encode(event).decode()
        patient = await opened.world.house.read(someone.the("Patient"))
        for hidden in (someone.number, patient["name"][0]["family"], patient["birthDate"], *someone.references):
            assert hidden not in said
        assert event["data"]["flags"] == [
            {"address": {"line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}, "says": "A plan exists: ask."}
        ]
        sent = await entries(opened.world, AMBULANCE, "$sync-send")
        assert len(sent) == 1


_person = st.integers(0, 1)
_day = st.integers(-3, 12)
HAPPENINGS: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(
        st.just("moves"),
        _person,
        st.lists(st.tuples(st.sampled_from(("home", "temp", "old")), st.integers(1, 4), _day, _day), max_size=3),
    ),
    st.tuples(st.sampled_from(("refuses", "permits", "dies", "lives", "joins", "leaves", "calls")), _person),
    st.tuples(st.just("restricted"), _person),
    st.tuples(st.just("passes"), st.integers(1, 4)),
    st.tuples(st.sampled_from(("away", "back", "loses"))),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(happenings=st.lists(HAPPENINGS, min_size=1, max_size=12))
def test_flags_equal_the_current_addresses_of_permitted_people_after_any_history(
    keys_home: Path, happenings: list[tuple[Any, ...]]
) -> None:
    asyncio.run(_played(keys_home, happenings))


async def _played(keys: Path, happenings: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with rooms(keys, Path(folder)) as opened:
            lives = [await Life.begun(opened, index) for index in (0, 1)]
            for what, *arguments in happenings:
                if what in ("away", "back", "loses"):
                    opened.wire.down = Unreachable("x") if what == "away" else None
                    opened.wire.lost += [Unreachable("x")] if what == "loses" else []
                elif what == "passes":
                    opened.world.time.forward(86_400.0 * arguments[0])
                else:
                    await getattr(lives[arguments[0]], what)(*arguments[1:])
                await opened.run()
            opened.wire.down = None
            opened.wire.lost.clear()
            for _ in range(8):
                opened.world.time.forward(301.0)
                await opened.run()
            assert await opened.world.waiting() == 0
            now = opened.world.time.now
            for _ in range(6):  # and so it stays while days pass and nothing is sent
                expected = sorted({code for life in lives for code in life.stays(now)})
                assert opened.wire.standing(now) == expected
                now += timedelta(hours=47)


class Life:
    """One person's life as it is told to the practice, and what follows from it for flags."""

    def __init__(self, opened: Rooms, someone: Someone, index: int) -> None:
        self.opened, self.someone, self.index = opened, someone, index
        self.addresses: list[Json] = [self._at("home", 0, "", "")]
        self.related, self.refused, self.dead, self.hidden = True, False, False, False

    @classmethod
    async def begun(cls, opened: Rooms, index: int) -> Life:
        life = cls(opened, Someone("", []), index)
        life.someone = await opened.admitted(20 + index, *life.addresses)
        return life

    async def moves(self, stays: list[tuple[str, int, int, int]]) -> None:
        today = self.opened.world.time.now
        days = [[(today + timedelta(days=day)).date().isoformat() for day in one[2:]] for one in stays]
        self.addresses = [self._at(one[0], one[1], *when) for one, when in zip(stays, days, strict=True)]
        await self._patient(address=self.addresses or None)

    async def refuses(self) -> None:
        await self._consents(refused=True)

    async def permits(self) -> None:
        await self._consents(refused=False)

    async def dies(self) -> None:
        self.dead = True
        await self._patient(deceasedBoolean=True)

    async def lives(self) -> None:
        self.dead = False
        await self._patient(deceasedBoolean=None)

    async def joins(self) -> None:
        self.related = True
        await self.opened.relates(self.someone, True)

    async def leaves(self) -> None:
        self.related = False
        await self.opened.relates(self.someone, False)

    async def calls(self) -> None:
        await self.opened.opens(self.someone.number, f"CAD-{self.index}")

    async def restricted(self) -> None:
        if not self.hidden:
            said = await self.opened.world.house.read(self.someone.the("Patient"))
            await self._patient(meta={**said["meta"], **RESTRICTED})
            self.hidden = True

    def stays(self, now: datetime) -> list[str]:
        if not self.related or self.refused or self.dead or self.hidden:
            return []
        moment, there = int(now.timestamp() * 1_000_000), []
        for one in self.addresses:
            start, end, _ = period_of(one.get("period"))
            if one["use"] != "old" and (start is None or start <= moment) and (end is None or moment < end):
                there.append((one["use"] == "temp", -1 if start is None else start, one["postalCode"]))
        best = max(((rank, start) for rank, start, _ in there), default=None)
        return [code for rank, start, code in there if (rank, start) == best]

    def _at(self, use: str, number: int, start: str, end: str) -> Json:
        period = {name: value for name, value in (("start", start), ("end", max(start, end))) if value}
        place = {"use": use, "line": [f"{number} Example Road"], "postalCode": f"ZZ9{self.index} {number}AA"}
        return {**place, "period": period} if period else place

    async def _patient(self, **elements: Any) -> None:
        """Change the Patient, as long as the practice sees all of it: what is hidden from a writer it cannot change."""
        if not self.hidden:
            await self.opened.patient_with(self.someone, **elements)

    async def _consents(self, *, refused: bool) -> None:
        if self.refused != refused:
            self.refused = refused
            record = await self.opened.world.house.record_of(self.someone.number)
            consent = await sharing_consent(self.opened.world, self.someone.references)
            change = refusal(self.opened.world, self.someone.references, AMBULANCE, record.entries[consent].version)
            if not refused:
                change = permission(self.opened.world, self.someone.references, record.entries[consent].version)
            await self.opened.world.house.write(await change)


@pytest.mark.parametrize("status", ["1", "2"])
async def test_a_formal_death_takes_the_flag_away_and_a_reported_one_does_not(
    keys_home: Path, tmp_path: Path, status: str
) -> None:
    async with rooms(keys_home, tmp_path) as opened:
        someone = await opened.admitted(8, HOME)
        url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-DeathNotificationStatus"
        system = "https://fhir.hl7.org.uk/CodeSystem/UKCore-DeathNotificationStatus"
        coded = {
            "url": "deathNotificationStatus",
            "valueCodeableConcept": {"coding": [{"system": system, "code": status}]},
        }
        await opened.patient_with(
            someone, deceasedDateTime="2026-11-01", extension=[{"url": url, "extension": [coded]}]
        )
        await opened.run()
        assert opened.wire.standing(opened.world.time.now) == (["ZZ99 1AA"] if status == "1" else [])
