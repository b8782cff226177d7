"""A partner in the same process for tests of the engine: it keeps what it is given, and fails as it is told to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from adapters.base import Arrived, HeldThere, Message, Parcel, Polled, Receipt, Untranslatable, Whom
from adapters.errors import OutsideError, Unreachable
from adapters.notice import PersonNotice
from adapters.partners import Description, Limits, Owner, Partner
from fhir_profiles import json
from security.registry import RegisteredClient
from service.sync.members import Member

Json = dict[str, Any]


def member(name: str = "hospice", organisation: str = "ZZHSP1", role: str = "hospice", **more: Any) -> Member:
    """Return a partner's description and its client."""
    limits = msgspec.convert(more.pop("limits", {}), Limits)
    described = Description(
        name=name,
        kind="fhir",
        title=f"The {name}",
        client=f"{name}-system",
        owner=Owner("Owner Example", "ZZGP01"),
        limits=limits,
        **more,
    )
    client = RegisteredClient(
        f"{name}-system",
        f"The {name}'s system",
        organisation,
        frozenset({role, "system"}),
        frozenset({"system/*.cruds"}),
    )
    return Member(Partner(described, Path()), client)


@dataclass(slots=True)
class Kept:
    """One resource at the partner: its own reference and version, and every content it ever had, newest last."""

    theirs: str
    contents: list[Json]

    @property
    def version(self) -> str:
        """The partner's version of it."""
        return str(len(self.contents))


@dataclass(slots=True)
class Place:
    """The partner. `faults` are raised one after the other, each before an effect (`after`: after it, unconfirmed)."""

    here: dict[str, Kept] = field(default_factory=dict)
    effects: list[tuple[str, str]] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    faults: deque[tuple[str, BaseException]] = field(default_factory=deque)
    down: OutsideError | None = None
    poll_refused: OutsideError | None = None
    gate: asyncio.Event | None = None
    outbox: list[Message] = field(default_factory=list)
    of_each: list[Message] = field(default_factory=list)
    asked_of: list[str] = field(default_factory=list)
    settled_ids: list[str] = field(default_factory=list)
    closed: bool = False
    mended: bool = True
    down_for_giving: bool = False
    notices: list[PersonNotice] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Take a parcel over: the same create, sent again, has the effect of one."""
        self.parcels.append(parcel)
        if self.gate is not None:
            await self.gate.wait()
        for put in parcel.puts:
            self._fail("before")
            kept = self.here.get(put.reference)
            if kept is None:
                kept = self.here[put.reference] = Kept(f"{put.reference.split('/')[0]}/at-{len(self.here)}", [])
            if not kept.contents or kept.contents[-1] != put.resource:
                kept.contents.append(put.resource)
                self.effects.append(("put", put.reference))
            self._fail("after")
            yield Receipt(put.reference, HeldThere(kept.theirs, kept.version, put.digest))
        for removal in parcel.removals:
            self._fail("before")
            if self.here.pop(removal.reference, None) is not None:
                self.effects.append(("remove", removal.reference))
            self._fail("after")
            yield Receipt(removal.reference, None)

    async def poll(self, cursor: str) -> Polled:
        """Return what waits in the outbox."""
        if self.down is not None:
            raise self.down
        if self.poll_refused is not None:
            raise self.poll_refused
        return Polled(list(self.outbox), str(len(self.outbox)))

    async def of_person(self, whom: Whom, theirs: str = "") -> Sequence[Message]:
        """Return all that it has of a person."""
        self.asked_of.append(theirs)
        return list(self.of_each)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Read a message made by `sends`."""
        if not self.mended:
            raise Untranslatable("The mapping has a mistake.")
        try:
            said = json.decode(message.original)
            whom = Whom(**said["whom"])
            return [Arrived(said["theirs"], said["version"], message.sent, whom, said["resource"], said["companions"])]
        except Exception:
            raise Untranslatable("This message cannot be read.") from None

    async def settled(self, message: Message) -> None:
        """Remember that a message was taken in."""
        self.settled_ids.append(message.id)

    async def notify(self, notice: PersonNotice) -> None:
        """Take a notice to a person: sent again, it is there once more."""
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        self._fail("before")
        self.notices.append(notice)
        self._fail("after")

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def now(self, reference: str) -> Json:
        """Return the newest content of a resource of ours."""
        return self.here[reference].contents[-1]

    def _fail(self, when: str) -> None:
        if self.down is not None:
            raise self.down
        if self.down_for_giving:
            raise Unreachable("x")
        if self.faults and self.faults[0][0] == when:
            raise self.faults.popleft()[1]
