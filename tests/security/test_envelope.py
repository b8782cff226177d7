"""The envelope: contents open only where they were sealed, wrapped keys only for their record; rotation keeps both."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from security.envelope import Envelope, RecordKey, WrappedKey
from security.errors import KeyUnavailable, SealBroken
from security.keys import FileKeyRing, add_kek, switch_kek
from security.seal import BoundCipher, canonical

RECORD, OTHER = b"r" * 16, b"s" * 16
PLAN = b'{"resourceType":"CarePlan"}'


class CountingKeys(FileKeyRing):
    """The key file, counting how often it is asked, and able to be down."""

    unwraps = 0
    down = False

    async def unwrap(self, kek_id: str, blob: bytes, aad: bytes) -> bytes:
        self.unwraps += 1
        if self.down:
            raise KeyUnavailable("down")
        return await super().unwrap(kek_id, blob, aad)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def keys(path: Path) -> CountingKeys:
    return CountingKeys.create(path)


@pytest.fixture
def envelope(keys: CountingKeys) -> Envelope:
    return Envelope(keys, "ZZ-tenant")


async def test_seals_and_opens(envelope):
    key = await envelope.new_key(RECORD)
    sealed = envelope.seal(key, "records", RECORD, 7, PLAN)
    assert PLAN not in sealed
    assert sealed[:4] == b"EPC1"
    again = await envelope.unwrap(RECORD, key.wrapped)
    assert envelope.open(again, "records", RECORD, 7, sealed) == PLAN


async def test_content_is_bound_as_the_rules_write_it(envelope, keys):
    key = await envelope.new_key(RECORD)
    sealed = envelope.seal(key, "records", RECORD, 7, PLAN)
    wrapped = key.wrapped
    dek = await keys.unwrap(wrapped.kek_id, wrapped.blob, canonical(b"EPK1", b"ZZ-tenant", RECORD, wrapped.dek_id))
    number = (7).to_bytes(8, "big")
    context = canonical(b"EPC1", b"ZZ-tenant", b"records", RECORD, number, wrapped.dek_id, b"content")
    assert BoundCipher(b"EPC1", dek, wrapped.dek_id, context).open(sealed) == PLAN


async def test_content_moved_to_another_place_does_not_open(envelope, keys):
    key = await envelope.new_key(RECORD)
    sealed = envelope.seal(key, "records", RECORD, 7, PLAN)
    for collection, record_id, sequence in (
        ("versions", RECORD, 7),
        ("records", OTHER, 7),
        ("records", RECORD, 6),
        ("records", RECORD, 8),
        ("record", b"s" + RECORD, 7),
    ):
        with pytest.raises(SealBroken):
            envelope.open(key, collection, record_id, sequence, sealed)


async def test_content_of_another_tenant_does_not_open(envelope, keys):
    key = await envelope.new_key(RECORD)
    sealed = envelope.seal(key, "records", RECORD, 7, PLAN)
    with pytest.raises(SealBroken):
        Envelope(keys, "ZZ-other").open(key, "records", RECORD, 7, sealed)


async def test_content_under_another_data_key_or_key_id_does_not_open(envelope):
    key, other = await envelope.new_key(RECORD), await envelope.new_key(RECORD)
    sealed = envelope.seal(key, "records", RECORD, 7, PLAN)
    with pytest.raises(SealBroken):
        envelope.open(other, "records", RECORD, 7, sealed)
    # The right key under another name: the name itself is bound.
    renamed = RecordKey(WrappedKey(b"x" * 16, key.wrapped.kek_id, key.wrapped.blob), key._dek)
    with pytest.raises(SealBroken):
        envelope.open(renamed, "records", RECORD, 7, sealed)
    with pytest.raises(SealBroken):
        envelope.open(renamed, "records", RECORD, 7, sealed[:4] + b"x" * 16 + sealed[20:])


async def test_sealed_content_of_two_records_cannot_be_swapped(envelope):
    one, two = await envelope.new_key(RECORD), await envelope.new_key(OTHER)
    sealed_one = envelope.seal(one, "records", RECORD, 1, b"for one")
    sealed_two = envelope.seal(two, "records", OTHER, 1, b"for two")
    for key, record_id, sealed in ((one, RECORD, sealed_two), (two, OTHER, sealed_one)):
        with pytest.raises(SealBroken):
            envelope.open(key, "records", record_id, 1, sealed)


async def test_a_wrapped_key_unwraps_only_in_its_own_place(envelope, keys):
    wrapped = (await envelope.new_key(RECORD)).wrapped
    with pytest.raises(SealBroken):
        await envelope.unwrap(OTHER, wrapped)
    with pytest.raises(SealBroken):
        await envelope.unwrap(RECORD, WrappedKey(b"x" * 16, wrapped.kek_id, wrapped.blob))
    with pytest.raises(SealBroken):
        await Envelope(keys, "ZZ-other").unwrap(RECORD, wrapped)
    with pytest.raises(KeyUnavailable):
        await envelope.unwrap(RECORD, WrappedKey(wrapped.dek_id, "kek-9-absent", wrapped.blob))


async def test_a_known_but_wrong_kek_does_not_unwrap(path, envelope):
    wrapped = (await envelope.new_key(RECORD)).wrapped
    second = add_kek(path)
    with pytest.raises(SealBroken):
        await Envelope(FileKeyRing(path), "ZZ-tenant").unwrap(RECORD, WrappedKey(wrapped.dek_id, second, wrapped.blob))


async def test_a_cached_key_serves_only_its_exact_wrapping(envelope, keys):
    wrapped = (await envelope.new_key(RECORD)).wrapped
    await envelope.unwrap(RECORD, wrapped)
    # Each would open if the cache looked at less than the whole wrapping and the record.
    for record_id, swapped in (
        (OTHER, wrapped),
        (RECORD, WrappedKey(b"x" * 16, wrapped.kek_id, wrapped.blob)),
        (RECORD, WrappedKey(wrapped.dek_id, wrapped.kek_id, wrapped.blob[:-1] + b"!")),
    ):
        with pytest.raises(SealBroken):
            await envelope.unwrap(record_id, swapped)
    keys.down = True
    with pytest.raises(KeyUnavailable):
        await envelope.unwrap(RECORD, WrappedKey(wrapped.dek_id, "kek-9-absent", wrapped.blob))


async def test_rewrapped_keys_open_what_was_sealed_before(path, envelope):
    key = await envelope.new_key(RECORD)
    sealed = envelope.seal(key, "records", RECORD, 7, PLAN)
    assert await envelope.rewrap(RECORD, key.wrapped) is key.wrapped
    switch_kek(path, add_kek(path))
    after = Envelope(FileKeyRing(path), "ZZ-tenant")
    rewrapped = await after.rewrap(RECORD, key.wrapped)
    assert rewrapped.kek_id != key.wrapped.kek_id
    assert rewrapped.dek_id == key.wrapped.dek_id
    for wrapped in (key.wrapped, rewrapped):
        assert after.open(await after.unwrap(RECORD, wrapped), "records", RECORD, 7, sealed) == PLAN
    with pytest.raises(SealBroken):
        await after.rewrap(OTHER, key.wrapped)


async def test_unwrapped_keys_are_kept_for_a_bounded_time(keys):
    now = [0.0]
    envelope = Envelope(keys, "ZZ-tenant", monotonic=lambda: now[0])
    wrapped = (await envelope.new_key(RECORD)).wrapped
    await envelope.unwrap(RECORD, wrapped)
    now[0] = 299.9
    await envelope.unwrap(RECORD, wrapped)
    assert keys.unwraps == 1
    now[0] = 300.0
    await envelope.unwrap(RECORD, wrapped)
    assert keys.unwraps == 2
    with pytest.raises(ValueError, match="300"):
        Envelope(keys, "ZZ-tenant", cached_seconds=301)


async def test_unwrapped_keys_are_kept_in_a_bounded_number_least_used_out_first(keys):
    envelope = Envelope(keys, "ZZ-tenant", cached_keys=2)
    wrapped = {record: (await envelope.new_key(record)).wrapped for record in (b"a", b"b", b"c")}
    for record in (b"a", b"b", b"a", b"c"):
        await envelope.unwrap(record, wrapped[record])
    assert keys.unwraps == 3
    await envelope.unwrap(b"a", wrapped[b"a"])
    assert keys.unwraps == 3
    await envelope.unwrap(b"b", wrapped[b"b"])
    assert keys.unwraps == 4


async def test_a_forgotten_key_is_asked_for_again(envelope, keys):
    wrapped = (await envelope.new_key(RECORD)).wrapped
    await envelope.unwrap(RECORD, wrapped)
    envelope.forget(RECORD)
    envelope.forget(OTHER)
    keys.down = True
    with pytest.raises(KeyUnavailable):
        await envelope.unwrap(RECORD, wrapped)


async def test_each_record_and_each_seal_is_random(envelope):
    keys = [await envelope.new_key(RECORD) for _ in range(50)]
    assert len({key.wrapped.dek_id for key in keys}) == 50
    assert len({key._dek for key in keys}) == 50
    sealed = {envelope.seal(keys[0], "records", RECORD, 1, b"") for _ in range(50)}
    assert len({blob[20:32] for blob in sealed}) == 50


async def test_a_record_key_does_not_show_or_travel(envelope):
    key = await envelope.new_key(RECORD)
    assert repr(key) == str(key) == "RecordKey(***)"
    with pytest.raises(TypeError, match="never serialised"):
        pickle.dumps(key)
    assert key._dek.hex() not in repr(envelope)
