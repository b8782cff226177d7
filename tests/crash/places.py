"""Where a service under test lives: its home, its store, the server of that store, and how all of it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.peers.mongo_servers import MongoServer
from tests.running import REPOSITORY, Running, demo_settings, free_port, running

SQLITE, WORKERS = "sqlite", "sqlite-workers"
"""SQLite under one process, and under two that serve and one that writes."""
TELLING = ("tests.crash.serving",)
"""The service with a subscriber, so that every write causes deliveries."""


class Place:
    """One home on one store. It keeps its port, as a service that is started again does."""

    def __init__(self, store: str, folder: Path, serve: tuple[str, ...] = TELLING) -> None:
        """`store` is `sqlite`, `sqlite-workers` or a kind of server."""
        self._serve = serve
        self.workers = store == WORKERS
        self._arguments = ("--workers", "2") if store == WORKERS else ()
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.server = None if store in (SQLITE, WORKERS) else MongoServer(store, folder / "server")
        self._settings = {"EPACCS_PORT": str(free_port())}
        if self.server is not None:
            self.server.start()
            self._settings["EPACCS_STORE"] = self.server.url("records")

    @contextmanager
    def running(self, **more: str) -> Iterator[Running]:
        """Run the service until the block ends or it is killed."""
        with serving(self.home, {**self._settings, **more}, *self._arguments, serve=self._serve) as service:
            yield service

    def start_and_kill(self, after: float) -> None:
        """Start the service and kill it so many seconds later, wherever its start has got by then."""
        settings = demo_settings(self.home, free_port(), **self._settings)
        environment = {**os.environ, "EPACCS_ENV": "demo", "EPACCS_HOME": str(settings.home), **self._settings}
        with (self.home / "killed.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *self._serve, *self._arguments],
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=log,
            )
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=after)
            kill(process)

    def close(self) -> None:
        """Stop the server."""
        if self.server is not None:
            self.server.stop()


def serving(
    home: Path, settings: Mapping[str, str] | None = None, *arguments: str, serve: tuple[str, ...] = TELLING
) -> AbstractContextManager[Running]:
    """Run the service, with a subscriber, and settings from a mapping."""
    return running(home, *arguments, prefix=(), serve=serve, **(settings or {}))


def kill(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a process and those that it started with SIGKILL: none of them gets a chance to write anything."""
    for pid in (process.pid, *_children(process.pid)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def kill_one(process: subprocess.Popen[bytes], what: str) -> None:
    """Kill the first process below one whose command line has a word; whoever started it starts another."""
    for pid in _children(process.pid):
        with suppress(OSError):
            if what in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
                return


def until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until something is true of another process; return how long it took, fail when it takes too long."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"not within {seconds} seconds: {what}")
        time.sleep(0.02)  # a poll of another process, with a deadline
    return time.monotonic() - begun


def kill_later(trigger: threading.Event, delay: float, deaths: list[Callable[[], None]]) -> None:
    """Wait for the trigger and so many seconds more, then bring the deaths about."""
    if not trigger.wait(timeout=60):
        raise AssertionError("the clients sent too little in a minute")
    threading.Event().wait(delay)  # the random moment
    for death in deaths:
        death()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in tasks.read_text().split():
                found += [int(child), *_children(int(child))]
    return found
