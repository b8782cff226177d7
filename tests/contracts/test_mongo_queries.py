"""What the MongoDB store sends over the wire: every query by `_id`, every write for a majority.

Listed from the driver's own account of its commands, while the store does everything it can do.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo import monitoring

from service.store.document_store import DocumentStore
from service.store.epochs import StoredEpoch
from service.store.errors import ClaimTaken, StoreUnavailable
from service.store.migrations import SCHEMA_VERSION
from service.store.mongo import Limits, MongoDocuments
from service.store.port import SealedEntry
from tests.contracts.conftest import ServerOf
from tests.contracts.stores import START, MongoHarness, commit, full_commit, new_chain, record_id, token
from tests.peers.mongo_servers import available
from tests.peers.params import servers

ONE, TWO = record_id(1), record_id(2)
NOT_QUERIES = {"hello", "ismaster", "isMaster", "insert", "createIndexes", "endSessions"}
BY_ID = {
    "find": lambda command: [command["filter"]],
    "update": lambda command: [one["q"] for one in command["updates"]],
    "delete": lambda command: [one["q"] for one in command["deletes"]],
}
WRITES = {"insert", "update", "delete"}


class Account(monitoring.CommandListener):
    """Writes down the commands of one database."""

    def __init__(self) -> None:
        self.database = ""
        self.commands: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.database_name == self.database:
            self.commands.append((event.command_name, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Say nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Say nothing."""


ACCOUNT = Account()
monitoring.register(ACCOUNT)


def asked_for(question: dict[str, Any]) -> str:
    """Say what a query names: `one` id, the operator over ids, or no id."""
    if "_id" not in question:
        return "no id"
    return "+".join(question["_id"]) if isinstance(question["_id"], dict) else "one"


def collections_asked(what: str) -> set[str]:
    """Return the collections in which something was looked for in this way."""
    finds = [command for name, command in ACCOUNT.commands if name == "find"]
    return {command["find"] for command in finds if asked_for(command["filter"]) == what}


@pytest.fixture(params=servers(available()))
def harness(request: pytest.FixtureRequest, server_of: ServerOf) -> Any:
    """A database of its own, on each server there is here."""
    made = MongoHarness(server_of(request.param))
    ACCOUNT.database, ACCOUNT.commands = made.database, []
    yield made
    ACCOUNT.database = ""
    made.close()


async def everything_a_store_does(harness: MongoHarness) -> None:
    store, other = await harness.open(), await harness.open()
    later = START + timedelta(hours=1)
    await store.commit(full_commit(ONE, 1))
    for sequence in range(2, 5):
        await other.commit(commit(ONE, sequence, replaced=b"before", dropped_tokens=frozenset({token("look-up a")})))
    with pytest.raises(ClaimTaken):
        await other.commit(commit(TWO, 1, claims=frozenset({token("claim a")})))
    await store.fetch(ONE)
    await store.claimed_and_head(token("claim a"), token("claim b"))
    await store.holding(token("look-up b"), 3)
    await store.replaced(ONE, 2)
    await store.piece(ONE, token("piece"), 0)
    await store.append_audit(SealedEntry(b"read", token("of one")), token("partner"))
    first = await store.audit_carrying([token("of one")], b"", 1)
    await store.audit_carrying([token("of one")], first[0].place, 1)
    await store.is_known(token("partner"))
    await store.spend_once(token("jti"), later)
    await store.keep(token("text"), b"refused", later)
    await store.remembered(token("text"))
    await store.remembered(token("remembered"))
    for one in await store.waiting(b"", 10):
        await store.done(one.id)
    for _ in range(70):
        await store.lease(token("lease"), b"holder", later)
    await store.release(token("lease"), b"holder")
    await store.count(token("counter"), later)
    await store.begin_epoch(StoredEpoch(1, b"statement"))
    await store.tidy()
    await store.ready()
    await store.close()
    await other.close()


async def test_every_query_names_an_id_or_walks_ids_in_order(harness: MongoHarness) -> None:
    await everything_a_store_does(harness)
    asked = {(name, command[name]) for name, command in ACCOUNT.commands}
    assert {name for name, _ in asked} <= NOT_QUERIES | set(BY_ID)
    shapes = {
        (name, tuple(sorted(question)), asked_for(question))
        for name, command in ACCOUNT.commands
        if name in BY_ID
        for question in BY_ID[name](command)
    }
    one_document = {(name, ("_id",), "one") for name in BY_ID}
    a_newer_state = {("update", ("_id", field), "one") for field in ("next", "turn")}
    a_few, the_next_ids = {("find", ("_id",), "$in")}, {("find", ("_id",), "$gt")}
    a_log = {("find", fields, "no id") for fields in (("tokens",), ("$or", "tokens"))}
    assert shapes == one_document | a_newer_state | a_few | the_next_ids | a_log
    assert collections_asked("no id") == {"audit"}, "who reads a log; over an index"
    assert collections_asked("$in") == {"claims", "records", "commits", "tokens"}
    assert collections_asked("$gt") == {"unfiled", "deliveries", "epochs"}
    touched = {collection for _, collection in asked}
    assert touched >= {
        *("commits", "records", "keys", "versions", "pieces", "claims", "remembered", "tokens", "known", "audit"),
        *("spent", "kept", "deliveries", "leases", "leases_from", "counters", "unfiled", "meta"),
    }


