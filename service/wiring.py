"""What every process makes of the settings, whether it serves or only writes. Imports little, so it starts fast."""

from __future__ import annotations

import secrets
from pathlib import Path

from security.audit_chain import Chain
from security.clock import Clock, MovableClock, system_clock
from security.keys import FileKeyRing
from service.settings import Settings


def clock_of(settings: Settings) -> Clock:
    """Return the machine's clock; in demo and sandbox one that `epaccs clock` can move."""
    return MovableClock(settings.home / "clock") if settings.has_demo_doors else system_clock


def new_chain(keys: FileKeyRing) -> Chain:
    """Return a fresh audit chain for this process."""
    return Chain(keys.audit_chain.active, secrets.token_bytes(16))


def database_file(settings: Settings) -> Path:
    """Return the SQLite file that the settings name."""
    return Path(settings.store.removeprefix("sqlite://"))
