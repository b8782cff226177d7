"""A control room in the same process: the real adapter, over a wire that loses answers as it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from adapters.control_room import ControlRoomAdapter
from adapters.errors import OutsideError
from fhir_profiles import json
from fhir_profiles.identifiers import ODS_SYSTEM
from security.clock import instant
from service.record.incidents import IncidentRegister
from service.sync.engine import Engine
from service.sync.incidents_told import RoomsTold
from service.sync.members import Member
from tests.service.record.house import doctor, person, update
from tests.service.sync.partner import member
from tests.service.sync.world import World, step_until_quiet, world

Json = dict[str, Any]
AMBULANCE, ROOM = "ZZAMB7", "room"
"""No registered client acts as this ambulance service, so that a refusal of it needs nobody who explained it."""


@dataclass(slots=True)
class Wire:
    """What the room hears. It takes the newest of each subject; `lost` of its next answers never arrive."""

    events: list[Json] = field(default_factory=list)
    flags: dict[str, list[Json]] = field(default_factory=dict)
    answers: dict[str, list[Json]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    ids: dict[str, bytes] = field(default_factory=dict)
    down: OutsideError | None = None
    lost: list[OutsideError] = field(default_factory=list)

    async def post(self, event: bytes) -> None:
        """Take one event."""
        if self.down is not None:
            raise self.down
        said = json.decode(event)
        assert self.ids.setdefault(said["id"], event) == event, "one id, two contents"
        self.events.append(said)
        subject, sequence = said["subject"], int(said["sequence"])
        if said["type"].startswith("org.epaccs.flags."):
            if sequence >= self.sequences.get(subject, 0):
                self.sequences[subject], self.flags[subject] = sequence, said["data"]["flags"]
        else:
            self.answers.setdefault(said["data"]["incident"], []).append(said["data"]["answer"])
        if self.lost:
            raise self.lost.pop()

    async def close(self) -> None:
        """Nothing is open."""

    def standing(self, now: datetime) -> list[str]:
        """Return the postcodes at which a flag stands now."""
        moment = instant(now)
        return sorted(
            {
                flag["address"]["postalCode"]
                for flags in self.flags.values()
                for flag in flags
                if flag.get("from", "") <= moment and (not flag.get("until") or moment < flag["until"])
            }
        )


@dataclass(slots=True)
class Rooms:
    """A service, its incident register and one control room. `of_room` are its own system's words in the register."""

    world: World
    room: Member
    wire: Wire
    engine: Engine
    register: IncidentRegister

    async def run(self, seconds: int = 0) -> None:
        """Let the process do what it can, and time pass."""
        await step_until_quiet(self.engine)
        for _ in range(seconds):
            self.world.time.forward(1.0)
            await step_until_quiet(self.engine)

    async def opens(self, number: str, reference: str = "CAD-1", organisation: str = AMBULANCE, **more: Any) -> str:
        """Let the control room's own client open an incident; return its id."""
        return (await self.register.open(doctor("ZZCAD1"), number, organisation, reference, **more)).id

    async def admitted(self, index: int, *addresses: Json, related: bool = True) -> Someone:
        """Write somebody's plan, with the room's organisation in the care team or without."""
        number, bundle = person(index)
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "Patient":
                entry["resource"]["address"] = list(addresses)
        references = await self.world.house.post(bundle)
        someone = Someone(number, references)
        if related:
            await self.relates(someone, True)
        return someone

    async def relates(self, someone: Someone, wanted: bool) -> None:
        """Name the room's organisation in the care team, or do not any more."""
        team = someone.the("CareTeam")
        said = await self.world.house.read(team)
        there = {"type": "Organization", "identifier": {"system": ODS_SYSTEM, "value": AMBULANCE}}
        others = [one for one in said.get("participant", ()) if one.get("member") != there]
        await self.writes(team, {**said, "participant": [*others, *([{"member": there}] if wanted else [])]})

    async def writes(self, reference: str, said: Json) -> None:
        """Let the practice write the next version of a resource."""
        version = int(said["meta"]["versionId"])
        await self.world.house.write(update(reference, version, said))

    async def patient_with(self, someone: Someone, **elements: Any) -> None:
        """Let the practice change elements of the Patient; None takes one away."""
        patient = someone.the("Patient")
        said = {**await self.world.house.read(patient), **elements}
        await self.writes(patient, {name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Someone:
    """A person with a plan: NHS number and references."""

    number: str
    references: list[str]

    def the(self, kind: str) -> str:
        """Return the first reference of a type."""
        return next(one for one in self.references if one.startswith(f"{kind}/"))


@asynccontextmanager
async def rooms(keys: Path, home: Path) -> AsyncIterator[Rooms]:
    """Open a service with one control room."""
    plain = member(ROOM, AMBULANCE, role="ambulance")
    described = msgspec.structs.replace(plain.description, kind="control-room")
    room = Member(replace(plain.partner, description=described), plain.client)
    async with world(keys, home, room) as opened:
        wire = Wire()
        adapter = ControlRoomAdapter(wire, "https://record.test/fhir/R4", opened.time.clock)  # type: ignore[arg-type]
        engine = opened.another({ROOM: adapter})
        register = IncidentRegister(opened.house.writing.access, begun=RoomsTold((room,), opened.dues))
        try:
            yield Rooms(opened, room, wire, engine, register)
        finally:
            await engine.relay.finish()
