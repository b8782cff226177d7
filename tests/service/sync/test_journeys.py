"""Whole stories of sync: a day away, a withdrawal that meets what is on its way, the night the clocks go back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Message
from adapters.errors import Unreachable
from fhir_profiles.terminology import FOR_CPR
from service.sync import ours
from tests.service.record.house import create, person, update
from tests.service.sync.consents import refusal
from tests.service.sync.messages import allergy, cpr, message, whom
from tests.service.sync.partner import member
from tests.service.sync.world import World, world

HOSPICE: dict[str, Any] = {"sends": True, "limits": {"poll_every": 5.0, "retry_base": 1.0, "retry_cap": 60.0}}
PEOPLE = 8


async def admitted(opened: World, index: int) -> tuple[str, dict[str, Any], list[str]]:
    """Write a plan and let it arrive; return the NHS number, the person as the partner knows them, and references."""
    number, bundle = person(index, place="hospice")
    references = await opened.house.post(bundle)
    await opened.run()
    return number, whom(bundle, number), references


async def test_a_day_away(keys_home: Path, tmp_path: Path) -> None:
    """What changed meanwhile arrives once, as it is now, each person's in order; people see when it was away."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        place = opened.places["hospice"]
        people = [await admitted(opened, index) for index in range(70, 70 + PEOPLE)]
        before = len(place.effects)
        place.down = Unreachable("x")
        changed: dict[str, str] = {}
        made: list[str] = []
        for hour in range(24):
            _, _, references = people[hour % PEOPLE]
            medicine = next(one for one in references if one.startswith("MedicationRequest/"))
            resource = await opened.house.read(medicine)
            words = changed[medicine] = f"hour {hour}"
            version = int(resource["meta"]["versionId"])
            await opened.house.write(update(medicine, version, {**resource, "note": [{"text": words}]}))
            patient = next(one for one in references if one.startswith("Patient/"))
            new = {**allergy(words), "patient": {"reference": patient}}
            (result,) = await opened.house.write(create(new))
            made.append(result.reference)
            await opened.run(forward=2)
            opened.time.forward(3_600)
        assert len(place.effects) == before
        asked = len(place.parcels)
        place.down = None
        await opened.run(forward=62)
        after = [reference for _, reference in place.effects[before:]]
        assert sorted(after) == sorted([*changed, *made]), "a resource that changed three times arrives once"
        for medicine, words in changed.items():
            assert place.now(medicine)["note"] == [{"text": words}]
        for index in range(PEOPLE):
            assert [one for one in after if one in made[index::PEOPLE]] == made[index::PEOPLE]
        assert len(place.parcels) - asked <= PEOPLE + 1
        state = await opened.state()
        assert [event.what for event in state.events] == ["away", "back"]
        assert await opened.waiting() == 0


async def test_consent_withdrawn_between_commit_and_send(keys_home: Path, tmp_path: Path) -> None:
    """The change that was committed before the refusal never leaves."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        _, _, references = await admitted(opened, 80)
        place = opened.places["hospice"]
        parcels = len(place.parcels)
        medicine = next(one for one in references if one.startswith("MedicationRequest/"))
        said = {**await opened.house.read(medicine), "note": [{"text": "Not for the hospice"}]}
        await opened.house.write(update(medicine, 1, said))
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.run()
        assert all(not parcel.puts for parcel in place.parcels[parcels:])
        assert place.here == {}


async def test_consent_withdrawn_while_it_is_being_sent(keys_home: Path, tmp_path: Path) -> None:
    """A long parcel ends after the effect that is on its way; what arrived is removed again."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        place = opened.places["hospice"]
        place.gate = asyncio.Event()
        _, bundle = person(81, place="hospice")
        references = await opened.house.post(bundle)
        await opened.relay.step()
        while not place.parcels:  # noqa: ASYNC110 - until it is at the gate
            await asyncio.sleep(0)
        await opened.house.write(await refusal(opened, references, "ZZHSP1"))
        await opened.relay.step()
        place.gate.set()
        await opened.run()
        assert [what for what, _ in place.effects] == ["put", "remove"]
        assert place.here == {}
        assert await opened.waiting() == 0


@pytest.mark.parametrize("late", [False, True])
async def test_a_revocation_in_the_hour_that_comes_twice(keys_home: Path, tmp_path: Path, late: bool) -> None:
    """Decided at 01:30 BST, taken back at 01:15 GMT, three quarters of an hour later: whichever arrives first."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        opened.time.now = datetime(2026, 10, 25, 0, 20, tzinfo=UTC)
        number, known, _ = await admitted(opened, 82)
        decided = cpr(FOR_CPR, "2026-10-25T01:30:00+01:00")
        taken_back = {**decided, "status": "entered-in-error"}
        first = message(known, "Observation/1", "1", decided, "2026-10-25T01:30:00+01:00")
        second = message(known, "Observation/1", "2", taken_back, "2026-10-25T01:15:00+00:00")
        opened.time.now = datetime(2026, 10, 25, 1, 20, tzinfo=UTC)
        for one in [second, first] if late else [first, second]:
            opened.places["hospice"].outbox[:] = [one]
            await opened.run(forward=6)
        (resource,) = await here(opened, number, "Observation/1")
        assert resource["status"] == "entered-in-error"
        state = await opened.state()
        assert [event.what for event in state.events] == (["late"] if late else [])
        assert await opened.engine.board.troubles("hospice") == []


async def test_a_poisoned_message_is_nobody_elses_trouble(keys_home: Path, tmp_path: Path) -> None:
    """It is parked whole, once; what came before and after it, of the same person too, is taken in."""
    async with world(keys_home, tmp_path, member(**HOSPICE)) as opened:
        number, known, _ = await admitted(opened, 83)
        other, known_other, _ = await admitted(opened, 84)
        poisoned = [
            Message("truncated", b'{"whom": {"nhs_number"'),
            Message("not text", b"\xff\xfe\x00"),
            Message("nothing", b""),
            Message("deep", b"[" * 5_000),
            message(known, "AllergyIntolerance/3", "1", {"resourceType": "AllergyIntolerance", "code": 7}),
        ]
        opened.places["hospice"].outbox[:] = [
            message(known, "AllergyIntolerance/1", "1", allergy("Latex")),
            *poisoned,
            message(known, "AllergyIntolerance/2", "1", allergy("Nuts")),
            message(known_other, "AllergyIntolerance/4", "1", allergy("Eggs")),
        ]
        await opened.run(forward=12)
        assert len(await opened.engine.board.troubles("hospice")) == len(poisoned)
        for theirs, whose in (("1", number), ("2", number), ("4", other)):
            assert len(await here(opened, whose, f"AllergyIntolerance/{theirs}")) == 1


async def here(opened: World, number: str, theirs: str) -> list[dict[str, Any]]:
    """Return the resources of a record that came from a resource of the partner."""
    record = await opened.house.record_of(number)
    resources = [await opened.house.read(one.reference) for one in record.entries.values() if not one.deleted]
    return [one for one in resources if ours.is_from(one, "hospice", theirs)]
