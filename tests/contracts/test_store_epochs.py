"""What every record store promises of epochs: after a restore no number is handed out a second time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from service.store.epochs import NUMBERS, StoredEpoch, epoch_of, next_after, start_of
from service.store.errors import SequenceTaken
from service.store.port import Delivery, RecordStore
from tests.contracts.stores import START, StoreHarness, commit, record_id, stored, token

ONE, TWO, THREE = record_id(1), record_id(2), record_id(3)
HOUR = timedelta(hours=1)
FIRST, SECOND = StoredEpoch(1, b"the first restore"), StoredEpoch(2, b"the second restore")

Restored = Callable[[StoredEpoch], Awaitable[RecordStore]]


@pytest.fixture
async def restored(harness: StoreHarness) -> Restored:
    """Begin an epoch as a restore does, with nothing else open, and open the store again as a service does."""

    async def begin(epoch: StoredEpoch) -> RecordStore:
        store = await harness.alone()
        await store.begin_epoch(epoch)
        await store.begin_epoch(epoch)
        await store.close()
        return await harness.open()

    return begin


async def test_a_store_that_was_never_restored_is_in_no_epoch(store: RecordStore) -> None:
    assert await store.epochs() == []
    await store.commit(commit(ONE, 1))
    found = await store.fetch(ONE)
    assert found is not None
    assert found.skipped == 0


async def test_the_next_commit_of_each_record_has_a_number_of_the_epoch(
    harness: StoreHarness, restored: Restored
) -> None:
    store = await harness.open()
    await store.commit(commit(ONE, 1))
    await store.commit(commit(ONE, 2, replaced=b"one"))
    await store.close()
    store = await restored(FIRST)
    assert await store.epochs() == [FIRST]
    found = await store.fetch(ONE)
    assert found is not None
    assert (found.sequence, found.sequence + 1 + found.skipped) == (2, NUMBERS)
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, 3, b"a number that may have been handed out"))
    made = commit(ONE, NUMBERS, replaced=b"two")
    await store.commit(made)
    assert await store.fetch(ONE) == stored(made)
    behind = commit(ONE, NUMBERS + 1)
    await store.commit(behind)
    assert await store.fetch(ONE) == stored(behind)
    assert [await store.replaced(ONE, number) for number in (2, NUMBERS, NUMBERS + 1)] == [b"one", b"two", None]
    await store.close()


async def test_a_record_that_is_new_begins_at_one_in_any_epoch(harness: StoreHarness, restored: Restored) -> None:
    await (await harness.open()).close()
    store = await restored(FIRST)
    await store.commit(commit(TWO, 1))
    await store.commit(commit(TWO, NUMBERS))
    found = await store.fetch(TWO)
    assert found is not None
    assert found.sequence == NUMBERS
    await store.close()


async def test_epochs_follow_one_another(harness: StoreHarness, restored: Restored) -> None:
    store = await harness.open()
    await store.commit(commit(ONE, 1))
    await store.commit(commit(TWO, 1))
    await store.close()
    store = await restored(FIRST)
    await store.commit(commit(ONE, NUMBERS))
    await store.close()
    store = await restored(SECOND)
    assert await store.epochs() == [FIRST, SECOND]
    for record in (ONE, TWO):
        await store.commit(commit(record, 2 * NUMBERS))
        found = await store.fetch(record)
        assert found is not None
        assert found.sequence == 2 * NUMBERS
    assert [one.sequence for one in await store.records_behind(b"", 10)] == [2 * NUMBERS, 2 * NUMBERS]
    await store.close()


async def test_turns_of_leases_old_and_new_are_of_the_epoch_and_nobody_holds_one(
    harness: StoreHarness, restored: Restored
) -> None:
    store = await harness.open()
    assert await store.lease(token("old"), b"holder", START + HOUR) == 1
    await store.close()
    store = await restored(FIRST)
    for name in (token("old"), token("new")):
        turn = await store.lease(name, b"another", START + HOUR)
        assert turn is not None
        assert turn > NUMBERS
        assert await store.lease(name, b"third", START + HOUR) is None
        await store.release(name, b"another")
        after = await store.lease(name, b"third", START + HOUR)
        assert after is not None
        assert after > turn
    await store.close()


async def test_deliveries_get_ids_that_were_not_handed_out_and_keep_their_order(
    harness: StoreHarness, restored: Restored
) -> None:
    store = await harness.open()
    await store.commit(commit(ONE, 1, deliveries=(Delivery(token("lane"), b"one"),)))
    (before,) = await store.waiting(b"", 10)
    await store.close()
    store = await restored(FIRST)
    await store.commit(commit(ONE, NUMBERS, deliveries=(Delivery(token("lane"), b"two"),)))
    waiting = await store.waiting(b"", 10)
    assert [one.sealed for one in waiting] == [b"one", b"two"]
    assert waiting[0].id == before.id
    behind = {number.to_bytes(8, "big") for number in range(2, 1000)} | {
        f"{ONE.hex()}:{number:012d}:0000".encode() for number in range(2, 1000)
    }
    assert waiting[1].id not in behind, "an id that the lost commits can have had"
    await store.close()


async def test_an_empty_store_hands_out_new_ids_of_deliveries_too(harness: StoreHarness, restored: Restored) -> None:
    await (await harness.open()).close()
    store = await restored(FIRST)
    await store.commit(commit(THREE, 1, deliveries=(Delivery(token("lane"), b"one"),)))
    (found,) = await store.waiting(b"", 10)
    assert found.id != (1).to_bytes(8, "big")
    await store.close()


def test_numbers_tell_their_epoch() -> None:
    assert [epoch_of(number) for number in (1, NUMBERS - 1, NUMBERS, 2 * NUMBERS + 5)] == [0, 0, 1, 2]
    assert next_after(7, 0) == 8
    assert next_after(7, 1) == NUMBERS
    assert next_after(NUMBERS, 1) == NUMBERS + 1
    with pytest.raises(ValueError, match="epoch"):
        start_of(1000)
