"""What every record store promises of deliveries, leases and counters."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from service.store.errors import SequenceTaken
from service.store.port import Delivery, RecordStore
from tests.contracts.stores import START, StoreHarness, commit, record_id, token

ONE, TWO = record_id(1), record_id(2)
MINUTE = timedelta(minutes=1)
NAME, OTHER_NAME = token("lane"), token("other lane")


def delivery(word: str, lane: bytes = NAME) -> Delivery:
    return Delivery(lane, word.encode())


async def words(store: RecordStore) -> list[bytes]:
    """Return what waits, in order."""
    return [one.sealed for one in await store.waiting(b"", 1000)]


# --- deliveries


async def test_deliveries_wait_with_their_commit_in_the_order_of_commits(
    store: RecordStore, other: RecordStore
) -> None:
    for sequence in range(1, 13):
        pair = (delivery(f"{sequence:02d} a"), delivery(f"{sequence:02d} b"))
        await store.commit(commit(ONE, sequence, deliveries=pair))
    expected = [f"{sequence:02d} {part}".encode() for sequence in range(1, 13) for part in "ab"]
    assert await words(store) == expected
    assert await words(other) == expected
    assert {one.lane for one in await store.waiting(b"", 100)} == {NAME}


async def test_a_commit_that_loses_delivers_nothing(store: RecordStore) -> None:
    await store.commit(commit(ONE, 1))
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, 1, b"late", deliveries=(delivery("never"),)))
    assert await words(store) == []


async def test_what_is_done_waits_no_more_and_the_rest_goes_on(store: RecordStore, other: RecordStore) -> None:
    await store.commit(commit(ONE, 1, deliveries=tuple(delivery(f"{number}") for number in range(5))))
    waiting = await store.waiting(b"", 10)
    await other.done(waiting[1].id)
    await other.done(waiting[1].id)
    await store.done(waiting[3].id)
    assert await words(store) == [b"0", b"2", b"4"]
    await store.commit(commit(ONE, 2, deliveries=(delivery("5"),)))
    assert await words(other) == [b"0", b"2", b"4", b"5"]


async def test_waiting_goes_on_behind_an_id(store: RecordStore) -> None:
    await store.commit(commit(ONE, 1, deliveries=tuple(delivery(f"{number}") for number in range(7))))
    seen: list[bytes] = []
    after = b""
    while some := await store.waiting(after, 3):
        seen += [one.sealed for one in some]
        after = some[-1].id
    assert seen == [b"%d" % number for number in range(7)]


# --- leases


async def test_of_many_who_want_a_lease_one_gets_it(store: RecordStore, other: RecordStore) -> None:
    turns = await asyncio.gather(
        *((store, other)[number % 2].lease(NAME, b"holder %d" % number, START + MINUTE) for number in range(16))
    )
    assert [turn for turn in turns if turn is not None] == [1]


async def test_a_lease_is_kept_by_its_holder_and_free_when_its_time_is_up(
    store: RecordStore, other: RecordStore, harness: StoreHarness
) -> None:
    assert await store.lease(NAME, b"first", START + MINUTE) == 1
    assert await other.lease(NAME, b"second", START + MINUTE) is None
    assert await other.lease(OTHER_NAME, b"second", START + MINUTE) == 1
    assert await store.lease(NAME, b"first", START + 2 * MINUTE) == 2
    harness.clock.pass_by(seconds=90)
    assert await other.lease(NAME, b"second", START + 3 * MINUTE) is None, "renewed"
    harness.clock.pass_by(seconds=30)
    assert await other.lease(NAME, b"second", START + 4 * MINUTE) == 3
    assert await store.lease(NAME, b"first", START + 4 * MINUTE) is None


async def test_a_released_lease_is_free_at_once_and_only_its_holder_can_release_it(
    store: RecordStore, other: RecordStore
) -> None:
    assert await store.lease(NAME, b"first", START + MINUTE) == 1
    await other.release(NAME, b"second")
    assert await other.lease(NAME, b"second", START + MINUTE) is None
    await store.release(NAME, b"first")
    await store.release(OTHER_NAME, b"first")
    turn = await other.lease(NAME, b"second", START + MINUTE)
    assert turn is not None
    assert turn > 1


async def test_everybody_can_see_whether_a_lease_is_taken(
    store: RecordStore, other: RecordStore, harness: StoreHarness
) -> None:
    async def seen() -> list[bool]:
        return [await one.leased(NAME) for one in (store, other)]

    assert await seen() == [False, False]
    await store.lease(NAME, b"first", START + MINUTE)
    assert await seen() == [True, True]
    assert not await other.leased(OTHER_NAME)
    await store.release(NAME, b"first")
    assert await seen() == [False, False]
    await other.lease(NAME, b"second", START + MINUTE)
    harness.clock.pass_by(minutes=1)
    assert await seen() == [False, False]


async def test_a_lease_that_changes_hands_often_has_one_holder_at_a_time(
    store: RecordStore, other: RecordStore, harness: StoreHarness
) -> None:
    turns = []
    for number in range(70):
        holder = (store, other)[number % 2]
        turn = await holder.lease(NAME, b"%d" % number, harness.clock() + MINUTE)
        assert turn is not None
        turns.append(turn)
        assert await holder.lease(NAME, b"somebody else", harness.clock() + MINUTE) is None
        harness.clock.pass_by(minutes=1)
    assert turns == sorted(set(turns))


# --- counters


async def test_everyone_who_counts_gets_a_number_of_their_own(store: RecordStore, other: RecordStore) -> None:
    counts = await asyncio.gather(*((store, other)[number % 2].count(NAME, START + MINUTE) for number in range(40)))
    assert sorted(counts) == list(range(1, 41))
    assert await other.count(OTHER_NAME, START + MINUTE) == 1


async def test_a_new_span_begins_at_one_and_old_ones_are_forgotten(store: RecordStore, harness: StoreHarness) -> None:
    assert [await store.count(NAME, START + MINUTE) for _ in range(3)] == [1, 2, 3]
    harness.clock.pass_by(minutes=2)
    assert await store.count(NAME, START + 3 * MINUTE) == 1
    await store.tidy()
    harness.expire()
    assert await store.count(NAME, START + 3 * MINUTE) == 2
