"""The process that writes a SQLite file for several that serve; `epaccs serve` starts it."""

from __future__ import annotations

import asyncio
import os
import signal

import uvloop

from security.keys import open_keys
from service import logs
from service.settings import Settings
from service.store.sqlite import claim_file
from service.store.sqlite_writes import SqliteWrites
from service.store.writer_process import WriterProcess, socket_path
from service.wiring import clock_of, database_file, new_chain


async def _write(settings: Settings) -> None:
    database = database_file(settings)
    await asyncio.to_thread(claim_file, database)
    chain = new_chain(open_keys(settings.keys))
    writer = WriterProcess(SqliteWrites(database, chain, clock_of(settings)), socket_path(database))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Ctrl-C reaches the whole group of processes: the writer goes last, when its keeper says so.
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    parent = os.getppid()

    def look_for_the_keeper() -> None:
        if os.getppid() == parent:
            loop.call_later(1, look_for_the_keeper)
        else:
            stopped.set()

    look_for_the_keeper()
    await writer.serve(stopped)


if __name__ == "__main__":
    found = Settings.from_environ(os.environ)
    logs.configure(found.log_level)
    uvloop.run(_write(found))
