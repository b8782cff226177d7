"""The time of a stand-in: the machine's, and as much ahead of it as the sandbox is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _machine() -> datetime:
    return datetime.now(UTC)


class Moments:
    """Tells the time (`now`) and gives stamps that always grow (`stamp`)."""

    def __init__(self, machine: Callable[[], datetime] = _machine) -> None:
        self._machine = machine
        self._ahead = timedelta()
        self._last = datetime.min.replace(tzinfo=UTC)

    def go_ahead(self, seconds: float) -> None:
        """Be this many seconds ahead of the machine from now on."""
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return the time, with zone UTC."""
        return self._machine() + self._ahead

    def stamp(self) -> datetime:
        """Return the time in whole milliseconds, later than every stamp before, so that each change has its own."""
        now = self.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._last = max(now, self._last + timedelta(milliseconds=1))
        return self._last


def instant(moment: datetime) -> str:
    """Return a FHIR instant in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
