"""A process that commits is killed: each commit is there with all its deliveries and its audit entry, or is not there.

It asks the store itself; that the deliveries of the use cases are there is checked in the rounds (`rounds.py`), and
that a partner gets what they are for in those of sync (`sync_rounds.py`).
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from security.clock import system_clock
from security.keys import open_keys
from service.opening import open_store
from service.settings import Settings
from service.store.port import StoredDelivery, StoredRecord
from tests.contracts.stores import record_id
from tests.crash.audit_look import AuditLook
from tests.crash.committing import WRITERS, deliveries_of, name
from tests.crash.places import SQLITE, kill
from tests.peers.mongo_servers import MongoServer, available
from tests.running import REPOSITORY, demo_settings

ROUNDS = {SQLITE: 6}
ON_A_SERVER, NIGHTLY_ROUNDS = 2, 100
ON_A_SLOW_SERVER = 10
"""Nightly rounds on FerretDB, which looks through everything for each question."""
SEED = 11


@dataclass(slots=True)
class Acknowledged:
    """What the processes said before they were killed."""

    commits: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By record, the commits that are there for certain."""
    done: set[bytes] = field(default_factory=set)
    unsure: set[bytes] = field(default_factory=set)
    """Deliveries that were being forgotten."""

    def take(self, line: str) -> None:
        what, _, rest = line.partition(" ")
        if what == "commit":
            record, number = rest.split()
            self.commits[int(record)].append(int(number))
        elif what == "doing":
            self.unsure.add(rest.encode())
        else:
            self.done.add(rest.encode())
            self.unsure.discard(rest.encode())


def commit_and_die(home: Path, url: str, random: Random, said: Acknowledged) -> None:
    """Run the process until it has said so much, and a moment longer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.committing", str(home), url],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    for _ in range(random.randint(0, 60)):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        said.take(line.rstrip("\n"))
    threading.Event().wait(random.uniform(0, 0.03))  # the random moment
    kill(process)
    for line in process.stdout:
        if line.endswith("\n"):  # a line cut short says nothing
            said.take(line.rstrip("\n"))
    process.stdout.close()
    process.stderr.close()


async def look(settings: Settings) -> tuple[dict[int, StoredRecord | None], list[StoredDelivery]]:
    """Open the store as the next process does; return every record and everything that waits."""
    store = await open_store(settings, open_keys(settings.keys), system_clock)
    try:
        records = {number: await store.fetch(record_id(number)) for number in range(1, WRITERS + 1)}
        waiting: list[StoredDelivery] = []
        while some := await store.waiting(waiting[-1].id if waiting else b"", 50):
            waiting += some
        return records, waiting
    finally:
        await store.close()


def check(settings: Settings, said: Acknowledged, audit: AuditLook) -> None:
    """Compare the store with what was acknowledged."""
    records, waiting = asyncio.run(look(settings))
    wanted: list[bytes] = []
    entries: list[bytes] = []
    for number, stored in records.items():
        commits = said.commits[number]
        if stored is not None and stored.sequence not in commits:
            assert stored.sequence > max(commits, default=0), "an older state than the one acknowledged"
            commits.append(stored.sequence)  # made, and killed before it was acknowledged
        assert max(commits, default=0) == (0 if stored is None else stored.sequence)
        record = record_id(number)
        wanted += [one.sealed for made in commits for one in deliveries_of(record, made)]
        entries += [b"audit %s %d" % (name(record), made) for made in commits]
    there = [one.sealed for one in waiting]
    for delivery in said.unsure - set(there):
        said.done.add(delivery)
    said.unsure.clear()
    assert sorted(there) == sorted(set(wanted) - said.done)
    for number in records:
        mine = [one for one in there if one.split()[0] == name(record_id(number))]
        assert mine == sorted(mine, key=lambda one: [int(word) for word in one.split()]), "not in the order of commits"
    assert sorted(audit.filed().values()) == sorted(entries)


def play(store: str, rounds: int, seed: int, folder: Path) -> Acknowledged:
    """Play rounds on one store."""
    random, said = Random(f"{store}:{seed}"), Acknowledged()
    server = None if store == SQLITE else MongoServer(store, folder / "server")
    number = 0
    try:
        if server is not None:
            server.start()
        url = f"sqlite://{folder}/records.sqlite" if server is None else server.url("records")
        settings = demo_settings(folder / "home", 1, EPACCS_STORE=url)
        audit = AuditLook(settings)
        while number < rounds:
            number += 1
            commit_and_die(settings.home, url, random, said)
            if server is not None and random.random() < 0.5:
                server.kill()
                server.start()
            check(settings, said, audit)
    except BaseException as failure:
        failure.add_note(f"store {store}, seed {seed}, round {number}, state in {folder}")
        raise
    finally:
        if server is not None:
            server.stop()
    return said


@pytest.mark.parametrize("store", [SQLITE, *available()])
def test_deliveries_are_there_with_their_commit_or_not_at_all(store: str, tmp_path: Path) -> None:
    said = play(store, ROUNDS.get(store, ON_A_SERVER), SEED, tmp_path)
    assert said.commits
    assert said.done


@pytest.mark.nightly
@pytest.mark.parametrize("store", [SQLITE, *available()])
def test_deliveries_are_there_with_their_commit_all_night(store: str, tmp_path: Path) -> None:
    rounds = ON_A_SLOW_SERVER if store == "ferretdb" else NIGHTLY_ROUNDS
    assert play(store, rounds, SEED + 1, tmp_path).done
