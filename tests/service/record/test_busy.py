"""Of two processes with writers for one record the slower one gets its turn, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.record.busy import INSISTS, LOOKS
from service.record.errors import VersionConflict
from service.store.errors import SequenceTaken, StoreUnavailable
from service.store.port import Commit, RecordStore
from tests.service.record.house import House, create, note, patient, update
from tests.service.record.interrupted import Interrupted, lost


class Watched:
    """A store that says when a commit was made through it, or somebody stood back."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()
        self.moved = asyncio.Event()
        self.stood_back = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, commit: Commit) -> None:
        await self._store.commit(commit)
        self.moved.set()

    async def lease(self, name: bytes, holder: bytes, until: datetime) -> int | None:
        self.asked["lease"] += 1
        return await self._store.lease(name, holder, until)

    async def leased(self, name: bytes) -> bool:
        self.asked["leased"] += 1
        if taken := await self._store.leased(name):
            self.stood_back = True
            self.moved.set()
        return taken


class NeverReleases(Interrupted):
    """A store that cannot be had at the end of a turn."""

    async def release(self, name: bytes, holder: bytes) -> None:
        raise StoreUnavailable("gone")


async def notes_of_somebody(opened: House, index: int, count: int) -> tuple[str, list[str]]:
    """Make a person with some notes and return their references."""
    (subject,) = await opened.write(create(patient(index)[1]))
    made = await opened.write(*[create(note(subject.reference, "first")) for _ in range(count)])
    return subject.reference, [one.reference for one in made]


async def test_a_process_that_is_always_slower_is_let_go_first_in_the_end(service_house: House) -> None:
    subject, (mine, *theirs) = await notes_of_somebody(service_house, 600, 4)
    quick = Watched(service_house.opened.store)
    over = asyncio.Event()

    async def busy(opened: House, reference: str) -> int:
        version = 1
        while not over.is_set():
            await opened.write(update(reference, version, note(subject, "theirs")))
            version += 1
        return version

    async def slower(commit: Commit) -> None:
        """Come after the next commit of the quick process, unless that stands back."""
        quick.stood_back = False
        while not quick.stood_back:
            stored = await quick.fetch(commit.record_id)
            if stored.sequence >= commit.sequence:
                return
            quick.moved.clear()
            await quick.moved.wait()

    slow = Interrupted(service_house.opened.store, *[slower] * 64)
    other = service_house.on(quick)
    writers = [asyncio.create_task(busy(other, reference)) for reference in theirs]
    try:
        (result,) = await service_house.on(slow).write(update(mine, 1, note(subject, "mine")))
    finally:
        over.set()
        versions = await asyncio.gather(*writers)
    assert result.version == 2
    # Of 64 tries. On a busy machine who stands back may tire of it before the other has come round.
    assert INSISTS < slow.commits <= 4 * INSISTS
    assert quick.asked["lease"] == 0
    for reference, version in zip(theirs, versions, strict=True):
        assert len(await service_house.history(reference)) == version


async def test_who_meets_nobody_asks_nothing_and_who_queues_only_looks(service_house: House) -> None:
    subject, notes = await notes_of_somebody(service_house, 601, 3)
    store = Watched(service_house.opened.store)
    opened = service_house.on(store)
    for reference in notes:
        await opened.write(update(reference, 1, note(subject, "alone")))
    assert not store.asked
    await asyncio.gather(*[opened.write(update(reference, 2, note(subject, "together"))) for reference in notes])
    assert store.asked == {"leased": 2}


async def test_a_lease_that_nobody_gives_back_holds_nobody_up_for_long(
    service_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.record.busy.random.uniform", lambda least, most: 0.0)
    subject, (mine, *_) = await notes_of_somebody(service_house, 602, 1)
    record = await service_house.records.by_reference(mine)
    assert record is not None
    store = Watched(service_house.opened.store)
    name = service_house.records.index.token("turn", record.record_id[:1].hex())
    await store.lease(name, b"a process that died", service_house.opened.clock() + timedelta(days=1))
    opened = service_house.on(Interrupted(store, *[lost(SequenceTaken())] * (INSISTS + 1)))
    (result,) = await opened.write(update(mine, 1, note(subject, "after all")))
    assert result.version == 2
    # Once as one of those who stand back, after each of the first losses; then as one who insists.
    assert store.asked == {"leased": (INSISTS - 1) * LOOKS, "lease": 1 + 2 * LOOKS}


@pytest.mark.parametrize("ending", ["committed", "refused", "the store is gone at the end"])
async def test_a_turn_is_given_back(ending: str, service_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.record.write.random.uniform", lambda least, most: 0.0)
    subject, (mine, *_) = await notes_of_somebody(service_house, 603, 1)
    record = await service_house.records.by_reference(mine)
    assert record is not None

    async def somebody_else(commit: Commit) -> None:
        await service_house.write(update(mine, 1, note(subject, "theirs")))

    last = [somebody_else] if ending == "refused" else []
    kind = NeverReleases if ending == "the store is gone at the end" else Interrupted
    store = kind(service_house.opened.store, *[lost(SequenceTaken())] * INSISTS, *last)
    opened = service_house.on(store)
    if ending == "refused":
        with pytest.raises(VersionConflict):
            await opened.write(update(mine, 1, note(subject, "mine")))
    else:
        (result,) = await opened.write(update(mine, 1, note(subject, "mine")))
        assert result.version == 2
    name = service_house.records.index.token("turn", record.record_id[:1].hex())
    assert await service_house.opened.store.leased(name) == (kind is NeverReleases)
