"""Which look-up tokens a record has for being found by what is known of a person, and when they go."""

from __future__ import annotations

import msgspec
import pytest

from security.labels import SFlag
from service.plan.matching import Key, bucket_of, keys_of
from service.plan.particulars import Particulars
from service.record.draft import PDS_SCALE
from service.record.records import TOKEN_BUCKET
from tests.service.record.house import House, create, patient, update

HOME = {"line": ["12 High Street"], "city": "Exampleton", "postalCode": "ZZ99 3QQ"}


async def test_every_key_of_a_person_is_a_token_and_their_number_is_padded(service_house: House) -> None:
    number, someone = patient(760, address=[HOME], telecom=[{"system": "phone", "value": "01632 960123"}])
    await service_house.write(create(someone))
    record = await service_house.record_of(number)
    records = service_house.records
    keys = keys_of(record.contents.person, bucket_of(record.record_id))
    assert {key.kind for key in keys} >= {"family-born", "given-born", "sound-year", "family-street", "dwelling"}
    tokens = records.tokens_of(record.record_id, record.manifest, record.contents)
    assert {records.index.token(*key) for key in keys} <= tokens
    assert len(tokens) % TOKEN_BUCKET == 0
    for key in keys:
        assert [one.record_id for one in await records.by_keys([key], 5)] == [record.record_id]


@pytest.mark.parametrize("flag", [SFlag.RESTRICTED, SFlag.VERY_RESTRICTED])
async def test_nothing_leads_to_a_person_whose_location_is_protected(service_house: House, flag: SFlag) -> None:
    number, someone = patient(761, address=[HOME], telecom=[{"system": "phone", "value": "01632 960123"}])
    someone["identifier"].append({"system": "https://hospital.example/ids", "value": "7"})
    await service_house.write(create(someone))
    record = await service_house.record_of(number)
    records = service_house.records
    (local,) = record.manifest.identifiers
    flagged = msgspec.structs.replace(record.manifest, sflag=flag)
    keys = keys_of(record.contents.person, bucket_of(record.record_id))
    open_tokens = records.tokens_of(record.record_id, record.manifest, record.contents)
    left = records.tokens_of(record.record_id, flagged, record.contents)
    assert left < open_tokens
    assert not {records.index.token(*key) for key in [*keys, Key("identifier", local)]} & left
    assert records.index.token("identifier", local) in open_tokens


async def test_the_commit_that_sets_a_flag_takes_the_keys_away(service_house: House) -> None:
    number, someone = patient(762, address=[HOME])
    await service_house.write(create(someone))
    record = await service_house.record_of(number)
    records = service_house.records
    keys = keys_of(record.contents.person, bucket_of(record.record_id))
    flagged = {**someone, "meta": {"security": [{"system": PDS_SCALE, "code": "R"}]}}
    await service_house.write(update(record.manifest.patient, 1, flagged))
    assert await records.by_keys(keys, 5) == []
    assert (await service_house.record_of(number)).contents.person == Particulars(
        nhs_number=number, families=("testley",), givens=("ada",), born="1940-05-06"
    )
