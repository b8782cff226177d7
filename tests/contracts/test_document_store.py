"""What the document store makes of commits that nobody filed, copies that are behind, and writers that never came.

Documents are put into the database as a process would leave them that died at that very place.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from service.store.claims import COMMITS, void
from service.store.commit_documents import document_of
from service.store.document_store import DocumentStore
from service.store.epochs import NUMBERS, StoredEpoch
from service.store.errors import ClaimTaken, SequenceTaken, StoreUnavailable
from service.store.filing import RECORDS, UNFILED
from service.store.port import Commit
from service.store.series import numbered
from service.store.token_places import TOKENS
from tests.contracts.stores import (
    MemoryHarness,
    MongoHarness,
    commit,
    faults,
    filed,
    full_commit,
    key_of,
    new_chain,
    record_id,
    stored,
    token,
)

Collections = MemoryHarness | MongoHarness
ONE, TWO = record_id(1), record_id(2)
ATTEMPT = b"attempt-of-1"


async def opened(collections: Collections, **options: Any) -> DocumentStore:
    """Open the store as one more process; it takes abandoned commits away at once."""
    return DocumentStore(await collections.documents(), new_chain, collections.clock, **{"patience": 0, **options})


async def leave(collections: Collections, made: Commit, *, announced_only: bool = False) -> None:
    """Leave what a process leaves that dies when it has made a commit, or when it has announced it."""
    documents = await collections.documents()
    record = made.record_id.hex()
    for name, taken in (("claims", made.claims), ("remembered", {made.remembered.key} if made.remembered else set())):
        for one in taken:
            holder = {"record": record, "sequence": made.sequence, "attempt": ATTEMPT}
            if name == "remembered" and made.remembered is not None:
                holder |= {"expires": made.remembered.expires}
            await documents.insert(name, {"_id": numbered(one.hex(), 1), **holder})
    if made.sequence == 1:
        key = key_of(made.record_id)
        await documents.insert("keys", {"_id": record, "dek_id": key.dek_id, "kek_id": key.kek_id, "blob": key.blob})
    await documents.insert(UNFILED, {"_id": numbered(record, made.sequence), "made": collections.clock()})
    if not announced_only:
        await documents.insert(COMMITS, document_of(made, ATTEMPT, None))
    await documents.close()


# --- commits that were made and not filed


async def test_a_reader_finds_a_commit_that_nobody_filed(collections: Collections) -> None:
    made = full_commit(ONE, 1)
    await leave(collections, made)
    store = await opened(collections)
    assert await store.fetch(ONE) == stored(made)
    assert [one.record_id for one in await store.holding(token("look-up a"), 5)] == [ONE], "filed by the one who met it"
    assert filed(collections) == [b"audit one", b"audit two"]
    await store.close()


async def test_a_look_up_by_a_unique_token_finds_it_too(collections: Collections) -> None:
    made = full_commit(ONE, 1)
    await leave(collections, made)
    store = await opened(collections)
    assert await store.claimed(token("claim a")) == stored(made)
    assert await store.claimed_and_head(token("claim b"), token("claim a")) == (stored(made), made.head)
    await store.close()


async def test_a_look_up_of_two_sees_what_nobody_filed_of_either(collections: Collections) -> None:
    store = await opened(collections)
    await store.commit(full_commit(ONE, 1))
    await store.commit(commit(TWO, 1, claims=frozenset({token("register")})))

    async def leave_and_look_up(*left: Commit) -> object:
        for one in left:
            await leave(collections, one)
        return await store.claimed_and_head(token("claim a"), token("register"))

    one, two = ([commit(record, sequence, replaced=b"before") for sequence in (2, 3)] for record in (ONE, TWO))
    assert await leave_and_look_up(one[0]) == (stored(one[0]), commit(TWO, 1).head)
    assert await leave_and_look_up(two[0]) == (stored(one[0]), two[0].head)
    assert await leave_and_look_up(one[1], two[1]) == (stored(one[1]), two[1].head)
    await store.close()


async def test_a_look_up_of_two_passes_over_holders_whose_time_is_over(collections: Collections) -> None:
    store = await opened(collections)
    await store.commit(commit(ONE, 1, claims=frozenset({token("name")})))
    await store.commit(commit(ONE, 2, dropped_claims=frozenset({token("name")})))
    assert await store.claimed_and_head(token("name"), token("name")) == (None, None)
    await store.commit(commit(TWO, 1, claims=frozenset({token("name")})))
    assert await store.claimed_and_head(token("name"), token("name")) == (stored(commit(TWO, 1)), commit(TWO, 1).head)
    await store.close()


async def test_a_repeated_request_finds_the_answer_of_an_unfiled_commit(collections: Collections) -> None:
    await leave(collections, full_commit(ONE, 1))
    store = await opened(collections)
    assert await store.remembered(token("remembered")) == b"answer"
    await store.close()


async def test_several_unfiled_commits_are_read_to_the_last(collections: Collections) -> None:
    store = await opened(collections)
    await store.commit(full_commit(ONE, 1))
    for sequence in range(2, 6):
        await leave(collections, commit(ONE, sequence, replaced=b"before %d" % sequence, audit=(b"%d" % sequence,)))
    assert await store.fetch(ONE) == stored(commit(ONE, 5))
    assert [await store.replaced(ONE, sequence) for sequence in range(2, 6)] == [b"before %d" % n for n in range(2, 6)]
    await store.commit(commit(ONE, 6))
    assert await store.fetch(ONE) == stored(commit(ONE, 6))
    await store.close()


async def test_an_epoch_loses_no_commit_that_nobody_filed_and_lets_none_come_late(collections: Collections) -> None:
    store = await opened(collections)
    await store.commit(commit(ONE, 1))
    await leave(collections, commit(ONE, 2, claims=frozenset({token("claim")})))
    await leave(collections, commit(TWO, 1))
    await leave(collections, commit(ONE, 3, claims=frozenset({token("late")})), announced_only=True)
    await store.begin_epoch(StoredEpoch(1, b"statement"))
    await store.close()
    store = await opened(collections)
    assert await store.claimed(token("claim")) == replace(stored(commit(ONE, 2)), skipped=NUMBERS - 3)
    assert [one.record_id for one in await store.records_behind(b"", 5)] == [ONE, TWO]
    documents = await collections.documents()
    assert not await documents.insert(COMMITS, document_of(commit(ONE, 3), ATTEMPT, None)), "its number is taken"
    await store.commit(commit(ONE, NUMBERS, claims=frozenset({token("late")})))
    assert await store.claimed(token("late")) == stored(commit(ONE, NUMBERS))
    await documents.close()
    await store.close()


async def test_a_process_that_was_open_when_an_epoch_began_learns_of_it(collections: Collections) -> None:
    store, beside = await opened(collections), await opened(collections)
    await store.commit(commit(ONE, 1))
    await store.begin_epoch(StoredEpoch(1, b"statement"))
    await beside.tidy()
    found = await beside.fetch(ONE)
    assert found is not None
    assert found.sequence + 1 + found.skipped == NUMBERS
    await store.close()
    await beside.close()


async def test_the_next_writer_files_what_it_finds(collections: Collections) -> None:
    await leave(collections, full_commit(ONE, 1))
    store = await opened(collections)
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, 1, b"late"))
    await store.commit(commit(ONE, 2))
    assert filed(collections) == [b"audit one", b"audit two"]
    await store.close()


async def test_tidying_files_what_nobody_reads(collections: Collections) -> None:
    await leave(collections, full_commit(ONE, 1))
    store = await opened(collections)
    await store.tidy()
    assert collections.everything()["records"] != []
    assert filed(collections) == [b"audit one", b"audit two"]
    assert [one.sealed for one in await store.waiting(b"", 5)] == [b"to be sent"]
    await store.close()


async def test_filing_twice_at_once_and_again_later_changes_nothing(collections: Collections) -> None:
    await leave(collections, full_commit(ONE, 1))
    stores = [await opened(collections) for _ in range(4)]
    for _ in range(2):
        await asyncio.gather(*(store.fetch(ONE) for store in stores), *(store.tidy() for store in stores))
    assert sorted(filed(collections)) == [b"audit one", b"audit two"]
    assert faults(collections) == []
    before = collections.everything()
    await leave(collections, full_commit(ONE, 1))
    for store in stores:
        await store.tidy()
        await store.close()
    assert collections.everything() == before


async def test_what_was_sent_does_not_come_back_when_a_slow_process_files_again(collections: Collections) -> None:
    await leave(collections, full_commit(ONE, 1))
    store = await opened(collections)
    await store.tidy()
    (waiting,) = await store.waiting(b"", 5)
    await store.done(waiting.id)
    documents = await collections.documents()
    await documents.delete(RECORDS, ONE.hex())  # as if the copy had never been brought forward
    await store.fetch(ONE)
    assert await store.waiting(b"", 5) == []
    await documents.close()
    await store.close()


async def test_half_of_the_filing_is_finished_by_another(collections: Collections) -> None:
    made = full_commit(ONE, 1)
    await leave(collections, made)
    documents = await collections.documents()
    await documents.insert("versions", {"_id": numbered(ONE.hex(), 1), "replaced": made.replaced})
    place = {"record": ONE.hex(), "sequence": 1}
    await documents.insert(TOKENS, {"_id": numbered(token("look-up a").hex(), 1), **place})
    await documents.close()
    store = await opened(collections)
    assert await store.fetch(ONE) == stored(made)
    for look_up in ("look-up a", "look-up b"):
        assert [one.record_id for one in await store.holding(token(look_up), 5)] == [ONE]
    assert filed(collections) == [b"audit one", b"audit two"]
    await store.close()


async def test_a_copy_that_a_slow_filer_took_back_is_only_behind(collections: Collections) -> None:
    store = await opened(collections)
    documents = await collections.documents()
    await store.commit(commit(ONE, 1))
    await store.commit(commit(ONE, 2))
    old = await documents.find(RECORDS, ONE.hex())
    assert old is not None
    await store.commit(commit(ONE, 3))
    await store.commit(commit(ONE, 4))
    await documents.slim(RECORDS, old)
    assert await store.fetch(ONE) == stored(commit(ONE, 4))
    await store.commit(commit(ONE, 5))
    assert await store.fetch(ONE) == stored(commit(ONE, 5))
    await documents.close()
    await store.close()


async def test_a_slow_process_that_files_an_old_drop_again_takes_nothing_from_a_later_claim(
    collections: Collections,
) -> None:
    claim, look_up = frozenset({token("number")}), frozenset({token("look-up")})
    store = await opened(collections)
    documents = await collections.documents()
    await store.commit(commit(ONE, 1, claims=claim, tokens=look_up))
    before = await documents.find(RECORDS, ONE.hex())
    await store.commit(commit(ONE, 2, dropped_claims=claim, dropped_tokens=look_up))
    drop = await documents.find(COMMITS, numbered(ONE.hex(), 2))
    await store.commit(commit(ONE, 3, claims=claim, tokens=look_up))
    assert before is not None
    assert drop is not None
    await documents.slim(COMMITS, drop)
    await documents.slim(RECORDS, before)
    for _ in range(2):
        assert await store.claimed(token("number")) == stored(commit(ONE, 3))
        assert await store.holding(token("look-up"), 5) == [stored(commit(ONE, 3))]
    await documents.close()
    await store.close()


async def test_a_filed_commit_is_slimmed_when_its_successor_is_filed(collections: Collections) -> None:
    store = await opened(collections)
    for sequence in range(1, 4):
        await store.commit(full_commit(ONE, sequence) if sequence == 1 else commit(ONE, sequence))
    documents = await collections.documents()
    left = [await documents.find(COMMITS, numbered(ONE.hex(), sequence)) for sequence in range(1, 4)]
    assert ["sealed" in one for one in left if one is not None] == [False, False, True]
    assert await documents.walk(UNFILED, "", 10) == []
    await documents.close()
    await store.close()


# --- commits that were announced and never made


async def test_what_was_only_announced_is_nowhere(collections: Collections) -> None:
    await leave(collections, full_commit(ONE, 1), announced_only=True)
    store = await opened(collections)
    assert await store.fetch(ONE) is None
    assert await store.claimed(token("claim a")) is None
    assert await store.remembered(token("remembered")) is None
    assert await store.holding(token("look-up a"), 5) == []
    await store.close()


async def test_an_abandoned_claim_goes_to_the_next_who_wants_it_and_the_slow_writer_loses(
    collections: Collections,
) -> None:
    slow = commit(ONE, 1, claims=frozenset({token("number")}))
    await leave(collections, slow, announced_only=True)
    store = await opened(collections)
    quick = commit(TWO, 1, claims=frozenset({token("number")}))
    await store.commit(quick)
    assert await store.claimed(token("number")) == stored(quick)
    documents = await collections.documents()
    assert not await documents.insert(COMMITS, document_of(slow, ATTEMPT, None)), "its place is taken by a void commit"
    assert await store.fetch(ONE) is None
    with pytest.raises(ClaimTaken):
        await store.commit(commit(record_id(3), 1, claims=frozenset({token("number")})))
    await documents.close()
    await store.close()


async def test_a_record_whose_commit_was_taken_away_skips_its_number(collections: Collections) -> None:
    store = await opened(collections)
    first = commit(ONE, 1)
    await store.commit(first)
    await leave(collections, commit(ONE, 2, claims=frozenset({token("number")})), announced_only=True)
    await store.commit(commit(TWO, 1, claims=frozenset({token("number")})))
    found = await store.fetch(ONE)
    assert found is not None
    assert (found.sequence, found.sealed, found.skipped) == (1, first.sealed, 1)
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, 2))
    await store.commit(commit(ONE, 3))
    assert await store.fetch(ONE) == stored(commit(ONE, 3))
    await store.close()


async def test_a_writer_that_is_only_slow_is_waited_for(collections: Collections) -> None:
    """Sixteen create the same person at once: one does, and nobody takes that one's commit away."""
    stores = [await opened(collections, patience=5) for _ in range(2)]
    made = [commit(record_id(number), 1, claims=frozenset({token("number")})) for number in range(1, 17)]
    results = await asyncio.gather(
        *(stores[number % 2].commit(one) for number, one in enumerate(made)), return_exceptions=True
    )
    assert [type(result) for result in results if result is not None] == [ClaimTaken] * 15
    documents = await collections.documents()
    assert not [one for one in await documents.walk(COMMITS, "", 100) if "void" in one]
    await documents.close()
    for store in stores:
        await store.close()


