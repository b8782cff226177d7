"""From an event to the record and its partners, with PDS as it is asked and applied: a strict stand-in on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.base import Cause
from adapters.mesh_inbox import Inbox
from adapters.nems import NemsAdapter
from adapters.nems_event import WORKFLOWS
from service.people.invented import nhs_number
from service.record.registration import reference_to
from service.sync import look_again
from service.sync.pds_apply import ApplyPds
from service.sync.pds_looks import LooksAtPds
from tests.adapters.mesh_small import World as Mesh
from tests.adapters.pds_world import World as PdsWorld
from tests.adapters.pds_world import pds_world
from tests.service.record.house import create
from tests.service.record.house import patient as made
from tests.service.sync.looking import NEMS, LinkedTime, Looking, PdsOfTheTests
from tests.service.sync.partner import member
from tests.service.sync.world import world
from tests.standins.events import GP, nems
from tests.standins.pds import person

NUMBER, OURS = made(13_000)
NEW = nhs_number(613_001)
DIED = "2026-10-31"


@dataclass
class Journey(Looking):
    """The service and the mailbox, and PDS behind its own client."""

    at: PdsWorld

    async def record(self, number: str = NUMBER) -> Any:
        """Return what the record knows of itself."""
        return (await self.opened.house.record_of(number)).manifest


class _Later:
    """Looks people up with what there is once the service is open."""

    looks: LooksAtPds

    async def __call__(self, nhs_number: str) -> look_again.PdsSays:
        return await self.looks(nhs_number)


@asynccontextmanager
async def journey(keys: Path, home: Path, *others: Any, **of_person: Any) -> AsyncIterator[Journey]:
    """Open it all, with one person who has a record."""
    time, later = LinkedTime(), _Later()
    mesh = Mesh(time)
    adapter = NemsAdapter(mesh.mailbox, Inbox(mesh.mailbox, 1_000_000), WORKFLOWS)
    system = member("pds", "ZZPDS1", sends=True, gets=False)
    with pds_world(home) as at:
        client = at.client()
        members = (member("nems", "ZZNHS1", **NEMS), *others)
        async with world(keys, home, *members, sources={"nems": adapter}, pds=later) as opened:
            time.linked = opened
            later.looks = LooksAtPds(ApplyPds.of(opened.house.writing, client, system.caller))
            placed = {"generalPractitioner": [reference_to("ZZGP01")], "managingOrganization": reference_to("ZZGP01")}
            await opened.house.write(create({**OURS, **placed, **of_person}))
            await opened.run()
            at.pds.add(person(NUMBER))
            yield Journey(opened, mesh, PdsOfTheTests(), at)
        await client.close()


async def test_a_death_closes_the_plan_and_partners_hear_of_it(keys_home: Path, tmp_path: Path):
    async with journey(keys_home, tmp_path, member("surgery", "ZZGP01", "gp")) as there:
        there.at.pds.add(person(NUMBER, status="2", died=DIED))
        there.put(nems(NUMBER, version=2))
        await there.hear()
        assert (await there.record()).life == "formal_death"
        assert there.opened.places["surgery"].parcels[-1].cause is Cause.DEATH
        assert there.waiting == []
        there.at.pds.add(person(NUMBER, status="U"))
        there.put(nems(NUMBER, status="U", version=2, bundle="b2"))
        await there.hear()
        assert (await there.record()).life == "alive"
        assert await there.reasons() == []


async def test_another_practice_takes_the_place_of_care_along(keys_home: Path, tmp_path: Path):
    async with journey(keys_home, tmp_path, member("new", "ZZGP02", "gp")) as there:
        there.at.pds.add(person(NUMBER, gp="ZZGP02"))
        there.put(nems(NUMBER, GP, version=2), "CHANGEOFGP_1")
        await there.hear()
        record = await there.record()
        assert (record.places_of_care, record.holder) == (["ZZGP02"], "ZZGP01")
        assert there.opened.places["new"].parcels
        assert there.waiting == []


async def test_a_placement_elsewhere_goes_on_deciding(keys_home: Path, tmp_path: Path):
    async with journey(keys_home, tmp_path, managingOrganization=reference_to("ZZHSP1")) as there:
        there.at.pds.add(person(NUMBER, gp="ZZGP02"))
        there.put(nems(NUMBER, GP, version=2), "CHANGEOFGP_1")
        await there.hear()
        assert (await there.record()).places_of_care == ["ZZHSP1", "ZZGP02"]


async def test_a_death_of_somebody_else_changes_nothing(keys_home: Path, tmp_path: Path):
    """PDS has the number with another birth date: whoever died is not the person of the record."""
    async with journey(keys_home, tmp_path) as there:
        there.at.pds.add(person(NUMBER, status="2", died=DIED, birthDate="1901-01-01"))
        there.put(nems(NUMBER, version=2))
        await there.hear()
        assert (await there.record()).life == "alive"
        assert await there.reasons() == [look_again.SOMEBODY_ELSE]


async def test_a_death_that_pds_does_not_have_changes_nothing(keys_home: Path, tmp_path: Path):
    async with journey(keys_home, tmp_path) as there:
        there.put(nems(NUMBER, version=2))
        await there.hear()
        assert (await there.record()).life == "alive"
        assert await there.reasons() == [look_again.NOT_CONFIRMED]


async def test_an_event_older_than_pds_was_overtaken(keys_home: Path, tmp_path: Path):
    async with journey(keys_home, tmp_path) as there:
        there.put(nems(NUMBER, version=1))
        await there.hear()
        assert (await there.record()).life == "alive"
        assert (await there.reasons(), there.waiting) == ([], [])


async def test_a_number_that_was_superseded_is_followed(keys_home: Path, tmp_path: Path):
    async with journey(keys_home, tmp_path) as there:
        there.at.pds.add(person(NEW, status="2", died=DIED))
        there.at.pds.superseded[NUMBER] = NEW
        there.put(nems(NUMBER, version=2))
        await there.hear()
        record = await there.record(NEW)
        assert (record.life, record.identity.nhs_number) == ("formal_death", NEW)
        there.put(nems(NEW, version=2, bundle="b2"))
        await there.hear()
        assert (await there.reasons(), there.waiting) == ([], [])


async def test_while_no_token_is_to_be_had_the_event_waits(keys_home: Path, tmp_path: Path):
    async with journey(keys_home, tmp_path) as there:
        there.at.pds.add(person(NUMBER, status="2", died=DIED))
        there.at.pds.token_answers += [(503, {})] * 3
        there.put(nems(NUMBER, version=2))
        await there.hear()
        assert there.waiting == ["M1"]
        assert [what for what, _ in await there.events()] == ["not-now"]
        there.at.pds.token_answers.clear()
        await there.hear()
        assert ((await there.record()).life, there.waiting) == ("formal_death", [])
