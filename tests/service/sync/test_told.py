"""What a commit causes: one delivery for each partner that is concerned, with the most urgent reason that it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Cause
from fhir_profiles.terminology import SNOMED
from service.plan import vocabulary as v
from service.record.changes import Change
from service.sync.due import REMOVALS, Due
from tests.service.record.house import delete, doctor, person, update
from tests.service.sync.consents import refusal
from tests.service.sync.partner import member
from tests.service.sync.world import World, world

Changing = Callable[[World, list[str]], Awaitable[list[Change]]]


async def causes(opened: World) -> list[Due]:
    """Return what waits, in the order of commits."""
    return [opened.dues.open(one) for one in await opened.house.opened.store.waiting(b"", 100)]


async def changed(opened: World, references: list[str], kind: str, **said: Any) -> Change:
    """Return a change of the first resource of a type."""
    reference = next(one for one in references if one.startswith(f"{kind}/"))
    return update(reference, 1, {**await opened.house.read(reference), **said})


async def cpr_of(opened: World, references: list[str]) -> str:
    """Return the reference of the CPR decision."""
    for reference in references:
        if reference.startswith("Observation/"):
            coding = (await opened.house.read(reference))["code"].get("coding", [{}])[0]
            if (coding.get("system"), coding.get("code")) == (SNOMED, v.RESUSCITATION_STATUS):
                return reference
    raise AssertionError("the person has a CPR decision")


async def _medicine(opened: World, references: list[str]) -> list[Change]:
    return [await changed(opened, references, "MedicationRequest", note=[{"text": "Said again"}])]


async def _decision(opened: World, references: list[str]) -> list[Change]:
    cpr = await cpr_of(opened, references)
    said = await opened.house.read(cpr)
    return [update(cpr, 1, {**said, "note": [{"text": "Talked about again"}]}), *await _medicine(opened, references)]


async def _revocation(opened: World, references: list[str]) -> list[Change]:
    return [*await _medicine(opened, references), delete(await cpr_of(opened, references), 1)]


async def _withdrawal(opened: World, references: list[str]) -> list[Change]:
    return [await refusal(opened, references, "ZZCOM1"), *await _medicine(opened, references)]


async def _end(opened: World, references: list[str]) -> list[Change]:
    return [await changed(opened, references, "CareTeam", status="inactive")]


async def _death(opened: World, references: list[str]) -> list[Change]:
    died = await changed(opened, references, "Patient", deceasedDateTime="2026-03-02T08:00:00Z")
    return [died, delete(await cpr_of(opened, references), 1)]


@pytest.mark.parametrize(
    ("changing", "cause"),
    [
        (_medicine, Cause.CHANGE),
        (_decision, Cause.DECISION),
        (_revocation, Cause.REVOCATION),
        (_withdrawal, Cause.WITHDRAWAL),
        (_end, Cause.WITHDRAWAL),
        (_death, Cause.DEATH),
    ],
)
async def test_the_most_urgent_reason_is_told(
    keys_home: Path, tmp_path: Path, changing: Changing, cause: Cause
) -> None:
    async with world(keys_home, tmp_path, member()) as opened:
        number, bundle = person(60, place="hospice")
        references = await opened.house.post(bundle)
        first = await causes(opened)
        await opened.house.write(*await changing(opened, references))
        told = (await causes(opened))[len(first) :]
        assert [one.partner for one in told[:-1]] == [REMOVALS] * (changing is _withdrawal), "whom to ask for removal"
        due = told[-1]
        record = await opened.house.record_of(number)
        assert (due.cause, due.partner, due.record, due.sequence) == (cause, "hospice", record.record_id, 2)


async def test_whom_it_concerns(keys_home: Path, tmp_path: Path) -> None:
    """Those related before or after, or in the locality; not those that get nothing, nor the system that wrote it."""
    partners = [
        member(),
        member("elsewhere", "ZZHSP2"),
        member("silent", "ZZHSP1", gets=False),
        member("everybody", "ZZCAD1", "ambulance", people="locality"),
    ]
    async with world(keys_home, tmp_path, *partners) as opened:
        _, bundle = person(61, place="hospice")
        references = await opened.house.post(bundle)
        assert sorted(due.partner for due in await causes(opened)) == ["everybody", "hospice"]
        before = len(await causes(opened))
        author = opened.members["hospice"].caller("request-1")
        await opened.house.write(*await _medicine(opened, references), caller=author)
        assert [due.partner for due in (await causes(opened))[before:]] == ["everybody"]


async def test_a_lane_tells_neither_partner_nor_person(keys_home: Path, tmp_path: Path) -> None:
    """Each person and partner has one of its own; what waits is of one size, and opens with our keys only."""
    async with world(keys_home, tmp_path, member(), member("day-centre", "ZZHSP1")) as opened:
        for index in (62, 63):
            await opened.house.post(person(index, place="hospice")[1], doctor())
        waiting = await opened.house.opened.store.waiting(b"", 100)
        assert len({one.lane for one in waiting}) == len(waiting) == 4
        assert len({len(one.sealed) for one in waiting}) == 1
        assert all(b"hospice" not in one.sealed + one.lane for one in waiting)
