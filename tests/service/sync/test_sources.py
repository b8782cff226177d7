"""Every emergency answer says when the systems of those who care for the person were last heard from (H5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.errors import Unreachable
from fhir_profiles import json
from service.record.sources import SOURCE_SYNC
from tests.service.record.house import OTHER_STYLE, person
from tests.service.sync.messages import message, preferred_place, whom
from tests.service.sync.partner import member
from tests.service.sync.world import World, world

SENDING: dict[str, Any] = {"sends": True, "limits": {"poll_every": 10.0}}


async def heard(opened: World, number: str, *, ready: bool = True) -> list[dict[str, Any]]:
    """Return what the answer says of its sources: the one that lies ready, or one put together for the caller."""
    style = opened.house.services.operations.style if ready else OTHER_STYLE
    said = json.decode((await opened.emergency_composition(number, style)).encode())
    found = [one for one in said["extension"] if one["url"] == SOURCE_SYNC]
    return [
        {part["url"]: next(v for k, v in part.items() if k.startswith("value")) for part in one["extension"]}
        for one in found
    ]


async def hospice_writes(opened: World, index: int) -> str:
    """Write a plan of the practice's, let the hospice send something of it, and return the NHS number."""
    number, bundle = person(index, place="hospice")
    await opened.house.post(bundle)
    await opened.run()
    said = message(whom(bundle, number), "Observation/77", "1", preferred_place("At the hospice"))
    opened.places["hospice"].outbox[:] = [said]
    await opened.run(forward=16)
    return number


async def test_a_source_is_named_with_its_time_and_with_its_silence(keys_home: Path, tmp_path: Path) -> None:
    """Heard from, then away: the answer says both; a partner that only gets, or cares for others, is not named."""
    partners = (member(**SENDING), member("surgery", "ZZGP01", "gp"), member("elsewhere", "ZZHSP2", **SENDING))
    async with world(keys_home, tmp_path, *partners) as opened:
        number = await hospice_writes(opened, 51)
        (one,) = await heard(opened, number)
        assert (one["name"], one["away"], one["organization"]["value"]) == ("The hospice", False, "ZZHSP1")
        last = one["last-sync"]
        opened.places["hospice"].down = Unreachable("x")
        await opened.run(forward=3)
        opened.time.forward(3_600)
        await opened.run(forward=8)
        (one,) = await heard(opened, number)
        assert (one["away"], one["last-sync"] >= last) == (True, True)


async def test_a_source_that_never_answered_has_no_time_and_is_away(keys_home: Path, tmp_path: Path) -> None:
    """What the practice wrote is shown, and its own system was not heard from yet."""
    async with world(keys_home, tmp_path, member("surgery", "ZZGP01", "gp", **SENDING)) as opened:
        opened.places["surgery"].down = Unreachable("x")
        number, bundle = person(52, place="hospice")
        await opened.house.post(bundle)
        await opened.run(forward=8)
        (one,) = await heard(opened, number)
        assert one["away"] is True
        assert "last-sync" not in one


@pytest.mark.parametrize("ready", [True, False])
async def test_who_cares_for_somebody_and_wrote_nothing_that_is_shown_is_not_named(
    keys_home: Path, tmp_path: Path, ready: bool
) -> None:
    """That an organisation cares for a person can be as private as what it wrote (5.5): ready made or put together."""
    async with world(keys_home, tmp_path, member(**SENDING)) as opened:
        number, bundle = person(53, place="hospice")
        await opened.house.post(bundle)
        await opened.run(forward=8)
        assert "ZZHSP1" in (await opened.house.record_of(number)).manifest.relations
        assert await heard(opened, number, ready=ready) == []


async def test_the_answer_that_lies_ready_names_the_same_sources(keys_home: Path, tmp_path: Path) -> None:
    """As the one that is put together for a caller."""
    async with world(keys_home, tmp_path, member(**SENDING)) as opened:
        number = await hospice_writes(opened, 54)
        assert await heard(opened, number, ready=True) == await heard(opened, number, ready=False) != []
