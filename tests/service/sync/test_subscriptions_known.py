"""Who is told when: what a process knows of Subscriptions, and any interleaving of changes, refusals and failures."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.adapters.receiving import receiving
from tests.service.sync.consents import permission, refusal
from tests.service.sync.hooked import ELSEWHERE, WARD, Hooked, events_of, hooked, notified, quiet, subscription, system


async def test_without_subscriptions_a_commit_carries_nothing(keys_home: Path, tmp_path: Path) -> None:
    """Only what may concern somebody is delivered; a process that has not looked for long takes it that all may be."""
    async with hooked(keys_home, tmp_path) as opened:
        await opened.admitted(41)
        assert await opened.world.waiting() == 0
        await opened.subscriptions.create(system(ELSEWHERE), subscription(443))
        await opened.run(6)
        await opened.admitted(42)
        assert await opened.world.waiting() == 0, "it is about the caseload of others"
        await opened.subscriptions.create(system(), subscription(443))
        await opened.admitted(43)
        assert await opened.world.waiting() == 0, "this process has not looked yet, and the other is not active"
        await opened.run(6)
        await opened.admitted(44)
        assert await opened.world.waiting() == 1
        for kept in await opened.opened.subscriptions.page.all():
            await opened.subscriptions.delete(system(ELSEWHERE if kept.organisation == "ZZHSP2" else WARD), kept.id)
        await opened.run(6)
        assert await opened.world.waiting() == 0
        opened.time.forward(11)
        await opened.admitted(45)
        assert await opened.world.waiting() == 1
        await opened.run()
        assert await opened.world.waiting() == 0


class Chances:
    """One run of things that happen, in an order that a seed decides."""

    def __init__(self, opened: Hooked, seed: int) -> None:
        self.opened, self.chance = opened, Random(seed)
        self.people: list[tuple[list[str], int]] = []
        self.refused: set[int] = set()
        self.changes = 0

    async def change(self) -> None:
        """Change a medicine of somebody."""
        whose = self.chance.randrange(len(self.people))
        await self.opened.note_again(self.medicine(whose), f"Change {self.changes}")
        self.changes += 1

    async def consent(self) -> None:
        """Let somebody refuse, or permit again."""
        whose = self.chance.randrange(len(self.people))
        references, version = self.people[whose]
        self.opened.time.forward(1)
        if whose in self.refused:
            await self.opened.house.write(await permission(self.opened.world, references, version))
        else:
            await self.opened.house.write(await refusal(self.opened.world, references, "ZZHSP1", version))
        self.refused ^= {whose}
        self.people[whose] = (references, version + 1)

    def medicine(self, whose: int) -> str:
        """Return a medicine of somebody."""
        return next(one for one in self.people[whose][0] if one.startswith("MedicationRequest/"))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_numbers_grow_and_nobody_who_refuses_is_told_of(
    keys_home: Path, tmp_path: Path, seed: int
) -> None:
    """Changes, refusals, an endpoint that comes and goes, and processes that end, in any order."""
    with receiving() as endpoint:
        async with hooked(keys_home, tmp_path) as opened:
            await opened.made(subscription(endpoint.port))
            chances = Chances(opened, seed)
            for index in (51, 52, 53):
                chances.people.append(((await opened.admitted(index))[1], 1))
            await opened.run()
            engine = opened.world.engine
            for _ in range(24):
                what = chances.chance.choice(("change", "change", "consent", "fails", "answers", "another", "time"))
                if what in ("change", "consent"):
                    await getattr(chances, what)()
                elif what in ("fails", "answers"):
                    endpoint.answers = [(503 if what == "fails" else 204, {}, b"")]
                elif what == "another":
                    await engine.relay.finish()
                    engine = opened.another()
                else:
                    opened.time.forward(20)
                silent = {chances.medicine(whose) for whose in chances.refused}
                before = len(endpoint.received)
                await quiet(engine)
                fresh = endpoint.received[before:]
                told = {focus for one in fresh for _, focus in notified(one.body).events}
                assert not told & silent, "decided at the moment of sending"
            endpoint.answers = [(204, {}, b"")]
            for _ in range(40):
                opened.time.forward(15)
                await opened.run(0, engine)
            first: dict[int, str] = {}
            for number, focus in events_of(endpoint):
                assert first.setdefault(number, focus) == focus, "a number stands for one event"
            assert list(first) == sorted(first), "in the order of their numbers"
            assert await opened.world.waiting() == 0
            await engine.relay.finish()