async def test_tidying_takes_the_place_of_what_was_announced_a_minute_ago(collections: Collections) -> None:
    await leave(collections, commit(ONE, 1), announced_only=True)
    store = await opened(collections)
    documents = await collections.documents()
    await store.tidy()
    assert await documents.find(COMMITS, numbered(ONE.hex(), 1)) is None, "it may still come"
    collections.clock.pass_by(seconds=61)
    await store.tidy()
    assert "void" in (await documents.find(COMMITS, numbered(ONE.hex(), 1)) or {})
    assert await documents.walk(UNFILED, "", 10) == []
    await documents.close()
    await store.close()


# --- outcomes that the database did not tell


class Unsure:
    """Documents whose next insert into `commits` is answered with silence, having happened or not."""

    def __init__(self, documents: Any, happens: bool) -> None:
        self._documents = documents
        self._happens = happens
        self._silent = True

    async def insert(self, collection: str, document: dict[str, Any]) -> bool:
        if collection != COMMITS or not self._silent:
            return bool(await self._documents.insert(collection, document))
        self._silent = False
        if self._happens:
            await self._documents.insert(collection, document)
        raise StoreUnavailable("silence")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)


@pytest.mark.parametrize("happened", [True, False])
async def test_a_commit_whose_fate_is_unknown_is_found_out(collections: Collections, happened: bool) -> None:
    documents: Any = Unsure(await collections.documents(), happened)
    store = DocumentStore(documents, new_chain, collections.clock, patience=0)
    made = full_commit(ONE, 1)
    if happened:
        await store.commit(made)
        assert await store.fetch(ONE) == stored(made)
        assert filed(collections) == [b"audit one", b"audit two"]
    else:
        with pytest.raises(StoreUnavailable):
            await store.commit(made)
        assert await store.fetch(ONE) is None
        assert not await documents.insert(COMMITS, document_of(made, ATTEMPT, None)), "it can never come late"
    await store.close()


async def test_a_void_commit_tells_nothing(collections: Collections) -> None:
    documents = await collections.documents()
    await documents.insert(COMMITS, void(ONE.hex(), 1))
    store = await opened(collections)
    assert await store.fetch(ONE) is None
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, 1))
    await documents.close()
    await store.close()
