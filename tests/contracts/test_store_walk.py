"""What every record store shows to a verifier: everything, in order, the newest state, and where the audit stands."""

from __future__ import annotations

import asyncio

from security.audit_batch import ChainHead
from security.audit_chain import verify_chain
from service.store.port import RecordStore, SealedEntry
from service.store.walk import FiledEntry, FoundRecord
from tests.contracts.stores import CHAIN_KEY, StoreHarness, commit, full_commit, key_of, record_id, token


async def walked(store: RecordStore, page: int) -> list[FoundRecord]:
    found: list[FoundRecord] = []
    while more := await store.records_behind(found[-1].record_id if found else b"", page):
        assert len(more) <= page
        found += more
    return found


async def audited(store: RecordStore, page: int) -> list[FiledEntry]:
    found: list[FiledEntry] = []
    while more := await store.audit_behind(found[-1].place if found else b"", page):
        assert len(more) <= page
        found += more
    return found


async def test_an_empty_store_has_nothing_to_show(store: RecordStore) -> None:
    assert await walked(store, 3) == []
    assert await audited(store, 3) == []
    assert await store.chain_heads() == []
    assert await store.found(record_id(1)) is None
    assert await store.leading(record_id(1), [token("claim")], [token("look-up")]) == (set(), set())


async def test_records_come_in_order_of_id_page_by_page(store: RecordStore) -> None:
    for number in (5, 1, 4, 2, 3):
        await store.commit(commit(record_id(number), 1))
    newest = commit(record_id(4), 2, b"newer")
    await store.commit(newest)
    for page in (1, 2, 10):
        ids = [one.record_id for one in await walked(store, page)]
        assert ids == [record_id(number) for number in range(1, 6)]
    expected = FoundRecord(record_id(4), 2, b"newer", newest.head, key_of(record_id(4)))
    assert (await walked(store, 10))[3] == expected == await store.found(record_id(4))


async def test_what_leads_to_a_record_is_told_from_what_does_not(store: RecordStore) -> None:
    await store.commit(full_commit(record_id(1), 1))
    await store.commit(
        commit(record_id(2), 1, claims=frozenset({token("other")}), tokens=frozenset({token("look-up a")}))
    )
    await store.commit(
        commit(
            record_id(1),
            2,
            dropped_claims=frozenset({token("claim b")}),
            dropped_tokens=frozenset({token("look-up b")}),
        )
    )
    claims = [token("claim a"), token("claim b"), token("other"), token("never")]
    tokens = [token("look-up a"), token("look-up b"), token("never")]
    assert await store.leading(record_id(1), claims, tokens) == ({token("claim a")}, {token("look-up a")})
    assert await store.leading(record_id(2), claims, tokens) == ({token("other")}, {token("look-up a")})
    assert await store.leading(record_id(1), [], []) == (set(), set())


async def test_the_audit_comes_chain_by_chain_or_mixed_but_each_chain_in_order(
    store: RecordStore, other: RecordStore, harness: StoreHarness
) -> None:
    for number in range(6):
        await (store, other)[number % 2].append_audit(SealedEntry(b"%d" % number))
    await store.commit(commit(record_id(1), 1, audit=(b"6", b"7")))
    await asyncio.gather(*(store.append_audit(SealedEntry(b"%d" % number)) for number in range(8, 14)))
    for page in (1, 3, 100):
        found = await audited(store, page)
        assert sorted(one.linked.sealed for one in found) == sorted(b"%d" % number for number in range(14))
        for chain, linked in harness.chains().items():
            assert [one.linked for one in found if one.chain == chain] == linked
            assert verify_chain(CHAIN_KEY, chain, linked) == []


async def test_chain_heads_are_the_last_entries_also_when_asked_again(
    store: RecordStore, other: RecordStore, harness: StoreHarness
) -> None:
    for number in range(3):
        await store.append_audit(SealedEntry(b"%d" % number))
        await other.commit(commit(record_id(number), 1, audit=(b"a", b"b")))
        expected = [
            ChainHead(chain, linked[-1].seq, linked[-1].mac) for chain, linked in sorted(harness.chains().items())
        ]
        assert await store.chain_heads() == expected == await other.chain_heads()
