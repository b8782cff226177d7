"""A stand-in of PDS and a description of it, with a time that moves when somebody waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from adapters.http import HttpClient
from adapters.pace import Pace
from adapters.partners import Description, Owner, Partner
from adapters.pds import PER_SECOND, Pds
from adapters.pds_partner import PdsSettings
from adapters.platform_auth import application_auth
from adapters.settings import read_settings
from tests.standins.pds import API_KEY, KID, StandInPds, standing

KEY = RSAKey.generate_key(2048)
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass(slots=True)
class Time:
    """Wall time and the seconds that only go forward, moved together by whoever waits."""

    now: datetime = START
    seconds: float = 100.0
    waited: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        """Return wall time."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    async def wait(self, seconds: float) -> None:
        """Let time pass, and remember it."""
        self.waited.append(seconds)
        self.forward(seconds)


def private(path: Path, content: str) -> None:
    """Write a file that only we may read."""
    path.touch(mode=0o600)
    path.write_text(content)


def described(folder: Path, base: str, token_url: str, **settings: Any) -> Partner:
    """Return a description with its files."""
    private(folder / "api-key", f"{API_KEY}\n")
    private(folder / "key.jwk", json.dumps(KEY.as_dict(private=True)))
    auth = {"token_url": token_url, "api_key_file": "api-key", "key_file": "key.jwk", "kid": KID}
    said = {"base": base, "auth": {**auth, **settings.pop("auth", {})}, **settings}
    owner = Owner("Records desk", "ZZGP01")
    description = Description(name="pds", kind="pds", title="PDS", client="pds", owner=owner, gets=False, settings=said)
    return Partner(description, folder)


@dataclass(slots=True)
class World:
    """The stand-in, and time."""

    pds: StandInPds
    time: Time
    folder: Path

    def client(self, **settings: Any) -> Pds:
        """Return a client as a description makes it, but for its time."""
        where = {"base": self.pds.base, "token_url": self.pds.token_url}
        partner = described(self.folder, **{**where, **settings})
        read = read_settings(partner, PdsSettings)
        http = HttpClient(auth=application_auth(read.auth, partner.file, self.time.clock))
        return Pds(http, read.base, Pace(PER_SECOND, lambda: self.time.seconds, self.time.wait), within=10.0)


@contextmanager
def pds_world(folder: Path) -> Iterator[World]:
    """Run the stand-in."""
    time = Time()
    with standing(KEY, time.clock, lambda: time.seconds) as pds:
        yield World(pds, time, folder)
