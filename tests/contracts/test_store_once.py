"""What every record store promises of things used once and things kept for a while, and of opening and closing."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from service.store.errors import AlreadyRemembered, StoreUnavailable
from service.store.port import RecordStore, Remembered, SealedEntry
from tests.contracts.stores import START, StoreHarness, commit, record_id, stored, token

ONE, TWO = record_id(1), record_id(2)
HOUR = timedelta(hours=1)


# --- spent tokens


async def test_of_parallel_spenders_exactly_one_spends(store: RecordStore, other: RecordStore) -> None:
    spending = [(store, other)[number % 2].spend_once(token("jti"), START + HOUR) for number in range(16)]
    assert sorted(await asyncio.gather(*spending)) == [False] * 15 + [True]


async def test_a_token_stays_spent_until_it_expires(store: RecordStore, harness: StoreHarness) -> None:
    assert await store.spend_once(token("jti"), START + HOUR)
    harness.clock.now = START + HOUR
    assert not await store.spend_once(token("jti"), START + HOUR)
    assert await store.spend_once(token("another"), START + 2 * HOUR)


async def test_expired_tokens_are_not_kept(store: RecordStore, harness: StoreHarness) -> None:
    for number in range(5):
        await store.spend_once(token(f"jti {number}"), START + HOUR)
    harness.clock.pass_by(hours=2)
    await store.spend_once(token("new"), harness.clock() + HOUR)
    await store.tidy()
    harness.expire()
    assert [row[0] for row in harness.everything()["spent"]] == [token("new")]


# --- remembered answers and kept texts


async def test_an_answer_is_remembered_with_its_commit(store: RecordStore) -> None:
    await store.commit(commit(ONE, 1, remembered=Remembered(token("key"), b"answer", START + HOUR)))
    assert await store.remembered(token("key")) == b"answer"
    assert await store.remembered(token("another")) is None


async def test_of_parallel_commits_under_one_key_exactly_one_has_an_effect(
    store: RecordStore, other: RecordStore
) -> None:
    made = [
        commit(record_id(number), 1, remembered=Remembered(token("key"), b"%d" % number, START + HOUR))
        for number in range(1, 17)
    ]
    results = await asyncio.gather(
        *((store, other)[number % 2].commit(one) for number, one in enumerate(made)), return_exceptions=True
    )
    assert [type(result) for result in results if result is not None] == [AlreadyRemembered] * 15
    there = [number for number in range(1, 17) if await store.fetch(record_id(number)) is not None]
    assert await store.remembered(token("key")) == b"%d" % there[0]
    assert len(there) == 1


async def test_an_answer_is_forgotten_when_its_time_is_over_and_its_key_is_free(
    store: RecordStore, harness: StoreHarness
) -> None:
    await store.commit(commit(ONE, 1, remembered=Remembered(token("key"), b"first", START + HOUR)))
    harness.clock.now = START + HOUR
    assert await store.remembered(token("key")) == b"first"
    harness.clock.pass_by(seconds=1)
    assert await store.remembered(token("key")) is None
    await store.commit(commit(ONE, 2, remembered=Remembered(token("key"), b"second", harness.clock() + HOUR)))
    assert await store.remembered(token("key")) == b"second"


async def test_a_kept_text_is_there_until_it_expires(store: RecordStore, harness: StoreHarness) -> None:
    await store.keep(token("text"), b"refused", START + timedelta(days=7))
    harness.clock.pass_by(days=7)
    assert await store.remembered(token("text")) == b"refused"
    harness.clock.pass_by(seconds=1)
    assert await store.remembered(token("text")) is None
    await store.keep(token("next"), b"refused too", harness.clock() + HOUR)
    await store.tidy()
    harness.expire()
    assert [row[0] for row in harness.everything()["remembered"]] == [token("next")]


# --- ready and closed


async def test_a_store_that_serves_is_ready(store: RecordStore) -> None:
    await store.ready()


async def test_a_store_that_cannot_commit_is_not_ready(store: RecordStore, harness: StoreHarness) -> None:
    with harness.failing(), pytest.raises(StoreUnavailable):
        await store.ready()
    await store.ready()


async def test_what_was_accepted_before_closing_is_committed(harness: StoreHarness) -> None:
    store = await harness.open()
    made = [commit(record_id(number), 1) for number in range(1, 30)]
    accepted = [asyncio.ensure_future(store.commit(one)) for one in made]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*accepted)
    again = await harness.open()
    assert [await again.fetch(one.record_id) for one in made] == [stored(one) for one in made]
    await again.close()


async def test_a_closed_store_says_that_it_is_unavailable(harness: StoreHarness) -> None:
    store = await harness.open()
    await store.commit(commit(ONE, 1))
    await store.close()
    await store.close()
    calls = (
        store.fetch(ONE),
        store.claimed(token("claim")),
        store.claimed_and_head(token("claim"), token("other")),
        store.holding(token("look-up"), 1),
        store.replaced(ONE, 1),
        store.piece(ONE, token("piece"), 0),
        store.remembered(token("key")),
        store.is_known(token("known")),
        store.commit(commit(ONE, 2)),
        store.append_audit(SealedEntry(b"late")),
        store.spend_once(token("jti"), START + HOUR),
        store.keep(token("text"), b"late", START + HOUR),
        store.tidy(),
        store.ready(),
    )
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results)


async def test_everything_is_there_after_opening_again(harness: StoreHarness) -> None:
    store = await harness.open()
    made = commit(ONE, 1, claims=frozenset({token("number")}), tokens=frozenset({token("look-up")}))
    await store.commit(made)
    await store.append_audit(SealedEntry(b"read"), token("partner"))
    before = harness.everything()
    await store.close()
    again = await harness.open()
    assert harness.everything() == before
    assert await again.claimed(token("number")) == stored(made)
    assert await again.holding(token("look-up"), 1) == [stored(made)]
    assert await again.is_known(token("partner"))
    with pytest.raises(StoreUnavailable):
        await store.fetch(ONE)
    await again.close()
