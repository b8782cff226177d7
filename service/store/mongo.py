"""MongoDB, or what speaks its protocol, as `Documents`. The only file that knows the driver, Motor.

Writes are acknowledged by a majority of the replica set, reads come from the primary and see what a majority has;
where it is asked for, those that an emergency waits for are linearizable. The driver repeats an operation once that the
network lost (retryable reads and writes), under one transaction number, so repeating is safe. Everything has a time
limit; whatever exceeds it is `StoreUnavailable`.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from service.store.documents import Document
from service.store.errors import StoreUnavailable
from service.store.migrations import MIGRATIONS, SCHEMA_VERSION

_TAKEN = 11000
"""MongoDB's error code for an `_id` that is taken."""
_EXPIRING = ("spent", "kept", "remembered", "counters", "deliveries")
"""Collections whose documents the database forgets by itself when their `expires` has passed."""
_AUDIT = "audit"
_AUDIT_ORDER = [("chain", ASCENDING), ("seq", DESCENDING), ("_id", DESCENDING)]
"""Serves both ways in which the audit is walked (`trail` backwards, `last_of_next` forwards)."""
_AUDIT_TOKENS = [("tokens", ASCENDING)]
_AUDIT_NEWEST = [("chain", DESCENDING), ("seq", DESCENDING), ("_id", DESCENDING)]
_META, _SCHEMA, _PROBE = "meta", "schema", "probe"
DATABASE = "epaccs"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the database is waited for, in milliseconds, and how many connections are kept to it."""

    find_server: int = 3_000
    connect: int = 3_000
    operation: int = 10_000
    connections: int = 100


class MongoDocuments:
    """One database. Make it with `await MongoDocuments.open(...)` inside the running loop."""

    def __init__(self, url: str, password: str | None, limits: Limits, *, linearizable: bool) -> None:
        login: dict[str, Any] = {} if password is None else {"password": password}
        self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            url,
            appname="epaccs",
            retryWrites=True,
            retryReads=True,
            tz_aware=True,
            serverSelectionTimeoutMS=limits.find_server,
            connectTimeoutMS=limits.connect,
            socketTimeoutMS=limits.operation,
            waitQueueTimeoutMS=limits.operation,
            maxPoolSize=limits.connections,
            **login,
        )
        concern = WriteConcern("majority", wtimeout=limits.operation)
        self._linearizable = linearizable
        name = urlsplit(url).path.strip("/") or DATABASE
        self._database: AsyncIOMotorDatabase[Document] = self._client.get_database(
            name, read_concern=ReadConcern("majority"), write_concern=concern, read_preference=ReadPreference.PRIMARY
        )
        self._collections: dict[str, AsyncIOMotorCollection[Document]] = {}

    @classmethod
    async def open(
        cls, url: str, password: str | None = None, limits: Limits | None = None, *, linearizable: bool = False
    ) -> MongoDocuments:
        """Connect, bring the schema to this program's version, and make sure that what expires is forgotten.

        `password` is that of the user whom the address names, where it is not part of the address. `linearizable`:
        `find_each` waits until a majority agrees that the primary is still the primary.

        Raises:
            StoreUnavailable: the database does not answer, its schema is newer than this program, or the address is
                not one that the driver understands.

        """
        with warnings.catch_warnings():
            # The driver only warns of an option that it does not understand, and does without it: tls=ture would do.
            warnings.simplefilter("error")
            try:
                documents = cls(url, password, limits or Limits(), linearizable=linearizable)
            except (PyMongoError, ValueError, Warning):
                raise StoreUnavailable("the address of the database is not one that the driver understands") from None
        try:
            await documents._migrate()
            await documents._make_indexes()
        except BaseException:
            documents._client.close()
            raise
        return documents

    async def find(self, collection: str, id: str, *fields: str) -> Document | None:
        """Return the newest state of a document, of all its fields or of those named; None when there is none."""
        with _translated():
            found: Document | None = await self._of(collection).find_one(
                {"_id": id}, dict.fromkeys(fields, True) if fields else None
            )
        return found

    async def find_each(self, collection: str, ids: Sequence[str]) -> dict[str, Document]:
        """Return by id the newest state of each document that is there; see `Documents`."""
        with _translated():
            if self._linearizable:  # the database promises that only for a question that names one document
                surely = self._of(collection).with_options(read_concern=ReadConcern("linearizable"))
                found = await asyncio.gather(*[surely.find_one({"_id": id}) for id in ids])
                return {one["_id"]: one for one in found if one is not None}
            several = await self._of(collection).find({"_id": {"$in": list(ids)}}).to_list(None)
        return {one["_id"]: one for one in several}

    async def insert(self, collection: str, document: Document) -> bool:
        """Insert a document; False when its `_id` is taken."""
        with _translated():
            try:
                await self._of(collection).insert_one(document)
            except DuplicateKeyError:
                return False
        return True

    async def insert_each(self, collection: str, documents: Sequence[Document]) -> set[str]:
        """Insert those whose `_id` is free; return the ids that are taken."""
        if not documents:
            return set()
        with _translated():
            try:
                await self._of(collection).insert_many(documents, ordered=False)
            except BulkWriteError as error:
                return {documents[index]["_id"] for index in _taken(error)}
        return set()

    async def insert_in_order(self, collection: str, documents: Sequence[Document]) -> int:
        """Insert one after the other up to the first whose `_id` is taken; return how many were inserted."""
        with _translated():
            try:
                await self._of(collection).insert_many(documents, ordered=True)
            except BulkWriteError as error:
                return min(_taken(error))
        return len(documents)

    async def mark(self, collection: str, id: str, facts: Document) -> None:
        """Add fields to a document, if it is there."""
        with _translated():
            await self._of(collection).update_one({"_id": id}, {"$set": facts})

    async def advance(self, collection: str, document: Document, by: str) -> None:
        """Insert a document, or replace the one with its `_id` whose field `by` is lower."""
        if document[by] == 2 and await self.insert(collection, document):  # the first state of nearly every record
            return
        with _translated():
            older = {"_id": document["_id"], by: {"$lt": document[by]}}
            replaced = await self._of(collection).replace_one(older, document)
        if replaced.matched_count or await self.find(collection, document["_id"], by) is not None:
            return
        if not await self.insert(collection, document):
            await self.advance(collection, document, by)

    async def slim(self, collection: str, document: Document) -> None:
        """Replace the document with this `_id`, if it is there, by what is left of it."""
        with _translated():
            await self._of(collection).replace_one({"_id": document["_id"]}, document)

    async def delete(self, collection: str, id: str) -> None:
        """Delete a document, if it is there."""
        with _translated():
            await self._of(collection).delete_one({"_id": id})

    async def walk(self, collection: str, after: str, limit: int) -> list[Document]:
        """Return up to `limit` documents with an `_id` behind `after`, in order of `_id`."""
        with _translated():
            found = self._of(collection).find({"_id": {"$gt": after}}).sort("_id", ASCENDING).limit(limit)
            return await found.to_list(limit)

    async def trail(
        self, collection: str, first: str, then: str, after: tuple[bytes, int, str] | None, limit: int
    ) -> list[Document]:
        """Return up to `limit` documents from the highest `first` down; those of the same by `then`, then `_id`."""
        behind: Document = {}
        if after is not None:
            one, two, id = after
            behind = {
                "$or": [
                    {first: {"$lt": one}},
                    {first: one, then: {"$gt": two}},
                    {first: one, then: two, "_id": {"$gt": id}},
                ]
            }
        with _translated():
            order = [(first, DESCENDING), (then, ASCENDING), ("_id", ASCENDING)]
            return await self._of(collection).find(behind).sort(order).limit(limit).to_list(limit)

    async def carrying(
        self, collection: str, field: str, values: Sequence[str], after: tuple[bytes, int, str] | None, limit: int
    ) -> list[Document]:
        """Return up to `limit` documents whose list `field` holds any of `values`; see `Documents`."""
        asked: Document = {field: {"$in": list(values)}}
        if after is not None:
            chain, seq, id = after
            asked["$or"] = [
                {"chain": {"$lt": chain}},
                {"chain": chain, "seq": {"$lt": seq}},
                {"chain": chain, "seq": seq, "_id": {"$lt": id}},
            ]
        with _translated():
            found = self._of(collection).find(asked).sort(_AUDIT_NEWEST).limit(limit)
            return await found.to_list(limit)

    async def last_of_next(self, collection: str, first: str, then: str, above: bytes | None) -> Document | None:
        """Return, of the lowest `first` above `above` (None: of all), the document with the highest `then`."""
        with _translated():
            order = [(first, ASCENDING), (then, DESCENDING), ("_id", DESCENDING)]
            found = self._of(collection).find({} if above is None else {first: {"$gt": above}}).sort(order).limit(1)
            return next(iter(await found.to_list(1)), None)

    async def ready(self) -> None:
        """Raise StoreUnavailable when reads or durable writes cannot be served."""
        await self.mark(_META, _PROBE, {"asked": True})
        await self.find(_META, _PROBE)

    async def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    async def _migrate(self) -> None:
        await self.insert(_META, {"_id": _SCHEMA, "version": SCHEMA_VERSION})
        await self.insert(_META, {"_id": _PROBE})
        found = await self.find(_META, _SCHEMA)
        version = 0 if found is None else found["version"]
        if version > SCHEMA_VERSION:
            raise StoreUnavailable(f"the database has schema version {version}, this program knows {SCHEMA_VERSION}")
        for step in range(version, SCHEMA_VERSION):
            await MIGRATIONS[step](self)
            await self.mark(_META, _SCHEMA, {"version": step + 1})

    async def _make_indexes(self) -> None:
        for collection in _EXPIRING:
            try:
                await self._of(collection).create_index("expires", expireAfterSeconds=0)
            except PyMongoError:
                # Not every database that speaks the protocol can. What has expired is then kept, and never used.
                continue
        with suppress(PyMongoError):  # without it a look at the whole audit is slower, and nothing else
            await self._of(_AUDIT).create_indexes([IndexModel(_AUDIT_ORDER), IndexModel(_AUDIT_TOKENS)])

    def _of(self, collection: str) -> AsyncIOMotorCollection[Document]:
        found = self._collections.get(collection)
        if found is None:
            found = self._collections[collection] = self._database[collection]
        return found

    def __repr__(self) -> str:
        return "MongoDocuments(***)"  # the address may hold a password


def _taken(error: BulkWriteError) -> set[int]:
    """Return the places of documents whose `_id` is taken; any other failure is one of the database."""
    details: Mapping[str, Any] = error.details or {}
    failed = details.get("writeErrors", [])
    if details.get("writeConcernErrors") or any(one["code"] != _TAKEN for one in failed):
        raise error
    return {one["index"] for one in failed}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        raise StoreUnavailable("the database does not answer") from error
