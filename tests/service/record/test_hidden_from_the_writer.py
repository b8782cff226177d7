"""What a writer may not read is as absent to its writes as to its reads; only a system carries on what it recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from security.principal import Role
from service.record.access import Caller, Refused
from service.record.errors import InvalidContent, NotHere, VersionConflict
from tests.service.record.house import House, Json, create, delete, doctor, note, patient, update

VERY_RESTRICTED: Json = {
    "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]
}


def system(organisation: str) -> Caller:
    """Return a practice's system that names no person."""
    caller = doctor(organisation)
    return replace(caller, principal=replace(caller.principal, role=Role.SYSTEM, user=None))


async def a_hidden_note(opened: House, index: int) -> tuple[str, str]:
    """Write a person with one note that nobody may read; return the references of both."""
    (person,) = await opened.write(create(patient(index)[1]))
    (said,) = await opened.write(create(note(person.reference, "hidden", meta=VERY_RESTRICTED)))
    return person.reference, said.reference


@pytest.mark.parametrize("version", [1, 2])
async def test_it_is_not_here_to_be_replaced_or_deleted_whatever_version_is_named(
    service_house: House, version: int
) -> None:
    person, hidden = await a_hidden_note(service_house, 700 + version)
    with pytest.raises(NotHere):
        await service_house.write(update(hidden, version, note(person, "mine")))
    with pytest.raises(NotHere):
        await service_house.write(delete(hidden, version))


async def test_a_system_carries_on_what_its_own_organisation_recorded(service_house: House) -> None:
    person, hidden = await a_hidden_note(service_house, 703)
    carried = update(hidden, 1, note(person, "carried", meta=VERY_RESTRICTED))
    (result,) = await service_house.write(carried, caller=system("ZZGP01"))
    assert result.version == 2
    with pytest.raises(VersionConflict) as stale:
        await service_house.write(update(hidden, 1, note(person, "stale")), caller=system("ZZGP01"))
    assert (stale.value.current, stale.value.when, stale.value.organisation) == (2, "", "")
    assert stale.value.changed == []


async def test_an_older_version_that_lies_deeper_than_the_current_one_is_not_here(service_house: House) -> None:
    person, hidden = await a_hidden_note(service_house, 704)
    await service_house.write(update(hidden, 1, note(person, "open now")), caller=system("ZZGP01"))
    assert (await service_house.read(hidden))["valueString"] == "open now"
    with pytest.raises(NotHere):
        await service_house.vread(hidden, 1)


async def test_entries_of_two_people_look_like_entries_of_nobody_to_a_stranger(service_house: House) -> None:
    _, one = await a_hidden_note(service_house, 705)
    _, other = await a_hidden_note(service_house, 706)
    answers = []
    for second in (other, "Observation/never-was"):
        with pytest.raises(Refused) as refused:
            await service_house.write(delete(one, 1), delete(second, 1), caller=doctor("ZZHOS9", Role.HOSPITAL))
        answers.append((refused.value.decision.status, refused.value.explained))
    assert answers == [(404, ""), (404, "")]


async def test_a_number_with_a_record_beside_ones_own_person_looks_like_a_number_without(service_house: House) -> None:
    stranger = doctor("ZZHOS9", Role.HOSPITAL)
    await a_hidden_note(service_house, 707)
    (mine,) = await service_house.write(create(patient(708)[1]), caller=stranger)
    (said,) = await service_house.write(create(note(mine.reference, "mine")), caller=stranger)
    answers = []
    for index in (707, 709):
        with pytest.raises(InvalidContent) as refused:
            await service_house.write(create(patient(index)[1]), delete(said.reference, 1), caller=stranger)
        answers.append([(issue.code, issue.expression, issue.text) for issue in refused.value.issues])
    assert answers[0] == answers[1]


async def test_a_reference_to_it_leads_nowhere(service_house: House) -> None:
    person, hidden = await a_hidden_note(service_house, 710)
    answers = []
    for target in (hidden, "Observation/never-was"):
        pointing = note(person, "pointing") | {"derivedFrom": [{"reference": target}]}
        with pytest.raises(InvalidContent) as refused:
            await service_house.write(create(pointing))
        answers.append([(issue.code, issue.expression, issue.text) for issue in refused.value.issues])
    assert answers[0] == answers[1]
    pointing = note(person, "pointing") | {"derivedFrom": [{"reference": hidden}]}
    (said,) = await service_house.write(create(pointing), caller=system("ZZGP01"))
    assert said.version == 1
