"""What every record store promises of audit entries: durable, in one chain, and gone with the commit that failed."""

from __future__ import annotations

import asyncio

import pytest

from service.store.errors import SequenceTaken, StoreUnavailable
from service.store.port import RecordStore, SealedEntry
from tests.contracts.stores import StoreHarness, commit, faults, filed, full_commit, record_id, token

ONE = record_id(1)


async def test_entries_are_linked_in_the_order_in_which_they_are_filed(
    store: RecordStore, harness: StoreHarness
) -> None:
    await store.append_audit(SealedEntry(b"0"))
    await store.commit(commit(ONE, 1, audit=(b"1", b"2")))
    await asyncio.gather(*(store.append_audit(SealedEntry(b"%d" % number)) for number in range(3, 40)))
    await store.commit(commit(ONE, 2, audit=(b"40",)))
    (linked,) = harness.chains().values()
    assert [entry.sealed for entry in linked] == [b"%d" % number for number in range(41)]
    assert [entry.seq for entry in linked] == list(range(1, 42))
    assert faults(harness) == []


async def test_whoever_files_has_a_chain_of_its_own(
    store: RecordStore, other: RecordStore, harness: StoreHarness
) -> None:
    """Two that file for themselves have two chains; where one process files for both, there is one."""
    await asyncio.gather(
        *((store, other)[number % 2].append_audit(SealedEntry(b"%d" % number)) for number in range(20))
    )
    assert sorted(len(linked) for linked in harness.chains().values()) in ([10, 10], [20])
    assert sorted(filed(harness)) == sorted(b"%d" % number for number in range(20))
    assert faults(harness) == []


async def test_an_entry_is_there_when_its_append_returns(store: RecordStore, harness: StoreHarness) -> None:
    for number in range(5):
        await store.append_audit(SealedEntry(b"%d" % number))
        assert filed(harness)[-1] == b"%d" % number


async def test_a_refused_commit_files_no_entry_and_leaves_no_gap(store: RecordStore, harness: StoreHarness) -> None:
    await store.commit(commit(ONE, 1, audit=(b"made",)))
    with pytest.raises(SequenceTaken):
        await store.commit(commit(ONE, 1, audit=(b"never",)))
    await store.append_audit(SealedEntry(b"read"))
    assert filed(harness) == [b"made", b"read"]
    assert faults(harness) == []


async def test_a_known_partner_is_written_with_the_entry_that_made_it_known(store: RecordStore) -> None:
    await store.append_audit(SealedEntry(b"first"), token("by reading"))
    await store.append_audit(SealedEntry(b"again"), token("by reading"))
    await store.commit(commit(ONE, 1, known=token("by writing")))
    assert await store.is_known(token("by reading"))
    assert await store.is_known(token("by writing"))
    assert not await store.is_known(token("nobody"))


async def test_a_lost_group_acknowledges_nothing_and_leaves_nothing(store: RecordStore, harness: StoreHarness) -> None:
    await store.commit(commit(ONE, 1, audit=(b"before",)))
    before = harness.everything()
    with harness.failing():
        results = await asyncio.gather(
            store.commit(full_commit(ONE, 2)),
            *(store.append_audit(SealedEntry(b"lost %d" % number), token(f"lost {number}")) for number in range(20)),
            store.commit(full_commit(record_id(2), 1)),
            store.keep(token("kept"), b"text", harness.clock()),
            store.spend_once(token("spent"), harness.clock()),
            return_exceptions=True,
        )
    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert harness.everything() == before
    assert not await store.is_known(token("lost 3"))


async def test_after_a_lost_group_the_chain_goes_on_without_a_gap(store: RecordStore, harness: StoreHarness) -> None:
    await store.append_audit(SealedEntry(b"1"))
    for _ in range(3):
        with harness.failing(), pytest.raises(StoreUnavailable):
            await store.append_audit(SealedEntry(b"lost"), token("partner"))
    await store.commit(full_commit(ONE, 1))
    await store.append_audit(SealedEntry(b"2"), token("partner"))
    (linked,) = harness.chains().values()
    assert [(entry.seq, entry.sealed) for entry in linked] == [
        (1, b"1"),
        (2, b"audit one"),
        (3, b"audit two"),
        (4, b"2"),
    ]
    assert faults(harness) == []
    assert await store.is_known(token("partner"))
