"""Sends signed heads of the audit out of the database: to a file, and to syslog where the settings name one.

Guarantees: every few minutes one process of all that share a store, the holder of a lease, appends a batch that covers
every chain, synced to disk; another takes over when the holder is gone. Whoever keeps these lines where an attacker of
the database cannot write can show later that the audit was cut back, or the whole database put back.
Does not: keep them there. The file lies in the home folder unless `EPACCS_HEADS_FILE` says otherwise.

Race: lines are appended whole. The lease makes it one process at a time; were it two, both lines name the same batch
before, which a verifier accepts.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security.audit_batch import Batch, ChainHead, leaf_of, merkle_root, sign_batch
from security.clock import Clock
from service import logs
from service.store.errors import StoreError
from service.store.port import RecordStore
from service.verify.exported import HeadsLine, encode_line
from service.verify.outside import Outside

LEASE = b"exported-heads.."
MOST_HEADS = 64
"""Heads in one line, so that a datagram holds it; what is left goes into the next line at once."""
_GRACE = timedelta(seconds=30)


@dataclass(slots=True)
class HeadsExporter:
    """The exporter of one process. `run` it beside the service, and `finish` before the store is closed."""

    store: RecordStore
    key: Ed25519PrivateKey
    tenant: str
    clock: Clock
    outside: Outside
    every: timedelta
    _holder: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    _sent: dict[bytes, ChainHead] = field(default_factory=dict)
    _exporting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Export now and every few minutes. What cannot be written is logged, and tried again the next time."""
        while True:
            await self._logged()
            await asyncio.sleep(self.every.total_seconds())

    async def finish(self) -> None:
        """Export what was filed since, and let another process have the lease."""
        await self._logged()
        try:
            await self.store.release(LEASE, self._holder)
        except StoreError:
            logs.event("heads-lease-kept", logging.WARNING)

    async def export(self) -> int:
        """Write one batch, or several where many chains moved, if the lease is ours; return how many.

        Raises:
            StoreUnavailable, OSError: nothing, or not all of it, was written.

        """
        async with self._exporting:
            if await self.store.lease(LEASE, self._holder, self.clock() + self.every + _GRACE) is None:
                return 0
            heads = await self.store.chain_heads()
            moved = [head for head in heads if self._sent.get(head.chain_id) != head]
            parts = [moved[start : start + MOST_HEADS] for start in range(0, len(moved), MOST_HEADS)] or [[]]
            root, entries = merkle_root([leaf_of(head) for head in heads]), sum(head.seq for head in heads)
            previous = await asyncio.to_thread(self.outside.last_signature)
            lines = []
            for part in parts:
                made = self.clock()
                made = made.replace(microsecond=made.microsecond // 1000 * 1000)
                batch = Batch(self.tenant, made, tuple(part), entries, root, previous)
                previous = sign_batch(self.key, batch)
                lines.append(encode_line(HeadsLine.of(batch, previous)))
            await asyncio.to_thread(self.outside.append, lines)
            self._sent = {head.chain_id: head for head in heads}
            await asyncio.to_thread(self.outside.send, lines)
            return len(lines)

    async def _logged(self) -> None:
        try:
            await self.export()
        except (StoreError, OSError):
            logs.event("heads-not-exported", logging.ERROR)