async def test_an_emergency_asks_four_times(harness: MongoHarness) -> None:
    store = await harness.open()
    await store.commit(full_commit(ONE, 1))
    await store.commit(commit(TWO, 1, claims=frozenset({token("incidents")})))
    await store.fetch(ONE)  # a process asks once which epoch it is
    ACCOUNT.commands = []
    stored, head = await store.claimed_and_head(token("claim a"), token("incidents"))
    assert (stored is not None, head is not None) == (True, True)
    asked = [(command["find"], asked_for(command["filter"])) for _, command in ACCOUNT.commands]
    assert sorted(asked) == [("claims", "$in"), ("commits", "$in"), ("keys", "one"), ("records", "$in")]
    await store.close()


async def test_writes_wait_for_a_majority_and_reads_see_what_a_majority_has(harness: MongoHarness) -> None:
    await everything_a_store_does(harness)
    for name, command in ACCOUNT.commands:
        if name in WRITES:
            assert command["writeConcern"]["w"] == "majority", command[name]
        if name == "find":
            assert command["readConcern"]["level"] == "majority", command[name]


async def test_emergency_questions_are_linearizable_where_the_settings_say_so(harness: MongoHarness) -> None:
    documents = await MongoDocuments.open(harness.url, linearizable=True)
    ACCOUNT.commands = []
    store = DocumentStore(documents, new_chain, harness.clock)
    await store.commit(full_commit(ONE, 1))
    await store.fetch(ONE)
    ACCOUNT.commands = []
    found, head = await store.claimed_and_head(token("claim a"), token("claim b"))
    assert found is not None
    assert head == found.head
    finds = [command for name, command in ACCOUNT.commands if name == "find"]
    levels = {(command["find"], command["readConcern"]["level"]) for command in finds}
    assert levels == {
        *((name, "linearizable") for name in ("claims", "records", "commits")),
        ("keys", "majority"),  # a key never changes but by being rewrapped
    }
    # the database promises it only for questions that name one document
    assert {asked_for(command["filter"]) for command in finds} == {"one"}
    await documents.close()


async def test_what_expires_has_an_index_that_forgets_it_where_the_server_can(harness: MongoHarness) -> None:
    await (await harness.open()).close()
    asked = {
        command["createIndexes"]: command["indexes"] for name, command in ACCOUNT.commands if name == "createIndexes"
    }
    of_audit = asked.pop("audit")
    assert [dict(one["key"]) for one in of_audit] == [{"chain": 1, "seq": -1, "_id": -1}, {"tokens": 1}]
    assert set(asked) == {"spent", "kept", "remembered", "counters", "deliveries"}
    for indexes in asked.values():
        assert [(dict(one["key"]), one["expireAfterSeconds"]) for one in indexes] == [({"expires": 1}, 0)]


# --- opening


async def test_a_schema_that_is_newer_than_the_program_is_refused(harness: MongoHarness) -> None:
    await (await harness.open()).close()
    with harness.server.client() as client:
        client[harness.database]["meta"].update_one({"_id": "schema"}, {"$set": {"version": SCHEMA_VERSION + 1}})
    with pytest.raises(StoreUnavailable, match=f"schema version {SCHEMA_VERSION + 1}"):
        await harness.open()


async def test_a_database_that_is_not_there_is_said_to_be_unavailable_without_its_address(
    harness: MongoHarness,
) -> None:
    address = "mongodb://someone:secret@127.0.0.1:1/records"
    with pytest.raises(StoreUnavailable) as refused:
        await MongoDocuments.open(address, limits=Limits(find_server=200, connect=200, operation=200))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["mongodb://", "mongodb://host:99999/x", "mongodb://host/?tls=ture", "mongodb://host/?tsl=true"]
)
async def test_an_address_that_cannot_be_understood_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(StoreUnavailable, match="the address of the database") as refused:
        await MongoDocuments.open(address)
    assert address not in str(refused.value)
