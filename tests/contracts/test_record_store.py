"""What every record store promises: commits are compare-and-set, all or nothing, and seen by every later read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken, StoreError
from service.store.port import Commit, RecordStore, Remembered, StoredPiece
from tests.contracts.stores import (
    START,
    StoreHarness,
    commit,
    faults,
    filed,
    full_commit,
    key_of,
    record_id,
    stored,
    token,
)

ONE, TWO = record_id(1), record_id(2)


async def outcomes(attempts: Sequence[Awaitable[None]]) -> list[BaseException | None]:
    """Run attempts together; None where one went through."""
    return list(await asyncio.gather(*attempts, return_exceptions=True))


# --- records, versions and pieces


async def test_an_empty_store_has_nothing_to_say(store: RecordStore) -> None:
    assert await store.fetch(ONE) is None
    assert await store.claimed(token("claim")) is None
    assert await store.claimed_and_head(token("claim"), token("other")) == (None, None)
    assert await store.holding(token("look-up"), 10) == []
    assert await store.replaced(ONE, 2) is None
    assert await store.piece(ONE, token("piece"), 0) is None
    assert await store.remembered(token("key")) is None
    assert not await store.is_known(token("known"))


async def test_what_was_committed_is_what_is_fetched(store: RecordStore) -> None:
    first = commit(ONE, 1, b"\x00\xff sealed")
    await store.commit(first)
    assert await store.fetch(ONE) == stored(first)
    second = commit(ONE, 2, b"another")
    await store.commit(second)
    assert await store.fetch(ONE) == stored(second)


async def test_the_key_stays_as_it_was_brought(store: RecordStore) -> None:
    for sequence in (1, 2, 3):
        await store.commit(commit(ONE, sequence))
    found = await store.fetch(ONE)
    assert found is not None
    assert found.key == key_of(ONE)


async def test_replaced_versions_are_filed_under_the_commit_that_replaced_them(store: RecordStore) -> None:
    await store.commit(commit(ONE, 1))
    await store.commit(commit(ONE, 2, replaced=b"first state"))
    await store.commit(commit(ONE, 3))
    await store.commit(commit(ONE, 4, replaced=b"third state"))
    assert [await store.replaced(ONE, sequence) for sequence in range(1, 6)] == [
        None,
        b"first state",
        None,
        b"third state",
        None,
    ]
    assert await store.replaced(TWO, 2) is None


async def test_pieces_are_found_by_record_piece_and_chunk(store: RecordStore) -> None:
    pieces = tuple(StoredPiece(token("scan"), chunk, b"chunk %d" % chunk) for chunk in range(3))
    await store.commit(commit(ONE, 1, pieces=pieces))
    assert [await store.piece(ONE, token("scan"), chunk) for chunk in range(4)] == [
        b"chunk 0",
        b"chunk 1",
        b"chunk 2",
        None,
    ]
    assert await store.piece(TWO, token("scan"), 0) is None
    assert await store.piece(ONE, token("other"), 0) is None


async def test_no_read_after_a_commit_is_stale_whoever_reads(store: RecordStore, other: RecordStore) -> None:
    for sequence in range(1, 20):
        made = commit(ONE, sequence, tokens=frozenset({token(f"look-up {sequence}")}))
        writer, reader = (store, other) if sequence % 2 else (other, store)
        await writer.commit(made)
        assert await reader.fetch(ONE) == stored(made)
        assert await reader.holding(token(f"look-up {sequence}"), 1) == [stored(made)]


# --- compare-and-set


@pytest.mark.parametrize("sequence", [1, 2, 4, 9])
async def test_only_the_next_sequence_is_accepted(store: RecordStore, sequence: int) -> None:
    await store.commit(commit(ONE, 1))
    newest = commit(ONE, 2)
    await store.commit(newest)
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, sequence, b"late"))
    assert await store.fetch(ONE) == stored(newest)


async def test_a_record_that_is_not_there_has_no_second_sequence(store: RecordStore) -> None:
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, 2))
    assert await store.fetch(ONE) is None


@pytest.mark.parametrize("racers", [2, 16])
async def test_of_racing_commits_exactly_one_wins(store: RecordStore, other: RecordStore, racers: int) -> None:
    await store.commit(commit(ONE, 1))
    for sequence in range(2, 6):
        made = [commit(ONE, sequence, b"by racer %d" % racer) for racer in range(racers)]
        stores = (store, other)
        results = await outcomes([stores[number % 2].commit(one) for number, one in enumerate(made)])
        winners = [one for one, result in zip(made, results, strict=True) if result is None]
        assert len(winners) == 1
        assert all(result is None or isinstance(result, SequenceTaken) for result in results)
        assert await other.fetch(ONE) == stored(winners[0])


async def test_of_racing_first_commits_exactly_one_wins(store: RecordStore, other: RecordStore) -> None:
    made = [commit(ONE, 1, b"by racer %d" % racer) for racer in range(16)]
    results = await outcomes([(store, other)[number % 2].commit(one) for number, one in enumerate(made)])
    assert [type(result) for result in results if result is not None] == [SequenceTaken] * 15


# --- claims


async def test_a_claim_leads_to_its_record(store: RecordStore) -> None:
    made = commit(ONE, 1, claims=frozenset({token("number")}))
    await store.commit(made)
    assert await store.claimed(token("number")) == stored(made)
    assert await store.claimed(token("another")) is None


async def test_a_claim_and_the_head_behind_another_come_in_one_look_up(store: RecordStore) -> None:
    one, two = (commit(number, 1, claims=frozenset({token(word)})) for number, word in ((ONE, "one"), (TWO, "two")))
    await store.commit(one)
    await store.commit(two)
    assert await store.claimed_and_head(token("one"), token("two")) == (stored(one), two.head)
    assert await store.claimed_and_head(token("two"), token("one")) == (stored(two), one.head)
    assert await store.claimed_and_head(token("one"), token("none")) == (stored(one), None)
    assert await store.claimed_and_head(token("none"), token("two")) == (None, two.head)
    newer = commit(TWO, 2)
    await store.commit(newer)
    assert await store.claimed_and_head(token("one"), token("two")) == (stored(one), newer.head)


async def test_racing_claims_have_one_winner_and_the_losers_are_told_who(
    store: RecordStore, other: RecordStore
) -> None:
    made = [commit(record_id(number), 1, claims=frozenset({token("number")})) for number in range(1, 17)]
    results = await outcomes([(store, other)[number % 2].commit(one) for number, one in enumerate(made)])
    winner = next(one for one, result in zip(made, results, strict=True) if result is None)
    losers = [result for result in results if isinstance(result, ClaimTaken)]
    assert len(losers) == 15
    assert {loser.holder for loser in losers} == {winner.record_id}
    assert await store.claimed(token("number")) == stored(winner)
    assert [one.record_id for one in made if await store.fetch(one.record_id) is not None] == [winner.record_id]


async def test_a_record_may_claim_again_what_it_holds(store: RecordStore) -> None:
    await store.commit(commit(ONE, 1, claims=frozenset({token("number")})))
    again = commit(ONE, 2, claims=frozenset({token("number")}))
    await store.commit(again)
    assert await store.claimed(token("number")) == stored(again)


async def test_a_dropped_claim_is_free_for_others_and_for_its_former_holder(store: RecordStore) -> None:
    claim = frozenset({token("number")})
    await store.commit(commit(ONE, 1, claims=claim))
    await store.commit(commit(ONE, 2, dropped_claims=claim))
    assert await store.claimed(token("number")) is None
    taken = commit(TWO, 1, claims=claim)
    await store.commit(taken)
    with pytest.raises(ClaimTaken):
        await store.commit(commit(ONE, 3, claims=claim))
    await store.commit(commit(TWO, 2, dropped_claims=claim))
    await store.commit(commit(ONE, 3, claims=claim))
    found = await store.claimed(token("number"))
    assert found is not None
    assert found.record_id == ONE


async def test_nobody_can_drop_the_claim_of_another(store: RecordStore) -> None:
    claim = frozenset({token("number")})
    made = commit(ONE, 1, claims=claim)
    await store.commit(made)
    await store.commit(commit(TWO, 1, dropped_claims=claim))
    assert await store.claimed(token("number")) == stored(made)


# --- look-up tokens


async def test_tokens_are_added_and_dropped_record_by_record(store: RecordStore) -> None:
    shared, own = token("shared"), token("own")
    await store.commit(commit(ONE, 1, tokens=frozenset({shared, own})))
    await store.commit(commit(TWO, 1, tokens=frozenset({shared})))
    assert {one.record_id for one in await store.holding(shared, 10)} == {ONE, TWO}
    assert [one.record_id for one in await store.holding(own, 10)] == [ONE]
    await store.commit(commit(ONE, 2, dropped_tokens=frozenset({shared})))
    assert [one.record_id for one in await store.holding(shared, 10)] == [TWO]
    assert [one.record_id for one in await store.holding(own, 10)] == [ONE]


async def test_a_token_may_be_added_twice_and_is_held_once(store: RecordStore) -> None:
    await store.commit(commit(ONE, 1, tokens=frozenset({token("look-up")})))
    newest = commit(ONE, 2, tokens=frozenset({token("look-up")}))
    await store.commit(newest)
    assert await store.holding(token("look-up"), 10) == [stored(newest)]


async def test_carrying_any_of_several_tokens_gives_each_record_once(store: RecordStore) -> None:
    one, two, three = (token(word) for word in ("one", "two", "three"))
    await store.commit(commit(ONE, 1, tokens=frozenset({one, two})))
    await store.commit(commit(TWO, 1, tokens=frozenset({two, three})))
    await store.commit(commit(record_id(3), 1, tokens=frozenset({token("other")})))

    async def carrying(*tokens: bytes, limit: int = 10) -> list[bytes]:
        return sorted(found.record_id for found in await store.carrying(tokens, limit))

    assert await carrying(one, two, three) == [ONE, TWO]
    assert await carrying(three, token("nobody's")) == [TWO]
    assert await carrying(token("nobody's")) == await carrying() == []
    assert len(await carrying(one, three, limit=1)) == 1
    await store.commit(commit(TWO, 2, dropped_tokens=frozenset({three})))
    assert await carrying(three) == []
    assert await carrying(two) == [ONE, TWO]


async def test_holding_gives_no_more_than_asked_for(store: RecordStore) -> None:
    for number in range(1, 6):
        await store.commit(commit(record_id(number), 1, tokens=frozenset({token("look-up")})))
    found = await store.holding(token("look-up"), 3)
    assert len({one.record_id for one in found}) == 3


# --- all or nothing


def _conflicts() -> dict[str, tuple[Commit, type[StoreError]]]:
    wanted = full_commit(ONE, 2)
    return {
        "the sequence is taken": (full_commit(ONE, 1), SequenceTaken),
        "the sequence is ahead": (full_commit(ONE, 3), SequenceTaken),
        "the record is not there": (full_commit(record_id(3), 2), SequenceTaken),
        "a claim is another's": (
            replace(wanted, claims=frozenset({token("claim a"), token("claim of two")})),
            ClaimTaken,
        ),
        "a claim is another's, first commit": (
            replace(full_commit(record_id(3), 1), claims=frozenset({token("claim a"), token("claim of two")})),
            ClaimTaken,
        ),
        "the answer is remembered": (
            replace(wanted, remembered=Remembered(token("key of two"), b"second", START + timedelta(hours=1))),
            AlreadyRemembered,
        ),
    }


@pytest.mark.parametrize("kind", list(_conflicts()))
async def test_a_commit_that_fails_leaves_nothing_in_any_table(
    store: RecordStore, harness: StoreHarness, kind: str
) -> None:
    old = commit(ONE, 1, claims=frozenset({token("claim old")}), tokens=frozenset({token("look-up old")}))
    await store.commit(old)
    kept = Remembered(token("key of two"), b"first", START + timedelta(hours=1))
    await store.commit(commit(TWO, 1, claims=frozenset({token("claim of two")}), audit=(b"zero",), remembered=kept))
    before = harness.everything()
    wanted, error = _conflicts()[kind]
    with pytest.raises(error):
        await store.commit(wanted)
    assert harness.everything() == before
    assert await store.remembered(token("key of two")) == b"first"
    # The same content goes through where nothing stands in its way: it was the conflict that kept it out.
    await store.commit(full_commit(ONE, 2))
    after = harness.everything()
    assert {name for name, rows in after.items() if rows != before[name]} == set(before) - {
        "keys",
        "spent",
        "leases",
        "counters",
        "epochs",
        "audit_tokens",  # filled behind the commits
        "audit_indexed",
    }
    assert faults(harness) == []


async def test_a_conflict_does_not_take_its_neighbours_with_it(store: RecordStore, harness: StoreHarness) -> None:
    await store.commit(commit(ONE, 1))
    attempts = [store.commit(commit(ONE, 1, b"late", audit=(b"late",)))]
    attempts += [store.commit(commit(record_id(number), 1, audit=(b"%d" % number,))) for number in range(2, 12)]
    attempts += [store.commit(commit(ONE, 1, b"later", audit=(b"later",)))]
    results = await outcomes(attempts)
    assert [type(result) for result in results if result is not None] == [SequenceTaken, SequenceTaken]
    assert sorted(filed(harness)) == sorted(b"%d" % number for number in range(2, 12))
    assert faults(harness) == []
