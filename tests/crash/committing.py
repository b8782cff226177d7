"""A process that commits with deliveries until it is killed, and says on its output what was acknowledged.

`python -m tests.crash.committing HOME STORE`: some writers, each with a record of its own; commit n of a record brings
`deliveries_of(n)` deliveries and one audit entry. Now and then a writer forgets a delivery that waits.

The rounds over HTTP have deliveries too, by a subscriber of the tests. Here they are also done while commits go on,
faster than a relay would.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from security.clock import system_clock
from security.keys import open_keys
from service.opening import open_store
from service.store.port import Commit, Delivery, RecordStore
from tests.contracts.stores import commit, record_id, token
from tests.running import demo_settings

WRITERS = 6
DONE_EVERY = 4


def deliveries_of(record: bytes, number: int) -> tuple[Delivery, ...]:
    """Return what commit `number` of a record causes: one to three deliveries."""
    return tuple(Delivery(token("lane"), b"%s %d %d" % (name(record), number, n)) for n in range(1 + number % 3))


def commit_of(record: bytes, number: int) -> Commit:
    """Return commit `number` of a record."""
    entry = b"audit %s %d" % (name(record), number)
    return commit(record, number, audit=(entry,), deliveries=deliveries_of(record, number))


def name(record: bytes) -> bytes:
    """Return the name of a record in what is said of it."""
    return b"%d" % int.from_bytes(record, "big")


async def write(store: RecordStore, number: int) -> None:
    """Commit to one record for ever; say what was done after it was acknowledged."""
    record = record_id(number)
    stored = await store.fetch(record)
    following = 1 if stored is None else stored.sequence + stored.skipped + 1
    while True:
        await store.commit(commit_of(record, following))
        say("commit", name(record).decode(), str(following))
        if following % DONE_EVERY == 0:
            for waiting in await store.waiting(b"", WRITERS):
                if waiting.sealed.split()[0] == name(record):
                    say("doing", waiting.sealed.decode())
                    await store.done(waiting.id)
                    say("done", waiting.sealed.decode())
                    break
        following += 1


def say(*words: str) -> None:
    """Tell the parent at once."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


async def main(home: Path, url: str) -> None:
    settings = demo_settings(home, 1, EPACCS_STORE=url)
    store = await open_store(settings, open_keys(settings.keys), system_clock)
    await asyncio.gather(*[write(store, number) for number in range(1, WRITERS + 1)])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
