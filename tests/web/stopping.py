"""Taking the process that writes away from a service of several, and giving it back: what a crew sees of an outage."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import Running


@contextmanager
def writer_stopped(service: Running) -> Iterator[None]:
    """Let the process that writes stand still until the block ends: nothing can be written down, so nothing answers."""
    writer = _writer_of(service)
    os.kill(writer, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(writer, signal.SIGCONT)


def _writer_of(service: Running) -> int:
    for folder in Path("/proc").iterdir():
        try:
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if above == service.process.pid and "service.writer" in (folder / "cmdline").read_text():
                return int(folder.name)
        except (OSError, ValueError):
            continue
    raise LookupError("no writer")
