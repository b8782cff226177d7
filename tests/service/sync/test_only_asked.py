"""A practice that is only asked: what it has of a person fills the plan once, and nothing is ever given to it."""

from __future__ import annotations

from pathlib import Path

import httpx

from adapters.gp_connect import GpConnect
from adapters.http import HttpClient
from adapters.mapping import IDENTITY
from adapters.sds import SpineDirectory
from adapters.spine_jwt import AskingPerson, AuditToken
from service.sync.give import SENT
from tests.adapters import structured_record as stu3
from tests.service.record.house import person, update
from tests.service.sync.messages import whom
from tests.service.sync.noticed import entries
from tests.service.sync.partner import member
from tests.service.sync.world import Time, step_until_quiet, world
from tests.standins.gp_practice import API_KEY, OUR_ASID, PRACTICE, Practice


async def nothing() -> None:
    """Let go of nothing."""


def asking(practice: Practice, time: Time) -> GpConnect:
    """Return the adapter of a practice that every person here has."""
    http = HttpClient(transport=httpx.ASGITransport(practice.app))
    asks = AskingPerson(family="Contrived", given="Wenna")
    token = AuditToken("https://record.example.org", "ZZICB1", "Example ICB", "epaccs", "0.1.0", asks, time.clock)
    directory = SpineDirectory(http, "http://spine/spine-directory/FHIR/R4", API_KEY, time.clock)

    async def of(nhs_number: str) -> str:
        return PRACTICE

    return GpConnect(http, directory, PRACTICE, of, "http://spine/ssp", OUR_ASID, token, IDENTITY, 5.0, nothing)


async def test_what_the_practice_has_fills_the_plan_and_nothing_is_given(keys_home: Path, tmp_path: Path) -> None:
    surgery = member("surgery", PRACTICE, "gp", sends=True)
    async with world(keys_home, tmp_path, surgery) as opened:
        number, bundle = person(61, allergy="not-recorded")
        known = whom(bundle, number)
        names = [{"use": "official", "family": known["family"], "given": ["Una"]}]
        there = stu3.patient(
            identifier=[{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
            name=names,
            birthDate=known["birth_date"],
        )
        practice = Practice(lambda: opened.time.now.timestamp(), {number: stu3.record(patient=there)})
        references = await opened.house.post(bundle)
        await opened.relay.finish()
        fresh = opened.another({"surgery": asking(practice, opened.time)})
        opened.time.forward(90.0)
        for _ in range(3):
            await step_until_quiet(fresh)
            opened.time.forward(1.0)
        assert practice.wrong == []
        assert len(practice.seen) == 1
        record = await opened.house.record_of(number)
        [allergy] = [one for one in record.entries.values() if one.type == "AllergyIntolerance"]
        said = await opened.house.read(allergy.reference)
        assert said["code"]["coding"][0]["display"] == "Penicillin allergy"
        assert allergy.author.client == "surgery-system"
        assert await opened.waiting() == 0
        assert await fresh.board.troubles("surgery") == []
        assert await entries(opened, PRACTICE, SENT) == [], "nothing was sent"
        changed = next(one for one in references if one.startswith("Observation/"))
        resource = await opened.house.read(changed)
        await opened.house.write(update(changed, 1, {**resource, "note": [{"text": "Said again today"}]}))
        await step_until_quiet(fresh)
        assert len(practice.seen) == 1, "each person is asked for once"
        await fresh.relay.finish()
