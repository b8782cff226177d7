"""The embedded store: one SQLite file, write-ahead log, every acknowledged write synced to disk.

One process reads and writes, or several read and one of them writes for all (`writer_process`).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from security.audit_chain import Chain
from security.clock import Clock
from service.store.machine import MachineMark
from service.store.sqlite_file import prepare
from service.store.sqlite_reads import SqliteReads, translated
from service.store.sqlite_writes import SqliteWrites


def claim_file(path: Path) -> None:
    """Make the file and its tables if need be, and mark it as this machine's; raises as `SqliteStore.open` does."""
    with translated():
        path.parent.mkdir(parents=True, exist_ok=True)
        MachineMark(path).claim()
        prepare(path)


class SqliteStore(SqliteReads, SqliteWrites):
    """`RecordStore` on one SQLite file. Open it with `await SqliteStore.open(...)` inside the running loop."""

    def __init__(self, path: Path, chain: Chain, clock: Clock) -> None:
        SqliteReads.__init__(self, path, clock)
        SqliteWrites.__init__(self, path, chain, clock)

    @classmethod
    async def open(cls, path: Path, chain: Chain, clock: Clock) -> SqliteStore:
        """Open or create the file.

        Raises:
            StoreUnavailable: that cannot be done, the schema is not ours, or another machine has the file open.

        """
        await asyncio.to_thread(claim_file, path)
        return cls(path, chain, clock)

    async def ready(self) -> None:
        """Raise StoreUnavailable when reads or durable writes cannot be served."""
        self.check_reads()
        await self.check_writes()

    async def close(self) -> None:
        """Finish what was accepted and close the file."""
        await self.close_writes()
        self.close_reads()
