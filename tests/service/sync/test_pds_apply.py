"""What PDS says becomes what the record says, once, whatever order it comes in: through the use case, on a store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Cause
from adapters.errors import NumberInvalidated, Overloaded, PersonUnknown
from adapters.pds_person import PdsPerson, person_of
from security.access_request import Basis, BreakGlass
from security.audit import AuditEntry
from security.audit import Outcome as AuditOutcome
from security.principal import Principal, Purpose, Role
from service.people.invented import nhs_number
from service.plan.particulars import Particulars, of_patient
from service.record.access import Caller, Echo, Refused
from service.record.errors import InvalidContent, TooBusy
from service.record.subscribers import Committing
from service.store.port import Delivery
from service.sync.causes import cause_of
from service.sync.identity import Did, status_of
from service.sync.identity_review import Review
from service.sync.pds_apply import Applied, ApplyPds, Outcome
from tests.service.record.house import House, Json, create, doctor, house, note, update
from tests.service.record.house import patient as made
from tests.standins import pds

NEW, THIRD = nhs_number(613_001), nhs_number(613_002)
NUMBER, OURS = made(13_000)
HOSPICE = {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZHSP1"}}
PRACTICE = {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZGP01"}}


@dataclass(slots=True)
class Said:
    """What PDS says, by number: a Patient of the stand-in's form, or what it raises."""

    people: dict[str, Json | Exception] = field(default_factory=dict)
    superseded: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    meanwhile: list[Callable[[], Any]] = field(default_factory=list)

    async def person(self, nhs_number: str) -> PdsPerson:
        """Answer."""
        self.asked.append(nhs_number)
        found = self.people.get(self.superseded.get(nhs_number, nhs_number), PersonUnknown())
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        if isinstance(found, Exception):
            raise found
        return person_of(found, nhs_number)

    def says(self, number: str = NUMBER, **more: Any) -> None:
        """Know somebody."""
        self.people[number] = pds.person(number, **more)


def system(request_id: str) -> Caller:
    return Caller(
        Principal(
            client_id="pds",
            organisation="ZZPDS1",
            role=Role.SYSTEM,
            purpose=Purpose.TREAT,
            registered_roles=frozenset({Role.SYSTEM}),
            scopes=frozenset(),
            token_id=request_id,
            issuer="epaccs sync",
        ),
        request_id,
    )


@dataclass(slots=True)
class World:
    """A service, PDS, and what was to be told."""

    house: House
    said: Said
    told: list[Committing]

    @property
    def apply(self) -> ApplyPds:
        """The use case, as a process has it."""
        writing = self.house.writing
        return ApplyPds(
            writing.access, self.said, system, writing.limits, writing.style, writing.subscribers, jitter=lambda: 0.0
        )

    async def take_on(self, resource: Json = OURS, caller: Caller | None = None, **more: Any) -> str:
        """Make a record; the GP's, with the practice as the one that PDS names."""
        named = {"generalPractitioner": [PRACTICE], "managingOrganization": HOSPICE, **resource, **more}
        return (await self.house.write(create(named), caller=caller))[0].reference

    async def audited(self) -> list[AuditEntry]:
        """Return what was written down in PDS's name."""
        opener = self.house.writing.access.sealer
        with closing(sqlite3.connect(self.house.path)) as database:
            entries = [opener.open(sealed) for (sealed,) in database.execute("SELECT sealed FROM audit")]
        return [one for one in entries if one.client_id == "pds"]

    async def patient(self, number: str = NUMBER) -> Json:
        """Return the Patient as it is stored."""
        record = await self.house.record_of(number)
        return await self.house.read(record.manifest.patient)

    async def tasks(self, number: str = NUMBER) -> list[Json]:
        """Return the reviews of a record, as its holder reads them."""
        record = await self.house.record_of(number)
        names = [name for name, one in record.entries.items() if one.type == "Task"]
        return [await self.house.read(name) for name in names]


@pytest.fixture
async def world(keys_home: Path, tmp_path: Path) -> AsyncIterator[World]:
    told: list[Committing] = []

    def hear(committing: Committing) -> tuple[Delivery, ...]:
        told.append(committing)
        return ()

    async with house(keys_home, tmp_path / "records.sqlite") as opened:
        yield World(opened.telling(hear), Said(), told)


