"""One writer for one SQLite file: jobs queue up, a thread commits them in groups, callers wait for the disk.

Every job of a group lies in one transaction, so one `fdatasync` makes them all durable. A job that fails is rolled
back to its own savepoint and fails alone; when the group's COMMIT fails, every job of it fails and nothing of it is
there. Checkpoints run on a second thread with a connection of its own, because SQLite's automatic checkpoint would
put its writes between a request and its answer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from service.store.errors import StoreError, StoreUnavailable

Job = Callable[[sqlite3.Connection], Any]
"""Runs inside the writer's transaction; raises a StoreError before it has written anything, or uses a savepoint."""

CHECKPOINT_SECONDS = 1.0
LARGEST_GROUP = 256


class Committer:
    """The writer thread of one SQLite file. Made and closed in a running event loop.

    `before` and `rollback` frame each group: what lies outside the database (the audit chain's head) is marked before
    the first job and taken back when the group is lost.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], *, before: Callable[[], Any], rollback: Callable[[Any], None]
    ) -> None:
        self._connect = connect
        self._before = before
        self._rollback = rollback
        self._jobs: SimpleQueue[tuple[Job, asyncio.Future[Any]] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, name="store-writer", daemon=True),
            threading.Thread(target=self._checkpoint, name="store-checkpoint", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Queue a job; the future resolves when the group that holds it is durable."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put((job, future))
        return future

    async def close(self) -> None:
        """Commit what was accepted, then stop both threads."""
        if self._closed:
            return
        self._closed = True
        self._stopping.set()
        self._jobs.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _write(self) -> None:
        connection = self._connect()
        try:
            running = True
            while running:
                group, running = self._next_group()
                if group:
                    settled = self._commit_group(connection, group)
                    self._loop.call_soon_threadsafe(_settle, settled)
        finally:
            connection.close()

    def _next_group(self) -> tuple[list[tuple[Job, asyncio.Future[Any]]], bool]:
        first = self._jobs.get()
        if first is None:
            return [], False
        group = [first]
        while len(group) < LARGEST_GROUP:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                return group, False
            group.append(job)
        return group, True

    def _commit_group(
        self, connection: sqlite3.Connection, group: list[tuple[Job, asyncio.Future[Any]]]
    ) -> list[tuple[asyncio.Future[Any], Any]]:
        mark = self._before()
        settled: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job, future in group:
                try:
                    settled.append((future, job(connection)))
                except StoreError as error:
                    settled.append((future, error))
            connection.execute("COMMIT")
        except Exception as error:  # the group is lost as a whole, whatever happened: nothing may be acknowledged
            self._rollback(mark)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            lost = StoreUnavailable("the store could not commit")
            lost.__cause__ = error
            return [(future, lost) for _, future in group]
        return settled

    def _checkpoint(self) -> None:
        connection = self._connect()
        try:
            while not self._stopping.wait(CHECKPOINT_SECONDS):
                try:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                except sqlite3.OperationalError:
                    # A full or slow disk shows at the next commit, which has somebody to tell.
                    continue
        finally:
            connection.close()


def _settle(settled: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in settled:
        if future.cancelled():
            continue
        if isinstance(result, StoreError):
            future.set_exception(result)
        else:
            future.set_result(result)
