"""`epaccs` with one more kind of partner, `here`: a folder stands for its system, and its files say how that behaves.

`down`: it cannot be reached; `refuses`: it refuses what it is given; `*.message`: what it sends, until `*.settled` lies
beside it. Run as `python -m tests.service.sync.partnered`, with the words of `epaccs`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters import registry
from adapters.base import Arrived, HeldThere, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.errors import ContentRefused, Unreachable
from adapters.partners import Partner
from adapters.registry import Surroundings
from service.cli import main
from tests.running import REPOSITORY, Running, running

PROGRAM = "tests.service.sync.partnered"
TITLE = "Example hospice's records"
OWNER = "Integration desk"


@dataclass(frozen=True, slots=True)
class Folder:
    """The partner's system."""

    folder: Path

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Take everything, or nothing."""
        self._reach()
        if (self.folder / "refuses").exists():
            raise ContentRefused
        for put in parcel.puts:
            yield Receipt(put.reference, HeldThere(put.reference, "1", put.digest))
        for removal in parcel.removals:
            yield Receipt(removal.reference, None)

    async def poll(self, cursor: str) -> Polled:
        """Return what lies there and is not settled."""
        self._reach()
        waiting = sorted(one for one in self.folder.glob("*.message") if not one.with_suffix(".settled").exists())
        return Polled([Message(one.stem, one.read_bytes()) for one in waiting], cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Understand nothing."""
        raise Untranslatable("This message cannot be read.")

    async def settled(self, message: Message) -> None:
        """Mark a message."""
        (self.folder / f"{message.id}.settled").touch()

    async def close(self) -> None:
        """Nothing is open."""

    def _reach(self) -> None:
        if (self.folder / "down").exists():
            raise Unreachable("x")


class Here:
    """The kind."""

    def problems(self, partner: Partner) -> list[str]:
        """Say what is wrong: the folder of the system has to be there."""
        there = partner.file(partner.name).is_dir()
        return [] if there else ["`settings` name no folder"]

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Folder:
        """Return the system."""
        return Folder(partner.file(partner.name))


def described(folder: Path, name: str = "hospice", **more: Any) -> Path:
    """Write the description of a partner, make the folder that is its system, and return that."""
    said = {
        "name": name,
        "kind": "here",
        "title": TITLE,
        "client": f"demo-{name}",
        "owner": {"name": OWNER, "organisation": "ZZGP01"},
        "people": "locality",
        "sends": True,
        "limits": {"retry_base": 0.05, "retry_cap": 0.2, "poll_every": 0.2},
        **more,
    }
    system = folder / name
    system.mkdir(parents=True)
    (folder / f"{name}.json").write_text(json.dumps(said))
    return system


@contextmanager
def partnered(home: Path, partners: Path, *arguments: str, store: str = "") -> Iterator[Running]:
    """Run the service with the partners of a folder; `store` as the setting."""
    with running(
        home, *arguments, serve=(PROGRAM, "serve"), EPACCS_PARTNERS=str(partners), EPACCS_STORE=store
    ) as service:
        yield service


# Processes that are started afresh import this module too.
registry.KINDS = {**registry.KINDS, "here": Here()}

if __name__ == "__main__":
    main()


def ran(home: Path, partners: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `epaccs sync` until it ends."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    ours = {"EPACCS_ENV": "demo", "EPACCS_HOME": str(home), "EPACCS_PARTNERS": str(partners), **settings}
    return subprocess.run(
        [sys.executable, "-m", PROGRAM, "sync", *words],
        cwd=REPOSITORY,
        env={**inherited, **ours},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
