"""Whoever asks the writing process hears what became of it, whatever became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from service.store import sqlite_worker
from service.store.errors import StoreUnavailable
from service.store.grouped_audit import Entry, GroupedAudit
from service.store.port import SealedEntry
from service.store.sqlite import claim_file
from service.store.sqlite_reads import SqliteReads
from service.store.sqlite_worker import SqliteWorkerStore
from service.store.sqlite_writes import SqliteWrites
from service.store.writer_process import WriterProcess, socket_path
from tests.contracts.memory_documents import MemoryDocuments
from tests.contracts.stores import Moment, commit, new_chain, record_id, stored

ONE = record_id(1)


@asynccontextmanager
async def writing(path: Path, **replaced: Any) -> AsyncIterator[SqliteWorkerStore]:
    """Run a writer on a real socket, with some of its methods replaced, and a store that asks it."""
    claim_file(path)
    writes, stopped = SqliteWrites(path, new_chain(), Moment()), asyncio.Event()
    for name, method in replaced.items():
        setattr(writes, name, method)
    serving = asyncio.create_task(WriterProcess(writes, socket_path(path)).serve(stopped))
    while not socket_path(path).exists():  # noqa: ASYNC110 - the product's clients ask again instead
        await asyncio.sleep(0)
    store = SqliteWorkerStore(path, Moment())
    try:
        yield store
    finally:
        await store.close()
        stopped.set()
        await serving


async def test_a_call_that_fails_as_nobody_foresaw_is_unavailable_and_the_next_one_is_answered(tmp_path: Path) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("nobody foresaw this")

    async with writing(tmp_path / "records.sqlite", append_audits=broken) as store:
        with pytest.raises(StoreUnavailable):
            await store.append_audit(SealedEntry(b"entry"))
        await store.commit(commit(ONE, 1))
        assert await store.fetch(ONE) == stored(commit(ONE, 1))


async def test_a_writer_that_says_nothing_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = asyncio.Event()

    async def silent(*_: object) -> None:
        await answered.wait()

    async with writing(tmp_path / "records.sqlite", append_audits=silent) as store:
        with monkeypatch.context() as impatient:
            impatient.setattr(sqlite_worker, "PATIENCE_SECONDS", 0.05)
            with pytest.raises(StoreUnavailable, match="in time"):
                await store.append_audit(SealedEntry(b"entry"))
        answered.set()  # it speaks after all, and nobody listens any more
        await store.ready()


async def test_audit_entries_that_gather_while_others_are_written_travel_in_one_call(tmp_path: Path) -> None:
    calls: list[list[bytes]] = []
    go_on = asyncio.Event()

    async def slow(entries: list[tuple[SealedEntry, bytes | None]]) -> None:
        calls.append([entry.sealed for entry, _ in entries])
        await go_on.wait()

    async with writing(tmp_path / "records.sqlite", append_audits=slow) as store:
        first = asyncio.create_task(store.append_audit(SealedEntry(b"first")))
        while not calls:  # noqa: ASYNC110 - until it has crossed the socket
            await asyncio.sleep(0)
        others = [asyncio.create_task(store.append_audit(SealedEntry(b"%d" % number))) for number in range(20)]
        await asyncio.sleep(0)
        assert calls == [[b"first"]]
        go_on.set()
        await asyncio.gather(first, *others)
    assert calls == [[b"first"], [b"%d" % number for number in range(20)]]


async def test_closing_waits_for_audit_entries_that_have_not_left_yet(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    async with writing(path) as store:
        appended = [
            asyncio.create_task(store.append_audit(SealedEntry(b"%d" % number), b"known")) for number in range(3)
        ]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*appended)
        with pytest.raises(StoreUnavailable, match="closed"):
            await store.append_audit(SealedEntry(b"late"))
    reads = SqliteReads(path, Moment())
    assert [one.linked.sealed for one in await reads.audit_behind(b"", 10)] == [b"0", b"1", b"2"]
    assert await reads.is_known(b"known")
    reads.close_reads()


async def test_who_waits_behind_a_silent_writer_waits_no_longer_than_who_went_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_worker, "PATIENCE_SECONDS", 0.05)
    calls: list[int] = []
    answered = asyncio.Event()

    async def silent(entries: list[tuple[SealedEntry, bytes | None]]) -> None:
        calls.append(len(entries))
        await answered.wait()

    async with writing(tmp_path / "records.sqlite", append_audits=silent) as store:
        first = asyncio.create_task(store.append_audit(SealedEntry(b"first")))
        while not calls:  # noqa: ASYNC110 - until it has crossed the socket
            await asyncio.sleep(0)
        begun = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailable, match="in time"):
            await store.append_audit(SealedEntry(b"behind"))
        assert asyncio.get_running_loop().time() - begun < 5 * sqlite_worker.PATIENCE_SECONDS
        assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], StoreUnavailable)
        answered.set()


async def test_everyone_in_a_group_of_audit_entries_hears_of_a_failure_that_nobody_foresaw() -> None:
    class Broken(MemoryDocuments):
        failing = True

        async def insert_in_order(self, collection: str, documents: Any) -> int:
            if self.failing:
                raise RuntimeError("nobody foresaw this")
            return await super().insert_in_order(collection, documents)

    documents = Broken({})
    audit = GroupedAudit(documents, new_chain)
    told = await asyncio.gather(*(audit.append(Entry(b"%d" % number)) for number in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [StoreUnavailable] * 3
    documents.failing = False
    await audit.append(Entry(b"next"))
    assert [one["sealed"] for one in documents.collections["audit"].values()] == [b"next"]
