"""The audit entries of one request, read from the store as it lies on the disk."""

from __future__ import annotations

import sqlite3

import httpx

from security.audit import AuditEntry, AuditSealer
from security.keys import open_keys
from tests.running import Running


def entries_of(service: Running, answer: httpx.Response) -> list[AuditEntry]:
    """Return what was written down of the request that got this answer, newest first."""
    settings = service.settings
    sealer = AuditSealer(open_keys(settings.keys).audit_seal, settings.tenant)
    with sqlite3.connect(f"file:{settings.store.removeprefix('sqlite://')}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT sealed FROM audit ORDER BY filed DESC LIMIT 5").fetchall()
    database.close()
    entries = [sealer.open(sealed) for (sealed,) in rows]
    return [entry for entry in entries if entry.request_id == answer.headers["x-request-id"]]
