"""The way to the receiver of these tests: a kind of partner that posts one effect in each request."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import msgspec

from adapters import registry
from adapters.base import Arrived, HeldThere, Message, Parcel, Polled, Put, Receipt, Removal, Untranslatable
from adapters.errors import ContentRefused, Faulty
from adapters.http import HttpClient
from adapters.partners import Partner
from adapters.registry import Kind, Surroundings
from tests.peers.receiver import Effect, Has
from tests.running import REPOSITORY

KIND = "posting"


@dataclass(slots=True)
class Posting:
    """The adapter."""

    http: HttpClient
    url: str

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Post effect by effect."""
        effects: list[Put | Removal] = [*parcel.puts, *parcel.removals]
        for effect in effects:
            put = effect if isinstance(effect, Put) else None
            body = Effect(
                parcel.key,
                parcel.subject,
                parcel.sequence,
                effect.reference,
                None if put is None else put.resource,
                put is not None and put.there is not None and bool(put.there.digest),
            )
            answer = await self.http.send("POST", self.url, content=msgspec.json.encode(body))
            if answer.status >= 500:
                raise Faulty
            if answer.status != 200:
                raise ContentRefused
            yield Receipt(effect.reference, None if put is None else HeldThere("", "", put.digest))

    async def poll(self, cursor: str) -> Polled:
        """Ask nothing."""
        return Polled((), cursor)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Understand nothing."""
        raise Untranslatable("This partner sends nothing.")

    async def settled(self, message: Message) -> None:
        """Say nothing."""

    async def close(self) -> None:
        """Let go of the connections."""
        await self.http.close()


class PostingKind:
    """The kind: its one setting is the receiver's `url`."""

    def problems(self, partner: Partner) -> list[str]:
        """Return what is wrong with a description."""
        return [] if "url" in partner.description.settings else ["`settings.url` is missing"]

    def adapter(self, partner: Partner, surroundings: Surroundings) -> Posting:
        """Return the adapter of a partner."""
        return Posting(HttpClient(), str(partner.description.settings["url"]))


def register() -> None:
    """Make the kind known in this process."""
    cast("dict[str, Kind]", registry.KINDS)[KIND] = PostingKind()


@dataclass(frozen=True, slots=True)
class RunningReceiver:
    """A receiver that runs."""

    url: str
    process: subprocess.Popen[str]

    def has(self) -> Has:
        """Return what it has."""
        return msgspec.json.decode(httpx.get(self.url, timeout=30).content, type=Has)


@contextmanager
def receiving(journal: Path) -> Iterator[RunningReceiver]:
    """Run a receiver until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.peers.receiver", str(journal)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield RunningReceiver(f"http://127.0.0.1:{int(process.stdout.readline())}/", process)
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
