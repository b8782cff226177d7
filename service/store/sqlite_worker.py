"""The store of a process that reads a SQLite file itself and lets the writer process write.

A writer that is not there, or dies, is `StoreUnavailable`; the next call connects again. What was asked of a writer
that died may have been done.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path
from typing import Any

from security.clock import Clock
from service.store import writer_messages as messages
from service.store.epochs import StoredEpoch
from service.store.errors import StoreUnavailable
from service.store.gathering import Gathering
from service.store.port import Commit, SealedEntry
from service.store.sqlite_reads import SqliteReads
from service.store.writer_process import socket_path

PATIENCE_SECONDS = 10.0
"""Longer than the writer itself waits for the disk: one that says nothing for so long does not run."""
_GONE = "the writer of the database is not there"


class SqliteWorkerStore(SqliteReads):
    """`RecordStore` beside a `WriterProcess`. Make it inside the running loop."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, clock)
        self._socket = socket_path(path)
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._closed = False
        self._audit = Gathering(self._append_group)

    async def commit(self, commit: Commit) -> None:
        """Make the change durable, or raise; a raised `StoreUnavailable` may leave it made."""
        await self._call("commit", commit)

    async def append_audit(self, entry: SealedEntry, known: bytes | None = None) -> None:
        """Make one audit entry durable."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        await self._audit.append((asyncio.get_running_loop().time(), entry, known))

    async def spend_once(self, token: bytes, expires: datetime) -> bool:
        """Insert a token if absent, atomically."""
        return bool(await self._call("spend_once", token, expires))

    async def keep(self, key: bytes, sealed: bytes, expires: datetime) -> None:
        """Keep a sealed text until it expires."""
        await self._call("keep", key, sealed, expires)

    async def done(self, delivery: bytes) -> None:
        """Forget a delivery."""
        await self._call("done", delivery)

    async def lease(self, name: bytes, holder: bytes, until: datetime) -> int | None:
        """Take or renew a lease; return its turn, None while somebody else has it."""
        turn: int | None = await self._call("lease", name, holder, until)
        return turn

    async def release(self, name: bytes, holder: bytes) -> None:
        """Let go of a lease, if `holder` has it."""
        await self._call("release", name, holder)

    async def count(self, key: bytes, until: datetime) -> int:
        """Count one more under `key` for the span of time that ends at `until`, and return the count."""
        return int(await self._call("count", key, until))

    async def begin_epoch(self, epoch: StoredEpoch) -> None:
        """Refuse: others have the file open, or there would be no writer."""
        raise StoreUnavailable("an epoch begins while nothing else has the database open")

    async def tidy(self) -> None:
        """Forget what has expired."""
        await self._call("tidy")

    async def ready(self) -> None:
        """Raise StoreUnavailable when reads or durable writes cannot be served."""
        self.check_reads()
        await self._call("check_writes")

    async def close(self) -> None:
        """Let go of the file and of the writer."""
        self._closed = True
        await self._audit.finish()
        while self._waiting:
            await asyncio.wait(self._waiting.values())
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        self.close_reads()

    async def _append_group(self, group: list[tuple[float, SealedEntry, bytes | None]]) -> None:
        """Send entries as one call: what crosses the socket costs by the message, on both sides of it."""
        since, entries = group[0][0], [(entry, known) for _, entry, known in group]
        await self._ask("append_audits", (entries,), since + PATIENCE_SECONDS)

    async def _call(self, method: str, *arguments: Any) -> Any:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await self._ask(method, arguments, asyncio.get_running_loop().time() + PATIENCE_SECONDS)

    async def _ask(self, method: str, arguments: tuple[Any, ...], until: float) -> Any:
        """Call the writer and wait for its answer, until a time of the loop's clock at most."""
        self._number = number = self._number + 1
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = outcome  # accepted: closing waits for it
        try:
            writer = await self._connected()
        except BaseException:
            self._waiting.pop(number, None)
            outcome.cancel()
            raise
        if writer.is_closing():  # it died, and `_listen` has not come round to saying so
            self._waiting.pop(number, None)
            raise StoreUnavailable(_GONE)
        writer.write(messages.call(number, method, arguments))
        try:
            async with asyncio.timeout_at(until):
                return await outcome
        except TimeoutError:
            raise StoreUnavailable("the writer of the database does not answer in time") from None
        finally:
            self._waiting.pop(number, None)

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                try:
                    reader, self._writer = await asyncio.open_unix_connection(self._socket)
                except OSError as error:
                    raise StoreUnavailable(_GONE) from error
                self._listening = asyncio.create_task(self._listen(reader, self._writer))
            return self._writer

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                outcome = messages.decode_outcome(await messages.next_message(reader))
                future = self._waiting.pop(outcome.number, None)
                if future is None or future.done():  # whoever asked has gone, or waited too long
                    continue
                if outcome.error:
                    future.set_exception(messages.raised(outcome))
                else:
                    future.set_result(outcome.result)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writer = None
            writer.close()
            waiting, self._waiting = self._waiting, {}
            for future in waiting.values():
                if not future.done():
                    future.set_exception(StoreUnavailable(_GONE))
