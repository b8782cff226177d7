"""Two writers, somebody who tidies up, and a crash, in every order that hypothesis thinks of: the history stays one.

The document store runs on documents in memory that take one turn at a time; whose turn is next comes from hypothesis.
What was made is then read back by a process that knows nothing of the others, and compared with the same changes, one
after the other, on the embedded store.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from security.audit_chain import Chain, verify_chain
from service.store.document_store import DocumentStore
from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken
from service.store.port import Commit, Delivery, RecordStore, Remembered
from service.store.sqlite import SqliteStore
from tests.contracts.collections import chains_in
from tests.contracts.memory_documents import Collections, MemoryDocuments
from tests.contracts.stores import CHAIN_KEY, START, Moment, commit, record_id, token

RECORDS = (record_id(1), record_id(2))
NAMES = (token("name a"), token("name b"))
LOOK_UPS = (token("look-up a"), token("look-up b"))
KEY = token("key of one request")
_SETTLED = 12
"""Rounds of the event loop after which whoever got a turn has asked for the next one."""


@dataclass(frozen=True)
class Change:
    """What a writer wants of one record; the numbers point into the lists above."""

    record: int
    takes: frozenset[int] = frozenset()
    drops: frozenset[int] = frozenset()
    finds: frozenset[int] = frozenset()
    loses: frozenset[int] = frozenset()
    keyed: bool = False

    def commit(self, label: bytes, sequence: int) -> Commit:
        return commit(
            RECORDS[self.record],
            sequence,
            label,
            claims=frozenset(NAMES[one] for one in self.takes),
            dropped_claims=frozenset(NAMES[one] for one in self.drops - self.takes),
            tokens=frozenset(LOOK_UPS[one] for one in self.finds),
            dropped_tokens=frozenset(LOOK_UPS[one] for one in self.loses - self.finds),
            replaced=b"before " + label if sequence > 1 else None,
            audit=(b"audit of " + label,),
            deliveries=(Delivery(token("lane"), b"sent of " + label),),
            remembered=Remembered(KEY, label, START.replace(year=2030)) if self.keyed else None,
        )


some = st.frozensets(st.integers(0, 1), max_size=2)
changes = st.builds(Change, st.integers(0, 1), some, some, some, some, st.booleans())
work = st.lists(changes, min_size=1, max_size=3)


@dataclass
class Actor:
    """A process: its own connection and store, which wait for turns, and what it did."""

    name: str
    collections: Collections
    clock: Moment
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        chain = lambda: Chain(CHAIN_KEY, secrets.token_bytes(16))  # noqa: E731
        documents = MemoryDocuments(self.collections, self._turn)
        self.store = DocumentStore(documents, chain, self.clock, patience=0)

    async def _turn(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await future

    def go_on(self) -> None:
        self.turns += 1
        self.waiting.pop(0).set_result(None)


async def write(actor: Actor, todo: list[Change], made: set[bytes]) -> None:
    """Make changes as a use case does: on the fresh record, again when somebody else was first."""
    for number, change in enumerate(todo):
        label = f"{actor.name} {number}".encode()
        for _ in range(12):
            found = await actor.store.fetch(RECORDS[change.record])
            sequence = 1 if found is None else found.sequence + 1 + found.skipped
            try:
                await actor.store.commit(change.commit(label, sequence))
                made.add(label)
            except SequenceTaken:
                continue
            except (ClaimTaken, AlreadyRemembered):
                pass
            break


async def tidy(actor: Actor) -> None:
    for _ in range(3):
        await actor.store.tidy()
        for one in RECORDS:
            await actor.store.fetch(one)


async def together(
    collections: Collections, clock: Moment, todo: tuple[list[Change], list[Change]], order: list[int], crash: int
) -> set[bytes]:
    """Run two writers and a cleaner in an order; the first dies at turn `crash`. Return what was acknowledged."""
    made: set[bytes] = set()
    actors = [Actor(name, collections, clock) for name in ("first", "second", "cleaner")]
    tasks = [
        asyncio.create_task(write(actors[0], todo[0], made)),
        asyncio.create_task(write(actors[1], todo[1], made)),
        asyncio.create_task(tidy(actors[2])),
    ]
    choices: Iterator[int] = iter(order)
    while True:
        for _ in range(_SETTLED):
            await asyncio.sleep(0)
        alive = [actor for actor in actors if actor.waiting and (actor is not actors[0] or actor.turns < crash)]
        if not alive:
            break
        alive[next(choices, 0) % len(alive)].go_on()
    everyone = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in everyone:
        task.cancel()
    await asyncio.gather(*everyone, return_exceptions=True)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()
    return made


async def told(store: RecordStore) -> dict[str, Any]:
    """Return everything that a reader can find out, without the numbers of commits."""
    found: dict[str, Any] = {}
    for one in RECORDS:
        stored = await store.fetch(one)
        found[f"record {one.hex()}"] = None if stored is None else stored.sealed
    for name in NAMES:
        holder = await store.claimed(name)
        found[f"claim {name!r}"] = None if holder is None else holder.record_id
        assert await store.claimed_and_head(name, name) == (holder, None if holder is None else holder.head)
    for look_up in LOOK_UPS:
        found[f"token {look_up!r}"] = sorted(stored.record_id for stored in await store.holding(look_up, 10))
    found["remembered"] = await store.remembered(KEY)
    return found


def history(collections: Collections) -> list[tuple[bytes, int, bytes]]:
    """Return what was made, in the order in which it was: record, sequence and label."""
    made = []
    for document in collections.get("commits", {}).values():
        if "void" not in document:
            label = collections["audit"][f"{document['_id']}:0"]["sealed"].removeprefix(b"audit of ")
            made.append((bytes.fromhex(document["_id"].split(":")[0]), document["sequence"], label))
    return made


async def the_same_one_after_the_other(
    folder: Path, clock: Moment, todo: dict[bytes, Change], made: list[tuple[bytes, int, bytes]]
) -> dict[str, Any]:
    """Make the same changes on the embedded store, where nothing is left out for a number that nobody has."""
    store = await SqliteStore.open(folder / "records.sqlite", Chain(CHAIN_KEY, secrets.token_bytes(16)), clock)
    try:
        following = dict.fromkeys(RECORDS, 1)
        for one, _, label in made:
            await store.commit(todo[label].commit(label, following[one]))
            following[one] += 1
        return await told(store)
    finally:
        await store.close()


@given(first=work, second=work, order=st.lists(st.integers(0, 2), max_size=300), crash=st.integers(0, 120))
def test_every_interleaving_gives_one_history(
    first: list[Change], second: list[Change], order: list[int], crash: int
) -> None:
    collections: Collections = {}
    clock = Moment()
    acknowledged = asyncio.run(together(collections, clock, (first, second), order, crash))

    async def look_back() -> None:
        clock.pass_by(minutes=5)
        survivor = DocumentStore(
            MemoryDocuments(collections), lambda: Chain(CHAIN_KEY, secrets.token_bytes(16)), clock, patience=0
        )
        await survivor.tidy()
        seen = await told(survivor)
        made = history(collections)
        labels = [label for _, _, label in made]
        assert len(labels) == len(set(labels)), "no change was made twice"
        assert acknowledged <= set(labels), "what was acknowledged is there"
        assert sorted(row["sealed"] for row in collections.get("audit", {}).values()) == sorted(
            b"audit of " + label for label in labels
        ), "one audit entry for each change that was made, none for others"
        waiting = await survivor.waiting(b"", 100)
        assert sorted(one.sealed for one in waiting) == sorted(b"sent of " + label for label in labels)
        for chain, linked in chains_in(collections).items():
            assert verify_chain(CHAIN_KEY, chain, linked) == []
        for one, sequence, label in made:
            assert await survivor.replaced(one, sequence) == (b"before " + label if sequence > 1 else None)
        todo = {
            f"{name} {number}".encode(): change
            for name, changes in (("first", first), ("second", second))
            for number, change in enumerate(changes)
        }
        with tempfile.TemporaryDirectory() as folder:
            assert await the_same_one_after_the_other(Path(folder), clock, todo, made) == seen
        await survivor.tidy()
        assert await told(survivor) == seen, "tidying twice changes nothing"
        await survivor.close()

    asyncio.run(look_back())
