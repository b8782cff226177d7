"""Every question for a person leaves its audit entry, whatever it found and whatever was asked of the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from security.principal import Role
from service.plan.particulars import Particulars, of_patient
from service.record.access import Caller
from service.record.find import MOST_SHOWN, FindPeople
from tests.service.record.house import House, create, doctor, patient


def asked(family: str) -> Particulars:
    born = "1940-05-06" if family == "Testley" else "1911-02-03"
    return of_patient({"name": [{"family": family, "given": ["Ada"]}], "birthDate": born})


@pytest.mark.parametrize("certain_only", [False, True])
@pytest.mark.parametrize("family", ["Testley", "Nobodyworth"])
@pytest.mark.parametrize("organisation", ["ZZGP01", "ZZHOS9"])
async def test_a_question_has_an_entry(
    service_house: House, organisation: str, family: str, certain_only: bool
) -> None:
    await service_house.write(create(patient(770)[1]))
    store = service_house.opened.store
    before = sum(head.seq for head in await store.chain_heads())
    find = FindPeople(service_house.services.operations.read_record.access)
    found = await find(doctor(organisation), asked(family), certain_only=certain_only)
    assert len(found.people) == (organisation == "ZZGP01" and family == "Testley" and not certain_only)
    assert sum(head.seq for head in await store.chain_heads()) == before + 1


async def test_what_a_list_leaves_out_is_told_to_those_alone_who_might_see_it(service_house: House) -> None:
    for index in range(800, 800 + MOST_SHOWN + 1):
        await service_house.write(create(patient(index)[1]))
    find = FindPeople(service_house.services.operations.read_record.access)
    found = await find(doctor(), asked("Testley"))
    assert (len(found.people), found.more) == (MOST_SHOWN, True)
    elsewhere = await find(doctor("ZZHOS9"), asked("Testley"))
    assert (elsewhere.people, elsewhere.more) == ([], False)


async def test_who_is_counted_at_an_address_has_an_entry_each(service_house: House) -> None:
    home = {"line": ["7 Mock Lane"], "postalCode": "ZZ99 4AB"}
    for index in (771, 772):
        await service_house.write(create(patient(index, address=[home])[1]))
    where = of_patient({"address": [home]})
    operations, store = service_house.services.operations, service_house.opened.store
    await operations.incidents.open(doctor("ZZCR01"), where, "ZZAMB1", "INC-1")
    paramedic = doctor("ZZAMB1", Role.AMBULANCE)
    crew = Caller(replace(paramedic.principal, incident="INC-1"), paramedic.request_id)
    before = sum(head.seq for head in await store.chain_heads())
    find = FindPeople(operations.read_record.access)
    assert (await find.at_address(crew, where)).people == 2
    assert sum(head.seq for head in await store.chain_heads()) == before + 2
    assert (await find.at_address(paramedic, where)).people == 0
    assert sum(head.seq for head in await store.chain_heads()) == before + 2
