"""The process that writes a SQLite file for all others: SQLite has one writer at a time, and one that knows it is alone
can commit the work of many in one group.

It listens on a Unix socket beside the database, open to its own user alone. Whoever is connected when it dies hears
that the store is unavailable, and connects again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path

from service.store import writer_messages as messages
from service.store.errors import StoreError
from service.store.sqlite_writes import SqliteWrites

_LOGGER = logging.getLogger(__name__)


def socket_path(database: Path) -> Path:
    """Return where the writer of a database listens."""
    return database.with_name(f"{database.name}-writer")


class WriterProcess:
    """Serves the writing half of a store to other processes."""

    def __init__(self, writes: SqliteWrites, path: Path) -> None:
        self._writes = writes
        self._path = path
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, stopped: asyncio.Event) -> None:
        """Answer calls until `stopped` is set; then finish what was accepted."""
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._connected, self._path)
        finally:
            os.umask(mask)
        await stopped.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._writes.close_writes()
        self._path.unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        calls: set[asyncio.Task[None]] = set()
        try:
            while True:
                call = messages.decode_call(await messages.next_message(reader))
                answering = asyncio.create_task(self._answer(call, writer))
                calls.add(answering)
                answering.add_done_callback(calls.discard)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # Whoever asked is gone, or we are about to be: what was accepted is finished all the same.
            await asyncio.gather(*calls, return_exceptions=True)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, call: messages.Call, writer: asyncio.StreamWriter) -> None:
        try:
            result = await getattr(self._writes, call.method)(*messages.arguments_of(call))
            outcome = messages.Outcome(call.number, result)
        except StoreError as error:
            outcome = messages.failed(call.number, error)
        except Exception as error:  # nobody foresaw it, and who waits must hear all the same
            _LOGGER.error("a call of the writer failed: %s", call.method, exc_info=error)
            outcome = messages.Outcome(call.number, error=type(error).__name__)
        with contextlib.suppress(ConnectionError):
            writer.write(messages.framed(outcome))