async def test_nobody_of_ours_is_not_asked_about(world: World) -> None:
    assert await world.apply(NUMBER) == Applied(Outcome.NOT_HERE)
    assert world.said.asked == []


async def test_a_number_is_verified_once(world: World) -> None:
    await world.take_on()
    world.said.says()
    world.told.clear()
    assert await world.apply(NUMBER) == Applied(Outcome.CHANGED, (Did.VERIFIED,))
    assert status_of(await world.patient()) == "01"
    assert (await world.patient())["meta"]["source"] == "https://fhir.nhs.uk/Id/ods-organization-code/ZZPDS1#pds"
    assert [cause_of(one) for one in world.told] == [Cause.CHANGE]
    assert await world.apply(NUMBER) == Applied(Outcome.UNCHANGED)
    assert len(world.told) == 1


async def test_every_time_that_pds_is_asked_is_written_down(world: World) -> None:
    """PDS is told of a number each time, so the person's log says so each time, also where nothing came of it."""
    await world.take_on()
    world.said.says()
    store = world.house.opened.store
    counts = []
    for _ in range(3):
        await world.apply(NUMBER)
        counts.append(sum(head.seq for head in await store.chain_heads()))
    assert [after - before for before, after in pairwise(counts)] == [1, 1]
    await world.apply(THIRD)
    assert sum(head.seq for head in await store.chain_heads()) == counts[-1], "nobody of ours, and PDS was not asked"
    entries = await world.audited()
    said = {(one.interaction, one.rule, one.client_id, one.role) for one in entries}
    assert said == {("$verify-identity", "identity", "pds", "system")}
    assert NUMBER not in str([one.references for one in entries])


