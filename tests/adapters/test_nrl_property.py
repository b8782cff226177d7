"""Whatever happens to a person and whatever is lost: in the end the pointer is as the plan is, and there is never a
second, but what arrives late and is deleted again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from adapters.errors import OutsideError
from adapters.notes import NotesInMemory
from tests.adapters.nrl_world import NUMBER, Crash, InProcess, World, cpr, death, given, parcel, person, settings

LIVES, BATCHES = 10_000, 10
FAULTS = ["", "", "", "", "lost", "unheard", "down", "busy", "broken", "late"]
STREET, POSTCODE = "1 Sample Street", "ZZ99 9ZZ"
SETTINGS = [
    settings(),
    settings(asid="200000000116"),
    settings(address="new.zzhsp1.example.nhs.uk/plan"),
    settings(type="736366004"),
]


@dataclass(slots=True)
class CrashingNotes(NotesInMemory):
    """Notes of a process that dies before or after it wrote one, as told, one by one."""

    crashes: list[str] = field(default_factory=list)

    async def write(self, key: str, before: bytes, after: bytes) -> None:
        crash = self.crashes.pop() if self.crashes else ""
        if crash == "before":
            raise Crash
        await NotesInMemory.write(self, key, before, after)
        if crash == "after":
            raise Crash


@dataclass(slots=True)
class Life:
    """One person, as the record knows them."""

    plan: list[str] = field(default_factory=list)
    consent: bool = True
    flag: str = ""
    died: str = ""
    sequence: int = 0
    edits: int = 0

    @property
    def pointed_at(self) -> bool:
        """Whether there is to be a pointer."""
        return bool(self.plan) and self.consent and self.flag != "V" and self.died not in ("2", "recorded")

    def change(self, random: Random) -> None:
        """Let something happen."""
        self.sequence += 1
        match random.choice("plan plan revoke consent flag death edit".split()):
            case "plan":
                self.plan.append(f"o{self.sequence}")
            case "revoke" if self.plan:
                self.plan.pop()
            case "consent":
                self.consent = not self.consent
            case "flag":
                self.flag = random.choice(["", "R", "V"])
            case "death":
                self.died = random.choice(["", "1", "2", "U", "recorded"])
            case _:
                self.edits += 1

    def released(self) -> list[dict[str, Any]]:
        """Return what the partner may see, as the rules release it."""
        if not self.consent or self.flag == "V":
            return []
        told: dict[str, Any] = {}
        if self.flag == "R":
            told["address"] = []
        if self.died:
            told["deceasedDateTime"] = "" if self.died == "U" else "2026-11-20"
            told["extension"] = [death(self.died)] if self.died != "recorded" else []
        return [person(**told), *(cpr(id, note=[{"text": f"edit {self.edits}"}]) for id in self.plan)]


async def live(seed: int) -> None:
    random = Random(seed)
    notes, life = CrashingNotes(), Life()
    world = World(notes=notes)
    late = 0
    for _ in range(random.randint(2, 8)):
        life.change(random)
        world.settings = SETTINGS[0] if random.random() < 0.8 else random.choice(SETTINGS)
        for _ in range(random.randint(0, 3)):
            world.nrl.faults.clear()
            world.nrl.faults.extend(random.choice(FAULTS) for _ in range(3))
            late += world.nrl.faults.count("late")
            notes.crashes[:] = random.choices(["", "before", "after"], [8, 1, 1], k=2)
            wire = InProcess(world.nrl, random.choices(["", "before", "after"], [8, 1, 1])[0])
            with suppress(OutsideError, Crash):
                await given(world.start(wire), parcel(*life.released(), sequence=life.sequence))
                assert len(world.nrl.pointers(NUMBER)) == life.pointed_at, f"life {seed}: confirmed"
                break
            world.pass_by(random.choice([0, 1, 20, 50]))
    world.nrl.faults.clear()
    notes.crashes.clear()
    await world.insist(*life.released(), sequence=life.sequence)
    world.pass_by(100)
    there = world.nrl.pointers(NUMBER)
    assert len(there) == life.pointed_at, f"life {seed}"
    assert bool(notes.notes) == life.pointed_at, f"life {seed}: what is settled is forgotten"
    assert world.nrl.most.get(NUMBER, 0) <= 1 + late, f"life {seed}: two at a time"
    if there:
        content = there[0]["content"][0]["attachment"]["url"].removeprefix("ssp://")
        assert content.startswith(world.settings.address), f"life {seed}"
    sent = b"".join(one.body + one.path.encode() for one in world.nrl.asked)
    assert not any(word.encode() in sent for word in (STREET, POSTCODE, "Invented", "Ada")), f"life {seed}"
    assert not any(NUMBER in one.path for one in world.nrl.asked), f"life {seed}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_pointer_is_as_the_plan_is(batch):
    async def lives() -> None:
        for number in range(LIVES // BATCHES):
            await live(batch * LIVES // BATCHES + number)

    asyncio.run(lives())
