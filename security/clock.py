"""Time is asked for, never taken: every rule and every stamp gets its time from a `Clock`."""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]
"""Returns the present moment, timezone-aware, in UTC."""

LONDON = ZoneInfo("Europe/London")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def system_clock() -> datetime:
    """Return the machine's time in UTC."""
    return datetime.now(UTC)


_read = struct.Struct("<d").unpack_from


class MovableClock:
    """The machine's time plus an offset shared by every process of one home; demo and sandbox only.

    The offset (seconds, IEEE double) lives in a small mapped file, so that moving it moves tokens, leases and pages of
    all processes at once and reading it costs no system call.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < 8:
                os.pwrite(descriptor, struct.pack("<d", 0.0), 0)
            self._offset = mmap.mmap(descriptor, 8)
        finally:
            os.close(descriptor)

    def __call__(self) -> datetime:
        """Return the moved time in UTC."""
        return datetime.fromtimestamp(time.time() + _read(self._offset)[0], UTC)

    def set(self, moment: datetime) -> None:
        """Make it `moment` now; time runs on from there."""
        self._write(moment.timestamp() - time.time())

    def advance(self, duration: timedelta) -> None:
        """Move time forward (or back, for a negative duration)."""
        self._write(_read(self._offset)[0] + duration.total_seconds())

    def release(self) -> None:
        """Return to the machine's own time."""
        self._write(0.0)

    def _write(self, offset: float) -> None:
        self._offset[:8] = struct.pack("<d", offset)


@lru_cache(maxsize=64)  # one request writes the same moment several times
def microseconds(moment: datetime) -> int:
    """Return an aware moment as whole microseconds since 1970 in UTC."""
    return (moment - EPOCH) // _MICROSECOND


def instant(moment: datetime) -> str:
    """Format as a FHIR instant in UTC with milliseconds, the form of every `meta.lastUpdated` here."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_instant(text: str) -> datetime:
    """Read an instant as `instant` writes it; raise ValueError for anything without a time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant has a time zone")
    return moment.astimezone(UTC)
