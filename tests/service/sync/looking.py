"""A service that hears of people by NEMS, a PDS that says what a test wants it to say, and what is made of it here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.base import Message
from adapters.errors import OutsideError
from adapters.mesh_inbox import Inbox
from adapters.nems import NemsAdapter
from adapters.nems_event import WORKFLOWS
from service.record.decoded import decode_slice
from service.record.derive import DEATH_STATUS
from service.record.registration import moved
from service.sync.look_again import PdsSays
from service.sync.members import Member
from tests.adapters.mesh_small import START, Time
from tests.adapters.mesh_small import World as Mesh
from tests.service.record.house import House, doctor, update
from tests.service.sync.partner import member
from tests.service.sync.world import World, world

NEMS: dict[str, Any] = {"sends": True, "gets": False, "limits": {"poll_every": 5.0}}


@dataclass
class Row:
    """What PDS has of a person now."""

    death: str = ""
    died: str = ""
    practice: str = ""
    version: int | None = 5
    somebody_else: bool = False


@dataclass
class PdsOfTheTests:
    """Applies what it has, as a clinician of the holder would write it; `down` is raised instead."""

    rows: dict[str, Row] = field(default_factory=dict)
    down: OutsideError | None = None
    asked: list[str] = field(default_factory=list)
    house: House | None = None

    async def __call__(self, nhs_number: str) -> PdsSays:
        """Read the person and write what changed."""
        self.asked.append(nhs_number)
        if self.down is not None:
            raise self.down
        row = self.rows.setdefault(nhs_number, Row())
        says = PdsSays(False, row.death, bool(row.died), row.version, same=not row.somebody_else)
        if row.somebody_else:
            return says
        assert self.house is not None
        record = await self.house.record_of(nhs_number)
        resources = {one.reference: decode_slice(record, one) for one in record.entries.values() if not one.deleted}
        entry = record.entries[record.manifest.patient]
        before = resources[entry.reference]
        after = moved(deepcopy(before), row.practice, resources)
        for name in ("deceasedDateTime", "extension"):
            after.pop(name, None)
        if row.death in ("1", "2"):
            inner = {"url": "deathNotificationStatus", "valueCodeableConcept": {"coding": [{"code": row.death}]}}
            after |= {"extension": [{"url": DEATH_STATUS, "extension": [inner]}], "deceasedDateTime": row.died}
        if after == before:
            return says
        await self.house.write(update(entry.reference, entry.version, after), caller=doctor())
        return PdsSays(True, says.death, says.died, says.version)


class LinkedTime(Time):
    """The clock of the mailbox is the service's, once there is one."""

    linked: World | None = None

    def __call__(self) -> datetime:
        return START if self.linked is None else self.linked.time.now


@dataclass
class Looking:
    """The service, the mailbox and PDS."""

    opened: World
    mesh: Mesh
    pds: PdsOfTheTests

    def put(self, content: bytes, workflow: str = "DEATHNOTIFICATION_1") -> str:
        """Let an event lie in the mailbox; return MESH's id."""
        return self.mesh.mesh.put(content, {"Mex-WorkflowID": workflow}).id

    async def hear(self, minutes: float = 6) -> None:
        """Let time pass until MESH may be asked again, and what came be taken in."""
        self.opened.time.forward(minutes * 60)
        await self.opened.run()

    @property
    def waiting(self) -> list[str]:
        """What was not acknowledged."""
        return [one.id for one in self.mesh.mesh.held.values() if one.status == "accepted"]

    async def kept(self, message: Message) -> bytes | None:
        """Return the original of a message as it is kept here."""
        inbox = self.opened.relay.servings["nems"].polling.inbox
        found = await inbox.open(inbox.id_of("nems", message))
        return None if found is None else found.original

    async def reasons(self) -> list[str]:
        """Return why something waits for a person."""
        return [one.reason for one in await self.opened.engine.board.troubles("nems")]

    async def events(self) -> list[tuple[str, str]]:
        """Return what happened to the partner's traffic."""
        return [(one.what, one.words) for one in (await self.opened.state("nems")).events]


@asynccontextmanager
async def looking(
    keys: Path, home: Path, *others: Member, with_pds: bool = True, localities: Path | None = None
) -> AsyncIterator[Looking]:
    """Open it."""
    time, pds = LinkedTime(), PdsOfTheTests()
    mesh = Mesh(time)
    adapter = NemsAdapter(mesh.mailbox, Inbox(mesh.mailbox, 1_000_000), WORKFLOWS)
    members = (member("nems", "ZZNHS1", **NEMS), *others)
    source, applies = {"nems": adapter}, pds if with_pds else None
    async with world(keys, home, *members, localities=localities, sources=source, pds=applies) as opened:
        time.linked, pds.house = opened, opened.house
        yield Looking(opened, mesh, pds)
