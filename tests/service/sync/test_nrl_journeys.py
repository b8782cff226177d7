"""A plan and its pointer, from the commit to the National Record Locator, with the engine's own notes in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.partners import Limits, Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.registry import RegisteredClient
from service.sync.members import Member
from service.sync.notes import NotePages
from tests.adapters import nrl_world
from tests.adapters.nrl_world import ORGANISATION, death
from tests.service.record.house import person, update
from tests.service.sync.consents import permission, refusal
from tests.service.sync.test_told import cpr_of
from tests.service.sync.world import World, world
from tests.standins.nrl import TOKEN, Nrl, nrl_server
from tests.standins.nrl_tokens import Tokens

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LIMITS = Limits(retry_base=1.0, retry_cap=30.0)


def locator(origin: str, folder: Path, **more: Any) -> Member:
    """Return the partner."""
    folder.mkdir(exist_ok=True)
    partner = nrl_world.described(origin, folder)
    described = msgspec.structs.replace(partner.description, client="locator-system", limits=LIMITS, **more)
    client = RegisteredClient(
        "locator-system",
        "What crews may find",
        ORGANISATION,
        frozenset({"hospice", "system"}),
        frozenset({"system/*.cruds"}),
    )
    return Member(Partner(described, folder), client)


@asynccontextmanager
async def journey(keys: Path, home: Path, **more: Any) -> AsyncIterator[tuple[World, Nrl]]:
    """Open a service whose one partner is NRL, on a real socket."""

    def make(origin: str) -> Nrl:
        nrl = Nrl({ORGANISATION: {"736373009"}})
        nrl.tokens = Tokens(f"{origin}{TOKEN}", nrl_world.API_KEY, nrl_world.KEY)
        return nrl

    with nrl_server(make) as (origin, nrl):
        member = locator(origin, home / "partners", **more)
        async with world(keys, home, member) as opened:
            assert nrl.tokens is not None
            nrl.clock = nrl.tokens.clock = lambda: opened.time.now.timestamp()
            records = opened.house.records
            around = Surroundings(
                opened.time.clock,
                "https://ours.example/fhir/R4",
                b"",
                private_addresses=True,
                notes=lambda name: NotePages.of(records, name),
            )
            adapter = kind_of(member.partner).adapter(member.partner, around)
            opened.engine = opened.another({member.name: adapter})
            try:
                yield opened, nrl
            finally:
                await adapter.close()


async def signed(opened: World, index: int) -> tuple[str, list[str], str]:
    """Write a plan and let it take effect; return NHS number, references, and the person's."""
    number, bundle = person(index, place="hospice")
    references = await opened.house.post(bundle)
    await opened.run()
    return number, references, next(one for one in references if one.startswith("Patient/"))


async def change(opened: World, reference: str, **members: Any) -> None:
    """Write the next version of a resource, and let it take effect."""
    said = await opened.house.read(reference)
    version = int(said["meta"]["versionId"])
    meta = {**said["meta"], **members.pop("meta", {})}
    await opened.house.write(update(reference, version, {**said, **members, "meta": meta}))
    await opened.run()


async def test_signed_then_consent_withdrawn_and_given_again(keys_home: Path, tmp_path: Path) -> None:
    async with journey(keys_home, tmp_path) as (opened, nrl):
        number, references, _ = await signed(opened, 900)
        [pointer] = nrl.pointers(number)
        await opened.house.write(await refusal(opened, references, ORGANISATION))
        await opened.run()
        assert nrl.pointers(number) == []
        await opened.house.write(await permission(opened, references, 2))
        await opened.run()
        [again] = nrl.pointers(number)
        assert again["id"] != pointer["id"]
        assert again["content"][0]["attachment"]["url"] == pointer["content"][0]["attachment"]["url"]
        assert await opened.waiting() == 0
        assert await opened.engine.board.troubles("locator") == []


async def test_a_change_of_the_plan_leaves_the_pointer_as_it_is(keys_home: Path, tmp_path: Path) -> None:
    async with journey(keys_home, tmp_path) as (opened, nrl):
        number, references, _ = await signed(opened, 901)
        before, asked = nrl.pointers(number), len(nrl.asked)
        medicine = next(one for one in references if one.startswith("MedicationRequest/"))
        await change(opened, medicine, note=[{"text": "Said again"}])
        assert (nrl.pointers(number), len(nrl.asked)) == (before, asked)
        assert await opened.waiting() == 0


async def test_the_only_decision_that_may_be_seen_is_revoked(keys_home: Path, tmp_path: Path) -> None:
    async with journey(keys_home, tmp_path, sections=("cpr_decision",)) as (opened, nrl):
        number, references, _ = await signed(opened, 902)
        assert len(nrl.pointers(number)) == 1
        await change(opened, await cpr_of(opened, references), status="entered-in-error")
        assert nrl.pointers(number) == []


async def test_died(keys_home: Path, tmp_path: Path) -> None:
    """An informal notification leaves it, a formal one takes it away, and one that is removed brings it back."""
    async with journey(keys_home, tmp_path) as (opened, nrl):
        number, _, patient = await signed(opened, 903)
        extensions = [
            one for one in (await opened.house.read(patient)).get("extension", ()) if "Death" not in one["url"]
        ]
        for status, there in (("1", 1), ("2", 0), ("U", 1)):
            await change(opened, patient, extension=[*extensions, death(status)])
            assert len(nrl.pointers(number)) == there, status
        assert await opened.waiting() == 0


@pytest.mark.parametrize(("code", "there"), [("R", 1), ("V", 0)])
async def test_restricted(keys_home: Path, tmp_path: Path, code: str, there: int) -> None:
    """R leaves the pointer, which never says where anybody is; V takes it away."""
    async with journey(keys_home, tmp_path) as (opened, nrl):
        number, _, patient = await signed(opened, 904)
        address = (await opened.house.read(patient))["address"][0]
        assert len(nrl.pointers(number)) == 1
        await change(opened, patient, meta={"security": [{"system": CONFIDENTIALITY, "code": code}]})
        assert len(nrl.pointers(number)) == there
        sent = b"".join(one.body for one in nrl.asked)
        assert not any(str(word).encode() in sent for word in (address["postalCode"], *address["line"]))
        assert await opened.waiting() == 0


@pytest.mark.parametrize("fault", ["unheard", "lost", "late", "down"])
async def test_an_answer_is_lost_and_consent_withdrawn_before_it_is_tried_again(
    keys_home: Path, tmp_path: Path, fault: str
) -> None:
    async with journey(keys_home, tmp_path) as (opened, nrl):
        nrl.faults.extend(["", fault])
        number, references, _ = await signed(opened, 905)
        await opened.house.write(await refusal(opened, references, ORGANISATION))
        await opened.run(forward=200)
        assert nrl.pointers(number) == []
        assert await opened.waiting() == 0
        assert await NotePages.of(opened.house.records, "locator").all() == {}


async def test_a_person_without_a_verified_number_is_shown_to_people(keys_home: Path, tmp_path: Path) -> None:
    async with journey(keys_home, tmp_path) as (opened, nrl):
        number, _, patient = await signed(opened, 906)
        said = await opened.house.read(patient)
        url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
        system = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus"
        concept = {"coding": [{"system": system, "code": "number-present-but-not-traced"}]}
        doubtful = {**said["identifier"][0], "extension": [{"url": url, "valueCodeableConcept": concept}]}
        await change(opened, patient, identifier=[doubtful, *said["identifier"][1:]])
        assert nrl.pointers(number) == []
        [trouble] = await opened.engine.board.troubles("locator")
        assert "may be somebody else" in trouble.reason
