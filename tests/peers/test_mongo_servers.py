"""Each server that the MongoDB store is tested against does what the store leans on; what one cannot is said here."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, ConfigurationError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from tests.peers.mongo_servers import MongoServer, available
from tests.running import REPOSITORY

pytestmark = pytest.mark.peer

# What a server refuses that MongoDB does: a peer that learns it makes a test fail, and the line goes.
NO_TTL = {"ferretdb": "expireAfterSeconds is not implemented"}
NO_SESSION = {"mongo-java-server": "says in its greeting that it has no sessions"}
# A mongod that stands alone has none either.
NO_TRANSACTION = {
    "mongod": "not a replica set",
    "ferretdb": "startTransaction is not known",
    "mongo-java-server": "no sessions",
}
# How many documents an ordered insert that met a duplicate says it wrote. What it wrote is right everywhere.
MISCOUNTS_INSERTED = {"mongo-java-server": "counts all that were sent"}


@pytest.fixture(scope="module", params=available())
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    with MongoServer(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def client(server: MongoServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with server.client() as found:
        yield found


@pytest.fixture
def things(client: MongoClient[dict[str, Any]]) -> Collection[dict[str, Any]]:
    client.drop_database("peers")
    return client["peers"]["things"]


def test_a_document_is_found_by_its_id(things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"_id": "a", "value": 1})
    assert things.find_one({"_id": "a"}) == {"_id": "a", "value": 1}
    assert things.find_one({"_id": "b"}) is None


def test_documents_are_found_by_their_ids_together(things: Collection[dict[str, Any]]) -> None:
    things.insert_many([{"_id": str(number), "value": number, "other": b"x"} for number in range(20)])
    found = things.find({"_id": {"$in": ["7", "gone", "11"]}}, {"value": True}).to_list()
    assert sorted(found, key=lambda one: one["value"]) == [{"_id": "7", "value": 7}, {"_id": "11", "value": 11}]


def test_a_second_document_of_the_same_id_is_refused(things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"_id": "a", "value": 1})
    with pytest.raises(DuplicateKeyError) as refused:
        things.insert_one({"_id": "a", "value": 2})
    assert refused.value.code == 11000
    assert things.find_one({"_id": "a"}) == {"_id": "a", "value": 1}


def test_an_ordered_insert_stops_at_the_duplicate(server: MongoServer, things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"_id": "2"})
    with pytest.raises(BulkWriteError) as refused:
        things.insert_many([{"_id": str(number)} for number in range(5)], ordered=True)
    assert [(error["code"], error["index"]) for error in refused.value.details["writeErrors"]] == [(11000, 2)]
    assert sorted(found["_id"] for found in things.find()) == ["0", "1", "2"]
    assert (refused.value.details["nInserted"] == 2) is (server.kind not in MISCOUNTS_INSERTED)


def test_a_conditional_update_takes_place_only_when_the_condition_holds(things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"_id": "a", "number": 1, "until": datetime(2030, 1, 1, tzinfo=UTC)})
    late = datetime(2031, 1, 1, tzinfo=UTC)
    met = things.update_one({"_id": "a", "until": {"$lt": late}}, {"$set": {"until": late, "number": 2}})
    again = things.update_one({"_id": "a", "until": {"$lt": late}}, {"$set": {"number": 3}})
    assert (met.matched_count, met.modified_count) == (1, 1)
    assert (again.matched_count, again.modified_count) == (0, 0)
    assert things.find_one({"_id": "a"}) == {"_id": "a", "number": 2, "until": late}


def test_a_document_is_replaced_and_deleted(things: Collection[dict[str, Any]]) -> None:
    things.insert_one({"_id": "a", "number": 1, "other": True})
    assert things.replace_one({"_id": "a", "number": 1}, {"number": 2}).modified_count == 1
    assert things.replace_one({"_id": "a", "number": 1}, {"number": 3}).matched_count == 0
    assert things.find_one({"_id": "a"}) == {"_id": "a", "number": 2}
    assert things.delete_one({"_id": "a"}).deleted_count == 1
    assert things.delete_one({"_id": "a"}).deleted_count == 0


def test_ids_are_walked_in_order(things: Collection[dict[str, Any]]) -> None:
    things.insert_many([{"_id": f"{number:04}"} for number in reversed(range(250))])
    page = things.find({"_id": {"$gt": "0099"}}).sort("_id").limit(100)
    assert [found["_id"] for found in page] == [f"{number:04}" for number in range(100, 200)]


@pytest.mark.parametrize("size", [0, 1, 2_048, 1 << 20, 12 * 10**6])
def test_what_is_stored_comes_back_equal(things: Collection[dict[str, Any]], size: int) -> None:
    document = {
        "_id": "a",
        "bytes": (bytes(range(256)) * (size // 256 + 1))[:size],
        "time": datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC),
        "number": 2**53 + 1,
        "nothing": None,
        "nested": {"z": [1, "a", False], "a": b"\x00"},
    }
    things.insert_one(document)
    found = things.find_one({"_id": "a"})
    assert found == document
    assert type(found["bytes"]) is bytes


def test_of_many_conditional_updates_at_once_one_wins(things: Collection[dict[str, Any]]) -> None:
    def attempt(seen: int) -> int:
        return things.update_one({"_id": "a", "version": seen}, {"$set": {"version": seen + 1}}).modified_count

    things.insert_one({"_id": "a", "version": 0})
    with ThreadPoolExecutor(max_workers=8) as clients:
        for version in range(20):
            assert sum(clients.map(attempt, [version] * 8)) == 1


def test_of_many_inserts_of_one_id_at_once_one_wins(things: Collection[dict[str, Any]]) -> None:
    def attempt(name: str) -> int:
        try:
            things.insert_one({"_id": name})
        except DuplicateKeyError:
            return 0
        return 1

    with ThreadPoolExecutor(max_workers=8) as clients:
        for number in range(20):
            assert sum(clients.map(attempt, [str(number)] * 8)) == 1


def test_concerns_are_accepted(things: Collection[dict[str, Any]]) -> None:
    careful = things.with_options(write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("majority"))
    assert careful.insert_one({"_id": "a"}).acknowledged
    assert careful.find_one({"_id": "a"}) == {"_id": "a"}


def test_indexes_that_expire(server: MongoServer, things: Collection[dict[str, Any]]) -> None:
    def make() -> None:
        things.create_index("until", expireAfterSeconds=60)
        assert things.index_information()["until_1"]["expireAfterSeconds"] == 60

    _refused_where(server, NO_TTL, make)


def test_sessions(server: MongoServer, client: MongoClient[dict[str, Any]], things: Collection[dict[str, Any]]) -> None:
    def read() -> None:
        with client.start_session() as session:
            things.find_one({"_id": "a"}, session=session)

    _refused_where(server, NO_SESSION, read)


def test_transactions(
    server: MongoServer, client: MongoClient[dict[str, Any]], things: Collection[dict[str, Any]]
) -> None:
    def write() -> None:
        with client.start_session() as session, session.start_transaction():
            things.insert_one({"_id": "a"}, session=session)

    _refused_where(server, NO_TRANSACTION, write)


@pytest.mark.parametrize("end", [MongoServer.stop, MongoServer.kill])
@pytest.mark.parametrize("kind", available())
def test_what_was_answered_survives_the_server(kind: str, end: Callable[[MongoServer], None], tmp_path: Path) -> None:
    with MongoServer(kind, tmp_path) as server:
        with server.client() as client:
            things = client["peers"]["things"]
            things.insert_many([{"_id": str(number), "value": 0} for number in range(50)])
            things.update_one({"_id": "7"}, {"$set": {"value": 1}})
            things.delete_one({"_id": "8"})
            things.insert_one({"_id": "last"})
            end(server)  # at once: nothing is given time to be written
        address = server.url()
        server.start()
        assert server.url() == address
        with server.client() as client:
            things = client["peers"]["things"]
            assert things.count_documents({}) == 50
            assert things.find_one({"_id": "7"}) == {"_id": "7", "value": 1}
            assert things.find_one({"_id": "8"}) is None
            assert things.find_one({"_id": "last"}) == {"_id": "last"}


@pytest.mark.skipif("mongo-java-server" not in available(), reason="the only one that can")
def test_a_server_in_memory_writes_no_file(tmp_path: Path) -> None:
    with MongoServer("mongo-java-server", tmp_path, in_memory=True) as server, server.client() as client:
        client["peers"]["things"].insert_many([{"_id": str(number)} for number in range(50)])
        assert client["peers"]["things"].count_documents({}) == 50
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child when its parent is killed")
@pytest.mark.parametrize("kind", available())
def test_a_server_does_not_outlive_a_killed_run(kind: str, tmp_path: Path) -> None:
    # started from a thread that ends before the server is needed, as a fixture may be
    program = """if True:
        import pathlib, sys, threading
        from tests.peers.mongo_servers import MongoServer
        server = MongoServer(sys.argv[1], pathlib.Path(sys.argv[2]))
        thread = threading.Thread(target=server.start)
        thread.start()
        thread.join()
        with server.client() as client:
            client.admin.command("ping")
        sys.stdout.write(f"{server._process.pid}\\n")
        sys.stdout.flush()
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", program, kind, str(tmp_path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        server = int(run.stdout.readline())
        assert _alive(server)
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while _alive(server) and time.monotonic() < deadline:
        time.sleep(0.02)  # waiting for the kernel
    assert not _alive(server)


def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.peers.mongo_servers._command", lambda *_, **__: ["sh", "-c", "echo no disk; exit 1"])
    with pytest.raises(RuntimeError, match="no disk"):
        MongoServer("mongod", tmp_path).start()


def _refused_where(server: MongoServer, kinds: dict[str, str], act: Callable[[], None]) -> None:
    if server.kind in kinds:
        with pytest.raises((OperationFailure, ConfigurationError)):
            act()
    else:
        act()


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"  # ended, and nobody has asked for its code yet
