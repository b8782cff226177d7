"""Every question for a person leaves its audit entry, whatever it found and whatever was asked of the answer."""

from __future__ import annotations

import pytest

from service.plan.particulars import Particulars, of_patient
from service.record.find import FindPeople
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
    assert len(found) == (organisation == "ZZGP01" and family == "Testley" and not certain_only)
    assert sum(head.seq for head in await store.chain_heads()) == before + 1
