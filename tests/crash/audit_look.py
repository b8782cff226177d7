"""The audit as it lies in the store, opened with the service's keys: which request left which entries."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.collection import Collection

from security.audit import AuditEntry, AuditSealer, Outcome
from security.audit_chain import Linked, verify_chain
from security.keys import open_keys
from service.settings import Settings
from tests.contracts.collections import chains_in


class AuditLook:
    """Looks at the audit of one home again and again; what it has seen once must stay."""

    def __init__(self, settings: Settings) -> None:
        keys = open_keys(settings.keys)
        self._store = settings.store
        self._chain_key = keys.audit_chain.active
        self._sealer = AuditSealer(keys.audit_seal, settings.tenant)
        self._filed: dict[tuple[bytes, int], bytes] = {}
        self._opened: dict[tuple[bytes, int], AuditEntry] = {}

    def filed(self) -> dict[tuple[bytes, int], bytes]:
        """Return all sealed entries by place; fail where a chain is broken or something seen before is gone."""
        chains = self._chains()
        faults = {
            chain.hex(): faults
            for chain, linked in chains.items()
            if (faults := verify_chain(self._chain_key, chain, linked))
        }
        assert not faults, f"audit chains are broken: {faults}"
        there = {(chain, one.seq): one.sealed for chain, linked in chains.items() for one in linked}
        lost = [place for place, sealed in self._filed.items() if there.get(place) != sealed]
        assert not lost, f"{len(lost)} audit entries that were there are gone or changed"
        self._filed = there
        return there

    def entries(self) -> dict[str, list[AuditEntry]]:
        """Return all entries by request id, judged as `filed` does."""
        there = self.filed()
        for place, sealed in there.items():
            if place not in self._opened:
                self._opened[place] = self._sealer.open(sealed)
        found: dict[str, list[AuditEntry]] = defaultdict(list)
        for entry in self._opened.values():
            found[entry.request_id].append(entry)
        return found

    def _chains(self) -> dict[bytes, list[Linked]]:
        return self._in_sqlite() if self._store.startswith("sqlite") else self._in_mongodb()

    def _in_sqlite(self) -> dict[bytes, list[Linked]]:
        found: dict[bytes, list[Linked]] = defaultdict(list)
        path = self._store.removeprefix("sqlite://")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            for chain, seq, mac, sealed in database.execute("SELECT chain, seq, mac, sealed FROM audit ORDER BY filed"):
                found[chain].append(Linked(seq, mac, sealed))
        return found

    def _in_mongodb(self) -> dict[bytes, list[Linked]]:
        client: MongoClient[dict[str, Any]]
        with MongoClient(self._store, tz_aware=True) as client:
            audit: Collection[dict[str, Any]] = client[urlsplit(self._store).path.strip("/")]["audit"]
            return chains_in({"audit": {one["_id"]: one for one in audit.find()}})


def wrote(entries: list[AuditEntry]) -> list[AuditEntry]:
    """Return those that say that something was done."""
    return [entry for entry in entries if entry.outcome is Outcome.SUCCESS]
