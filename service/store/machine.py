"""A mark beside a SQLite file that says which machine has it open.

Processes of one machine share a SQLite file safely; two machines, over a network file system, would destroy it. So
whoever opens it writes the mark of this machine again every second, and a start on another machine that sees the mark
change refuses. A mark that stands still is of a machine that is gone, and is taken over after a few seconds.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from service.store.errors import StoreUnavailable

WATCHED_SECONDS = 3.5
"""How long the mark of another machine is watched; it changes every second while that machine is there."""
_LENGTH = 160
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Mark(msgspec.Struct, frozen=True):
    """`machine` is a digest of what names the running kernel; `beat` changes.

    The kernel, because processes share a SQLite file through its memory: containers on one kernel may, copies of one
    installation on two machines may not. After a restart a machine watches its own mark like that of another.
    """

    machine: str
    beat: int


class MachineMark:
    """The mark of one database file."""

    def __init__(self, database: Path, pause: Callable[[float], None] = time.sleep) -> None:
        self.path = database.with_name(f"{database.name}-machine")
        self._pause = pause
        self._machine = _this_machine()

    def claim(self) -> None:
        """Write our mark; raise StoreUnavailable while another machine has the file open."""
        found = self._read()
        if found is not None and found.machine != self._machine:
            self._pause(WATCHED_SECONDS)
            if self._read() != found:
                raise StoreUnavailable("another machine has the database file open")
        self.beat()

    def beat(self) -> None:
        """Write our mark again."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # Of one length, and in one call: whoever reads meanwhile finds the mark before or this one.
            os.pwrite(descriptor, msgspec.json.encode(self._mark()).ljust(_LENGTH), 0)
        finally:
            os.close(descriptor)

    def _mark(self) -> Mark:
        return Mark(self._machine, time.time_ns())

    def _read(self) -> Mark | None:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Mark)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None


def _this_machine() -> str:
    """Return a digest: it is compared, and what it is made of need not be known to whoever finds the file."""
    try:
        named = _BOOT.read_bytes().strip()
    except OSError:  # no Linux
        named = uuid.getnode().to_bytes(6, "big")
    return hashlib.sha256(named).hexdigest()[:32]
