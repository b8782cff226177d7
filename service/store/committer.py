"""One writer for one SQLite file: jobs gather, a thread commits them in groups, callers wait for the disk.

Every job of a group lies in one transaction, so one `fdatasync` makes them all durable. A job that fails is rolled
back to its own savepoint and fails alone; when the group's COMMIT fails, every job of it fails and nothing of it is
there.

A disk that does not answer within `PATIENCE_SECONDS` is one that cannot be had: whoever waits hears that the store is
unavailable, which may leave the work made, and nothing more is taken until the disk has answered.

A group is whatever has gathered by the time that the event loop has nothing more to do at once, or that the group
before it is durable: a busy service commits many together, an idle one commits a single job without waiting. Groups are
handed over whole, because each change of hands between two Python threads can cost more than the commit itself.

Checkpoints, and what else is due each second, run on a second thread with a connection of its own, because SQLite's
automatic checkpoint would put its writes between a request and its answer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from service.store.errors import StoreError, StoreUnavailable

_TOO_SLOW = "the disk does not answer in time"

Job = Callable[[sqlite3.Connection], Any]
"""Runs inside the writer's transaction; raises a StoreError before it has written anything, or uses a savepoint."""

Group = list[tuple[Job, asyncio.Future[Any]]]
CHECKPOINT_SECONDS = 1.0
LARGEST_GROUP = 256
PATIENCE_SECONDS = 5.0
"""A disk that keeps a group for longer is one that does not answer: who waits for it is told so."""


class Committer:
    """The writer of one SQLite file. Made, used and closed in one running event loop.

    `before`, `after` and `rollback` frame each group: what lies outside the database (the audit chain's head) is marked
    before the first job and taken back when the group is lost; `after` the last job, still in the transaction, what the
    jobs have gathered is written at once. Every call into SQLite lets go of the interpreter, and getting it back from a
    busy event loop can take milliseconds: so a group makes few calls, however many jobs it has.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        before: Callable[[], Any],
        after: Callable[[sqlite3.Connection], None],
        rollback: Callable[[Any], None],
        each_second: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._before = before
        self._after = after
        self._rollback = rollback
        self._each_second = each_second
        self._loop = asyncio.get_running_loop()
        self._waiting: Group = []
        self._settled: asyncio.Future[None] = self._loop.create_future()
        self._writing = False
        self._overdue = False
        self._watch: asyncio.TimerHandle | None = None
        self._scheduled = False
        self._closed = False
        self._groups: SimpleQueue[Group | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, name="store-writer", daemon=True),
            threading.Thread(target=self._checkpoint, name="store-checkpoint", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Take a job; the future resolves when the group that holds it is durable."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._overdue:
            raise StoreUnavailable(_TOO_SLOW)
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((job, future))
        if not self._writing and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)
        return future

    async def close(self) -> None:
        """Commit what was accepted, then stop both threads."""
        if self._closed:
            return
        self._closed = True
        while self._waiting or self._writing:
            await asyncio.wait([future for _, future in self._waiting] or [self._settled])
        self._stopping.set()
        self._groups.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _hand_over(self) -> None:
        """Give what has gathered to the writer; on the event loop, when the writer is free."""
        self._scheduled = False
        if self._writing or not self._waiting:
            return
        group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
        self._writing = True
        self._settled = self._loop.create_future()
        self._watch = self._loop.call_later(PATIENCE_SECONDS, self._give_up, group)
        self._groups.put(group)

    def _give_up(self, group: Group) -> None:
        """Tell a group that is too long on its way, and who waits behind it. The group may yet become durable."""
        self._overdue = True
        waiting, self._waiting = self._waiting, []
        for _, future in (*group, *waiting):
            if not future.done():
                future.set_exception(StoreUnavailable(_TOO_SLOW))

    def _settle(self, results: list[tuple[asyncio.Future[Any], Any]]) -> None:
        """Answer everyone in a group, on the event loop, and begin the next one."""
        self._writing = self._overdue = False
        if self._watch is not None:
            self._watch.cancel()
        self._settled.set_result(None)
        for future, result in results:
            if future.done():  # cancelled, or told that it took too long
                continue
            if isinstance(result, StoreError):
                future.set_exception(result)
            else:
                future.set_result(result)
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)

    def _write(self) -> None:
        connection = self._connect()
        try:
            while (group := self._groups.get()) is not None:
                results = self._commit(connection, group)
                self._loop.call_soon_threadsafe(self._settle, results)
        finally:
            connection.close()

    def _commit(self, connection: sqlite3.Connection, group: Group) -> list[tuple[asyncio.Future[Any], Any]]:
        mark = self._before()
        results: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job, future in group:
                try:
                    results.append((future, job(connection)))
                except StoreError as error:
                    results.append((future, error))
            self._after(connection)
            connection.execute("COMMIT")
        except Exception as error:  # the group is lost as a whole, whatever happened: nothing may be acknowledged
            self._rollback(mark)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            lost = StoreUnavailable("the store could not commit")
            lost.__cause__ = error
            return [(future, lost) for _, future in group]
        return results

    def _checkpoint(self) -> None:
        connection = self._connect()
        try:
            while not self._stopping.wait(CHECKPOINT_SECONDS):
                try:
                    self._each_second()
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                except (sqlite3.OperationalError, OSError):
                    # A full or slow disk shows at the next commit, which has somebody to tell.
                    continue
        finally:
            connection.close()
