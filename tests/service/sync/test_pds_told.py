"""What PDS says reaches the partners: another number, a death, and that nobody may learn where somebody lives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Cause
from adapters.errors import NumberInvalidated
from fhir_profiles import json
from service.people.invented import nhs_number
from service.sync.pds_apply import ApplyPds
from tests.service.record.house import person
from tests.service.sync.partner import Place, member
from tests.service.sync.test_pds_apply import Said, system
from tests.service.sync.world import World, world

NEW = nhs_number(615_001)


@pytest.fixture
async def opened(keys_home: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with world(keys_home, tmp_path, member()) as running:
        yield running


async def admitted(opened: World, said: Said, index: int) -> tuple[str, dict[str, Any], dict[str, Any], ApplyPds]:
    """Let a plan arrive at the partner; return number, Patient as sent, what PDS knows of them, and what applies."""
    number, bundle = person(index, place="hospice")
    await opened.house.post(bundle)
    await opened.run()
    patient = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
    family = next(one["family"] for one in patient["name"] if "family" in one)
    known = {"name": [{"use": "usual", "family": family}], "birthDate": patient["birthDate"], "gp": "ZZGP01"}
    return number, patient, known, ApplyPds.of(opened.house.writing, said, system)


def held(place: Place, kind: str) -> list[dict[str, Any]]:
    """Return what the partner holds of a type now."""
    return [one.contents[-1] for name, one in place.here.items() if name.startswith(f"{kind}/")]


async def test_partners_are_told_of_a_new_number(opened: World) -> None:
    said, place = Said(), opened.places["hospice"]
    number, _, known, apply = await admitted(opened, said, 300)
    said.says(NEW, **known)
    said.superseded[number] = NEW
    await apply(number)
    await opened.run()
    [patient] = held(place, "Patient")
    numbers = {one["value"]: one.get("use") for one in patient["identifier"]}
    assert (numbers[NEW], numbers[number]) == ("official", "old")
    given = len(place.effects)
    await apply(number)
    await opened.run()
    assert len(place.effects) == given


async def test_where_somebody_lives_leaves_every_partner_and_comes_back(opened: World) -> None:
    said, place = Said(), opened.places["hospice"]
    number, sent, known, apply = await admitted(opened, said, 301)
    [before] = held(place, "Patient")
    assert before["address"] == sent["address"]
    said.says(number, flag="R", **known)
    await apply(number)
    await opened.run()
    [patient] = held(place, "Patient")
    assert "address" not in patient
    lines = [line for one in sent["address"] for line in one.get("line", ())]
    everything = json.encode([one.contents[-1] for one in place.here.values()]).decode()
    assert lines
    assert not [line for line in lines if line in everything]
    assert place.parcels[-1].cause is Cause.WITHDRAWAL
    said.says(number, flag="U", **known)
    await apply(number)
    await opened.run()
    assert held(place, "Patient")[0]["address"] == sent["address"]


async def test_a_frozen_record_is_taken_back_from_partners(opened: World) -> None:
    said, place = Said(), opened.places["hospice"]
    number, _, known, apply = await admitted(opened, said, 302)
    assert place.here
    said.people[number] = NumberInvalidated()
    await apply(number)
    await opened.run()
    assert place.here == {}
    said.says(number, **known)
    await apply(number)
    await opened.run()
    assert held(place, "Patient")


async def test_a_death_goes_first(opened: World) -> None:
    said, place = Said(), opened.places["hospice"]
    number, _, known, apply = await admitted(opened, said, 303)
    said.says(number, status="1", died="2026-11-01", **known)
    await apply(number)
    await opened.run()
    assert place.parcels[-1].cause is Cause.DEATH
    assert held(place, "Patient")[0]["deceasedDateTime"] == "2026-11-01"
