"""What a running service holds open: keys, policies, clients, store; judged as it is opened, in one order."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.http import key_set_fetch
from security.audit_batch import signing_key
from security.blind_index import BlindIndex
from security.clock import Clock
from security.envelope import Envelope
from security.errors import InvalidConfiguration, SealBroken
from security.heads import Heads
from security.issuer import Endpoints, Issuer
from security.issuers import load_outside_issuers
from security.keys import FileKeyRing, open_keys
from security.localities import Policies, load_policies
from security.registry import ClientRegistry
from security.tokens import TokenVerifier
from service import logs
from service.decoy import make_decoy
from service.record.records import Records
from service.record.urgent import Style
from service.settings import Settings
from service.store.document_store import DocumentStore
from service.store.errors import StoreUnavailable
from service.store.port import RecordStore, StoredRecord
from service.store.sqlite import SqliteStore
from service.store.sqlite_worker import SqliteWorkerStore
from service.sync.engine import members
from service.sync.members import Member
from service.sync.subscribed import KnownSubscriptions, SubscriptionPage
from service.verify.epochs import read_epoch
from service.wiring import clock_of, database_file, new_chain


def style_of(settings: Settings) -> Style:
    """Return what goes into the emergency answer besides the record."""
    return Style.of(settings.fhir_base, settings.conflict_text)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a running service holds open."""

    settings: Settings
    clock: Clock
    keys: FileKeyRing
    policies: Policies
    registry: ClientRegistry
    store: RecordStore
    records: Records
    issuer: Issuer
    verifier: TokenVerifier
    decoy: StoredRecord
    subscriptions: KnownSubscriptions
    members: tuple[Member, ...] = ()
    """The partners that take part in sync."""

    async def tidy_store(self) -> None:
        """Finish, every half minute, what processes that died left behind, and forget what has expired."""
        while True:
            await asyncio.sleep(30)
            try:
                await self.store.tidy()
            except StoreUnavailable:
                logs.event("store-not-tidied", logging.WARNING)

    async def watch_registry(self) -> None:
        """Take up changes of the clients' file once a second, so that a client removed from it is out at once."""
        while True:
            await asyncio.sleep(1)
            try:
                self.registry.refresh()
            except InvalidConfiguration:
                logs.event("clients-file-refused", logging.ERROR)


def issuer_of(
    settings: Settings,
    keys: FileKeyRing,
    registry: ClientRegistry,
    clock: Clock,
    spend_once: Any,
    restored: datetime | None = None,
) -> Issuer:
    """Return the embedded token issuer; `restored` as in `Issuer`."""
    base = settings.base_url
    endpoints = Endpoints(base, f"{base}/oauth2/token", f"{base}/.well-known/jwks.json", settings.fhir_base)
    doors = settings.has_demo_doors
    return Issuer(endpoints, [keys.issuer_pem], registry, clock, spend_once, demo_doors=doors, restored=restored)


async def open_store(settings: Settings, keys: FileKeyRing, clock: Clock) -> RecordStore:
    """Open the store that the settings name, with an audit chain of this process's own."""
    if settings.store.startswith("mongodb"):
        from service.store.mongo import MongoDocuments  # the driver takes a fifth of a second to import

        file = settings.store_password_file
        try:
            password = None if file is None else file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise StoreUnavailable("the file that EPACCS_STORE_PASSWORD_FILE names cannot be read") from None
        documents = await MongoDocuments.open(settings.store, password, linearizable=settings.store_linearizable)
        return DocumentStore(documents, lambda: new_chain(keys), clock)
    return await SqliteStore.open(database_file(settings), new_chain(keys), clock)


async def open_worker_store(settings: Settings, keys: FileKeyRing, clock: Clock) -> RecordStore:
    """Open the store of one of several serving processes: where records lie in SQLite, another process writes."""
    if settings.store.startswith("mongodb"):
        return await open_store(settings, keys, clock)
    return SqliteWorkerStore(database_file(settings), clock)


async def _restored(settings: Settings, keys: FileKeyRing, store: RecordStore) -> datetime | None:
    """Return when the database was last restored from a backup, None for never."""
    epochs = await store.epochs()
    if not epochs:
        return None
    try:
        return read_epoch(epochs[-1], signing_key(keys.audit_signing_pem).public_key(), settings.tenant).began
    except SealBroken:
        await store.close()
        text = "what the database says of its last restore is not signed by this deployment; see `epaccs verify`"
        raise StoreUnavailable(text) from None


async def open_service(settings: Settings, *, worker: bool = False) -> Opened:
    """Open keys, policy, clients and store; raise the first thing that is wrong, in its own words."""
    clock = clock_of(settings)
    keys = open_keys(settings.keys)
    policies = load_policies(settings.policy, settings.localities)
    registry = ClientRegistry.load(settings.clients, policies.roles)
    partners = tuple(members(settings.partners, registry, policies))
    outside = load_outside_issuers(settings.issuers, key_set_fetch, clock, policies.roles) if settings.issuers else []
    store = await (open_worker_store if worker else open_store)(settings, keys, clock)
    index = BlindIndex(keys.index, settings.tenant)

    async def spend_once(token: bytes, expires: Any) -> bool:
        return await store.spend_once(token, expires)

    restored = await _restored(settings, keys, store)
    issuer = issuer_of(settings, keys, registry, clock, spend_once, restored)
    verifier = TokenVerifier(
        [issuer.trusted(), *outside], registry, settings.fhir_base, clock, demo_doors=settings.has_demo_doors
    )
    records = Records(store, Envelope(keys, settings.tenant), Heads(keys.head, settings.tenant), index)
    decoy = await make_decoy(records, settings.fhir_base, style_of(settings), clock())
    known = KnownSubscriptions(SubscriptionPage.of(records), time.monotonic)
    return Opened(settings, clock, keys, policies, registry, store, records, issuer, verifier, decoy, known, partners)
