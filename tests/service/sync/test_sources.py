"""Every emergency answer says when the systems of those who care for the person were last heard from (H5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.errors import Unreachable
from fhir_profiles import json
from service.record.sources import SOURCE_SYNC
from tests.service.record.house import person
from tests.service.sync.partner import member
from tests.service.sync.world import World, world


async def heard(opened: World, number: str) -> list[dict[str, Any]]:
    """Return what the answer says of its sources."""
    said = json.decode((await opened.emergency_composition(number)).encode())
    found = [one for one in said["extension"] if one["url"] == SOURCE_SYNC]
    return [
        {part["url"]: next(v for k, v in part.items() if k.startswith("value")) for part in one["extension"]}
        for one in found
    ]


async def test_a_source_is_named_with_its_time_and_with_its_silence(keys_home: Path, tmp_path: Path) -> None:
    """Heard from, then away: the answer says both; a partner that only gets, or cares for others, is not named."""
    sending: dict[str, Any] = {"sends": True, "limits": {"poll_every": 10.0}}
    partners = (member(**sending), member("surgery", "ZZGP01", "gp"), member("elsewhere", "ZZHSP2", **sending))
    async with world(keys_home, tmp_path, *partners) as opened:
        number, bundle = person(51, place="hospice")
        await opened.house.post(bundle)
        await opened.run(forward=8)
        (one,) = await heard(opened, number)
        assert (one["name"], one["away"], one["organization"]["value"]) == ("The hospice", False, "ZZHSP1")
        last = one["last-sync"]
        opened.places["hospice"].down = Unreachable("x")
        await opened.run(forward=3)
        opened.time.forward(3_600)
        await opened.run(forward=8)
        (one,) = await heard(opened, number)
        assert (one["away"], one["last-sync"] >= last) == (True, True)


async def test_nothing_is_said_before_anything_was_heard(keys_home: Path, tmp_path: Path) -> None:
    """A source that never answered has no time, and is away."""
    async with world(keys_home, tmp_path, member(sends=True)) as opened:
        opened.places["hospice"].down = Unreachable("x")
        number, bundle = person(52, place="hospice")
        await opened.house.post(bundle)
        await opened.run(forward=8)
        (one,) = await heard(opened, number)
        assert one["away"] is True
        assert "last-sync" not in one