async def test_what_was_received_stays_to_the_byte(world: World) -> None:
    photo = [{"contentType": "image/png", "data": "QUJD" * 6000}]
    text = {"status": "additional", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Ada, as sent</p></div>'}
    reference = await world.take_on(photo=photo, text=text)
    before = await world.house.record_of(NUMBER)
    received = before.slice(*before.entries[reference].received_text)
    world.said.says()
    await world.apply(NUMBER)
    after = await world.house.record_of(NUMBER)
    assert (await world.patient())["photo"] == photo
    assert after.slice(*after.entries[reference].received_text) == received != b""


async def test_when_pds_does_not_answer_nothing_happens(world: World) -> None:
    await world.take_on()
    world.said.people[NUMBER] = Overloaded(retry_after=3.0)
    before = (await world.house.record_of(NUMBER)).sequence
    with pytest.raises(Overloaded):
        await world.apply(NUMBER)
    assert (await world.house.record_of(NUMBER)).sequence == before
    assert [one.outcome for one in await world.audited()] == [AuditOutcome.FAILED], "it may have been told the number"


# --- numbers


async def test_the_old_number_leads_to_the_record_and_belongs_to_nobody_else(world: World) -> None:
    reference = await world.take_on()
    world.said.says(NEW)
    world.said.superseded[NUMBER] = NEW
    applied = await world.apply(NUMBER)
    assert applied == Applied(Outcome.CHANGED, (Did.RENUMBERED, Did.VERIFIED))
    for number in (NUMBER, NEW):
        record = await world.house.record_of(number)
        assert (record.manifest.patient, record.manifest.identity.nhs_number) == (reference, NEW)
        assert next(one["id"] for one in await world.house.emergency(number)) == reference.split("/")[1]
    stranger = {**OURS, "name": [{"use": "official", "family": "Stranger"}], "birthDate": "1950-01-01"}
    with pytest.raises(InvalidContent):
        await world.house.write(create(stranger), caller=doctor("ZZGP02"))
    assert await world.apply(NUMBER) == await world.apply(NEW) == Applied(Outcome.UNCHANGED)
    assert world.said.asked == [NUMBER, NEW, NEW], "PDS is asked by the number that they have"


async def test_somebody_is_found_by_the_old_number_among_what_is_known_of_them(world: World) -> None:
    reference = await world.take_on()
    world.said.says(NEW)
    world.said.superseded[NUMBER] = NEW
    await world.apply(NUMBER)
    find = world.house.services.operations.matching.find_people
    for number in (NUMBER, NEW):
        found = await find(doctor(), Particulars(nhs_number=number, families=("testley",)), certain_only=True)
        assert [f"Patient/{one.released.items[0].id}" for one in found.people] == [reference]


async def test_whoever_knows_the_old_number_only_takes_the_person_on_all_the_same(world: World) -> None:
    reference = await world.take_on()
    world.said.says(NEW)
    world.said.superseded[NUMBER] = NEW
    await world.apply(NUMBER)
    [result] = await world.house.write(create(OURS), caller=doctor("ZZGP02"))
    assert (result.reference, result.status) == (reference, 200)


async def test_a_crew_that_was_sent_by_the_old_number_finds_the_plan_by_either(world: World) -> None:
    await world.take_on()
    control = doctor("ZZCTL1", Role.AMBULANCE, Purpose.ETREAT)
    await world.house.services.operations.incidents.open(control, NUMBER, "ZZAMB1", "CAD-7")
    world.said.says(NEW)
    world.said.superseded[NUMBER] = NEW
    await world.apply(NUMBER)
    crew = doctor("ZZAMB1", Role.AMBULANCE, Purpose.ETREAT)
    for number in (NUMBER, NEW):
        assert await world.house.emergency(number, crew)
    other = doctor("ZZAMB2", Role.AMBULANCE, Purpose.ETREAT)
    for number in (NUMBER, NEW):
        with pytest.raises(Refused):
            await world.house.emergency(number, other)


async def test_the_number_of_before_cannot_be_put_back(world: World) -> None:
    reference = await world.take_on()
    world.said.says(NEW)
    world.said.superseded[NUMBER] = NEW
    await world.apply(NUMBER)
    patient = await world.patient()
    version = int(patient["meta"]["versionId"])
    stale = {**patient, "identifier": OURS["identifier"]}
    with pytest.raises(InvalidContent):
        await world.house.write(update(reference, version, stale))
    plain = {**patient, "identifier": [one for one in patient["identifier"] if one["use"] != "old"]}
    await world.house.write(update(reference, version, plain))
    assert (await world.house.record_of(NUMBER)).manifest.patient == reference, "the alias is not the writer's to drop"


async def test_two_records_of_one_person_both_say_so_and_nothing_is_merged(world: World) -> None:
    await world.take_on()
    await world.take_on({**OURS, "identifier": [{**OURS["identifier"][0], "value": NEW}]}, caller=doctor("ZZGP02"))
    world.said.says(NEW)
    world.said.superseded[NUMBER] = NEW
    applied = await world.apply(NUMBER)
    assert applied.reviews == (Review.TWO_RECORDS,)
    first, second = await world.house.record_of(NUMBER), await world.house.record_of(NEW)
    assert first.record_id != second.record_id
    for record, caller in ((first, doctor()), (second, doctor("ZZGP02"))):
        [name] = [name for name, one in record.entries.items() if one.type == "Task"]
        task = await world.house.read(name, caller)
        assert task["owner"]["identifier"]["value"] == caller.principal.organisation
        assert "another" in task["description"]
        assert (NUMBER in str(task), NEW in str(task)) == (False, False)
    again = await world.apply(NUMBER)
    assert again == Applied(Outcome.UNCHANGED, reviews=(Review.TWO_RECORDS,))
    assert (await world.house.record_of(NEW)).sequence == second.sequence


async def test_whoever_claims_the_new_number_first_is_seen(world: World) -> None:
    """The record of the new number comes between asking PDS and the commit: the claim is lost, it is judged anew."""
    await world.take_on()
    world.said.says(NEW)
    world.said.superseded[NUMBER] = NEW
    rival = {**OURS, "identifier": [{**OURS["identifier"][0], "value": NEW}]}
    world.said.meanwhile.append(lambda: world.house.write(create(rival), caller=doctor("ZZGP02")))
    assert (await world.apply(NUMBER)).reviews == (Review.TWO_RECORDS,)
    assert (await world.house.record_of(NUMBER)).record_id != (await world.house.record_of(NEW)).record_id


async def test_a_number_that_pds_does_not_know_is_looked_at(world: World) -> None:
    await world.take_on()
    assert (await world.apply(NUMBER)).reviews == (Review.NOT_KNOWN,)
    [task] = await world.tasks()
    assert task["code"]["coding"][0]["code"] == "identity-review"
    await world.house.write(
        update(f"Task/{task['id']}", int(task["meta"]["versionId"]), {**task, "status": "completed"})
    )
    assert await world.apply(NUMBER) == Applied(Outcome.UNCHANGED, reviews=(Review.NOT_KNOWN,))
    assert len(await world.tasks()) == 1, "what somebody settled is not asked again"


# --- frozen


async def test_a_number_that_is_invalid_freezes_sharing_and_not_emergencies(world: World) -> None:
    reference = await world.take_on()
    hospice = doctor("ZZHSP1", Role.HOSPICE)
    assert await world.house.read(reference, hospice)
    world.said.people[NUMBER] = NumberInvalidated()
    world.told.clear()
    applied = await world.apply(NUMBER)
    assert applied.did == (Did.FROZEN, Did.NOT_VERIFIED, Did.REVIEW)
    assert [cause_of(one) for one in world.told] == [Cause.WITHDRAWAL]
    with pytest.raises(Refused) as caught:
        await world.house.read(reference, hospice)
    assert (caught.value.decision.rule, caught.value.decision.status) == ("2.5a", 404)
    assert await world.house.read(reference), "whoever holds it has to settle it"
    crew = doctor("ZZHSP1", Role.HOSPICE)
    principal = replace(crew.principal, assurance=2)
    glass = BreakGlass(Basis.UNABLE_TO_ASK, "found unconscious at home", None, None)
    broken = replace(crew, principal=principal, break_glass=glass, echo=Echo(NUMBER, "1940-05-06"))
    assert await world.house.read(reference, broken)
    assert (await world.apply(NUMBER)).outcome is Outcome.UNCHANGED


async def test_a_number_that_is_valid_again_or_another_one_ends_the_freeze(world: World) -> None:
    reference = await world.take_on()
    hospice = doctor("ZZHSP1", Role.HOSPICE)
    world.said.people[NUMBER] = NumberInvalidated()
    await world.apply(NUMBER)
    world.said.says()
    assert Did.THAWED in (await world.apply(NUMBER)).did
    assert await world.house.read(reference, hospice)
    world.said.people[NUMBER] = NumberInvalidated()
    await world.apply(NUMBER)
    patient = await world.patient()
    corrected = {**patient, "identifier": [{**OURS["identifier"][0], "value": THIRD}]}
    await world.house.write(update(reference, int(patient["meta"]["versionId"]), corrected))
    assert await world.house.read(reference, hospice)


# --- flag, death, practice


async def test_the_flag_comes_and_goes_as_pds_says_and_nobody_else_takes_it(world: World) -> None:
    home = [{"use": "home", "line": ["1 Hidden Lane"], "postalCode": "ZZ9 9ZZ"}]
    phone = [{"system": "phone", "value": "01632 960123"}]
    reference = await world.take_on(address=home, telecom=phone)
    by_phone = of_patient({"name": OURS["name"], "telecom": phone}, [])
    find = world.house.services.operations.matching.find_people
    assert len((await find(doctor(), by_phone)).people) == 1
    world.said.says()
    await world.apply(NUMBER)
    assert len((await find(doctor(), by_phone)).people) == 1
    world.said.says(flag="R")
    world.told.clear()
    assert Did.FLAG_RAISED in (await world.apply(NUMBER)).did
    assert [cause_of(one) for one in world.told] == [Cause.WITHDRAWAL]
    hospice = doctor("ZZHSP1", Role.HOSPICE)
    assert "Hidden" not in str(await world.house.read(reference, hospice))
    record = await world.house.record_of(NUMBER)
    stored = record.slice(record.entries[reference].offset, record.entries[reference].length)
    assert b"Hidden" in stored, "nothing is blanked"
    assert (await find(doctor(), by_phone)).people == [], "no telephone leads to them"
    assert (await world.apply(NUMBER)).outcome is Outcome.UNCHANGED
    world.said.says(flag="U")
    assert (await world.apply(NUMBER)).did == (Did.FLAG_TAKEN,)
    assert "Hidden" in str(await world.house.read(reference, hospice))
    assert len((await find(doctor(), by_phone)).people) == 1


async def test_a_very_restricted_record_is_still_reached_by_pds(world: World) -> None:
    reference = await world.take_on()
    world.said.says(flag="V")
    await world.apply(NUMBER)
    with pytest.raises(Refused):
        await world.house.read(reference)
    world.said.says(flag="R")
    assert (await world.apply(NUMBER)).did == (Did.FLAG_TAKEN,)
    assert await world.house.read(reference)


async def test_a_death_closes_the_plan_and_its_removal_opens_it_again(world: World) -> None:
    reference = await world.take_on()
    observation = (await world.house.write(create(note(reference, "quiet"))))[0].reference
    world.told.clear()
    lives = []
    for status, died in (("1", "2026-01-02"), ("2", "2025-01-02"), ("U", "")):
        world.said.says(status=status, died=died)
        await world.apply(NUMBER)
        lives.append((await world.house.record_of(NUMBER)).manifest.life)
        if status == "2":
            with pytest.raises(Refused):
                await world.house.read(observation, doctor("ZZHSP1", Role.HOSPICE))
    assert lives == ["informal_death", "formal_death", "alive"]
    assert [cause_of(one) for one in world.told] == [Cause.DEATH] * 3
    assert await world.house.read(observation, doctor("ZZHSP1", Role.HOSPICE))


async def test_events_that_come_out_of_order_change_nothing(world: World) -> None:
    """A death and its removal, told in the wrong order and twice: each time PDS is read as it is now."""
    await world.take_on()
    world.said.says(status="U")
    outcomes = [(await world.apply(NUMBER)).outcome for _ in range(3)]
    assert outcomes == [Outcome.CHANGED, Outcome.UNCHANGED, Outcome.UNCHANGED]
    assert (await world.house.record_of(NUMBER)).manifest.life == "alive"


async def test_a_death_of_somebody_else_is_not_this_persons(world: World) -> None:
    await world.take_on()
    world.said.says(status="2", died="2026-01-02", birthDate="1912-12-12")
    assert (await world.apply(NUMBER)).reviews == (Review.DETAILS_DIFFER,)
    assert (await world.house.record_of(NUMBER)).manifest.life == "alive"


async def test_another_practice_is_named_and_the_one_before_has_no_relationship_by_that(world: World) -> None:
    await world.take_on(caller=doctor("ZZHSP1", Role.HOSPICE))
    world.said.says(gp="ZZGP02")
    assert Did.PRACTICE in (await world.apply(NUMBER)).did
    relations = (await world.house.record_of(NUMBER)).manifest.relations
    assert relations == ["ZZGP02", "ZZHSP1"]


# --- races


async def test_who_reads_pds_first_does_not_undo_who_reads_it_later(world: World) -> None:
    """One reads that the person lives and is slow; meanwhile another reads, and writes, that they died."""
    await world.take_on()
    world.said.says()

    async def another() -> None:
        world.said.says(status="2", died="2026-01-02")
        assert Did.DIED in (await world.apply(NUMBER)).did

    world.said.meanwhile.append(another)
    await world.apply(NUMBER)
    assert (await world.house.record_of(NUMBER)).manifest.life == "formal_death"


async def test_a_writer_between_is_not_undone(world: World) -> None:
    reference = await world.take_on()
    world.said.says()

    async def write() -> None:
        patient = await world.patient()
        changed = {**patient, "telecom": [{"system": "phone", "value": "0777"}]}
        await world.house.write(update(reference, int(patient["meta"]["versionId"]), changed))

    world.said.meanwhile.append(write)
    await world.apply(NUMBER)
    patient = await world.patient()
    assert (patient["telecom"][0]["value"], status_of(patient)) == ("0777", "01")


async def test_many_at_once_have_the_effect_of_one(world: World) -> None:
    await world.take_on()
    world.said.says(NEW, flag="R")
    world.said.superseded[NUMBER] = NEW
    outcomes = [one.outcome for one in await asyncio.gather(*(world.apply(NUMBER) for _ in range(6)))]
    assert sorted(outcomes) == [Outcome.CHANGED] + [Outcome.UNCHANGED] * 5
    assert (await world.patient(NEW))["meta"]["versionId"] == "2"


async def test_a_record_that_never_rests_is_left_for_later(world: World) -> None:
    reference = await world.take_on()
    world.said.says()

    async def write() -> None:
        await world.house.write(create(note(reference, "again")))

    world.said.meanwhile = [write] * 20
    with pytest.raises(TooBusy):
        await world.apply(NUMBER)
