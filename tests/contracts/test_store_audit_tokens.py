"""Audit entries are found by the look-up tokens that stand beside them, from the moment that they are durable."""

from __future__ import annotations

import asyncio

import pytest

from service.store.errors import SequenceTaken
from service.store.port import RecordStore, SealedEntry
from tests.contracts.stores import StoreHarness, commit, record_id, token

ONE, TWO = token("of one"), token("of two")


def entry(number: int, *tokens: bytes) -> SealedEntry:
    """Return an entry that its tokens lead to."""
    return SealedEntry(b"entry %d" % number, b"".join(tokens))


async def walked(store: RecordStore, *tokens: bytes, page: int = 100) -> list[bytes]:
    """Return the sealed entries that any of some tokens leads to, page by page."""
    found: list[bytes] = []
    place = b""
    while entries := await store.audit_carrying(tokens, place, page):
        assert len(entries) <= page
        found += [one.linked.sealed for one in entries]
        place = entries[-1].place
    return found


@pytest.mark.parametrize("tidied", [False, True])
async def test_newest_first_and_each_once_on_every_page(store: RecordStore, tidied: bool) -> None:
    await store.append_audit(entry(0, TWO, token("filling")))
    for number in range(1, 8):
        await store.append_audit(entry(number, ONE, TWO) if number % 2 else entry(number, ONE, token("filling")))
        if tidied and number == 4:
            await store.tidy()
    wanted = [b"entry %d" % number for number in range(7, 0, -1)]
    for page in (1, 2, 3, 100):
        assert await walked(store, ONE, page=page) == wanted
        assert await walked(store, ONE, TWO, page=page) == [*wanted, b"entry 0"]
    assert await walked(store, TWO) == [b"entry 7", b"entry 5", b"entry 3", b"entry 1", b"entry 0"]
    assert await walked(store, token("nobody")) == []
    (newest,) = await store.audit_carrying([ONE], b"", 1)
    assert newest.tokens == ONE + TWO
    assert newest.linked.seq == 8


@pytest.mark.parametrize("tidied", [False, True])
async def test_entries_of_commits_and_of_other_processes_too(
    store: RecordStore, other: RecordStore, tidied: bool
) -> None:
    made = [entry(number, ONE) for number in range(6)]
    await store.commit(commit(record_id(1), 1, audit=(made[0], made[1], entry(9, TWO))))
    await asyncio.gather(store.append_audit(made[2]), other.append_audit(made[3]), store.append_audit(made[4]))
    await other.commit(commit(record_id(1), 2, audit=(made[5],)))
    if tidied:
        await store.tidy()
        await other.tidy()
    for page in (1, 4, 100):
        assert sorted(await walked(store, ONE, page=page)) == [one.sealed for one in made]
        assert await walked(other, ONE, page=page) == await walked(store, ONE, page=100)


async def test_an_entry_that_was_not_stored_is_not_found(store: RecordStore, harness: StoreHarness) -> None:
    await store.append_audit(entry(1, ONE))
    await store.commit(commit(record_id(1), 1))
    with pytest.raises(SequenceTaken):
        await store.commit(commit(record_id(1), 1, audit=(entry(2, ONE),)))
    await store.append_audit(SealedEntry(b"without tokens"))
    await store.tidy()
    assert await walked(store, ONE) == [b"entry 1"]


async def test_they_are_still_found_after_a_start(harness: StoreHarness) -> None:
    first = await harness.open()
    await first.append_audit(entry(1, ONE))
    await first.tidy()
    await first.append_audit(entry(2, ONE))
    await first.close()
    second = await harness.open()
    await second.append_audit(entry(3, ONE))
    found = await walked(second, ONE)
    await second.tidy()
    assert sorted(found) == sorted(await walked(second, ONE)) == [b"entry 1", b"entry 2", b"entry 3"]
    await second.close()
