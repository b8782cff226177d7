"""`epaccs serve --workers N`: several processes behind one port.

With records in SQLite one more process writes for all of them (`service.store.writer_process`); in MongoDB each writes
for itself. Whichever process dies is started again. Everything that one request may have to know of another lies in the
store: tokens spent once, keys of repeated requests, leases, counters, the audit.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from service import logs
from service.app import Subscribing, create_app
from service.cli.server import config_of, settle_memory
from service.settings import PREFIX, Settings, environ_with_dotenv
from service.store.sqlite import claim_file
from service.wiring import database_file

_AGAIN_AFTER_SECONDS = 0.2


def serve_with(settings: Settings, workers: int, subscribing: Subscribing) -> None:
    """Serve until SIGINT or SIGTERM."""
    # Processes are started afresh and read the settings themselves; what came from elsewhere goes into the environment.
    given = environ_with_dotenv(Path.cwd()) | {"EPACCS_HOST": settings.host, "EPACCS_PORT": str(settings.port)}
    os.environ |= {name: value for name, value in given.items() if name.startswith(PREFIX)}
    config = config_of(partial(application, subscribing), settings, factory=True, workers=workers)
    with contextlib.nullcontext() if settings.store.startswith("mongodb") else _writer(settings):
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def application(subscribing: Subscribing) -> FastAPI:
    """Return the application of one process."""
    settings = Settings.from_environ(os.environ)
    logs.configure(settings.log_level)
    app = create_app(settings, worker=True, subscribing=subscribing)
    settle_memory()
    return app


@contextmanager
def _writer(settings: Settings) -> Iterator[None]:
    """Keep the writing process alive until the block ends."""
    claim_file(database_file(settings))
    ending = threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(ending,), name="writer-keeper")
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()


def _keep_alive(ending: threading.Event) -> None:
    while not ending.is_set():
        process = subprocess.Popen([sys.executable, "-m", "service.writer"], stdin=subprocess.DEVNULL)
        while process.poll() is None and not ending.wait(0.1):
            pass
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            return
        logs.event("writer-ended", logging.ERROR)
        ending.wait(_AGAIN_AFTER_SECONDS)
