"""What happened while a partner was away: told by the board afterwards, whoever served it meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import Unreachable
from security.clock import instant
from service.plan.vocabulary import RESUSCITATION_STATUS
from service.sync.absences import MOST_ABSENCES, came_through, follow
from service.sync.board import PartnerState
from service.sync.circuit import OPENS_AFTER
from tests.service.record.house import NOW, delete, person
from tests.service.sync.partner import member
from tests.service.sync.world import World, step_until_quiet, world

AWAY = "The partner's system could not be reached."


async def away(opened: World, *indexes: int) -> list[str]:
    """Let the partner go away, and let people's plans wait for it; return references of the last."""
    opened.places["hospice"].down = Unreachable("x")
    references: list[str] = []
    for index in indexes:
        references = await opened.house.post(person(index, place="hospice")[1])
    await opened.run(forward=20 * OPENS_AFTER)
    return references


async def test_from_away_to_back(keys_home: Path, tmp_path: Path) -> None:
    async with world(keys_home, tmp_path, member()) as opened:
        await away(opened, 81, 82, 83)
        during = await opened.state()
        (absence,) = during.absences
        assert (absence.ended, absence.reason, absence.most, absence.given) == ("", AWAY, 3, 0)
        assert absence.began == during.circuit_since
        opened.places["hospice"].down = None
        await opened.run(forward=400)
        after = await opened.state()
        (absence,) = after.absences
        assert absence.began < absence.ended <= after.last_success
        assert absence.most == 3
        assert came_through(after, 0) == (after.given, 0, 0)
        assert after.given == len(opened.places["hospice"].effects)
        assert [event.what for event in after.events] == ["away", "back"]


async def test_another_process_goes_on_with_it(keys_home: Path, tmp_path: Path) -> None:
    """The one that saw it go away is gone; the next finds the absence, and ends it when the partner is back."""
    async with world(keys_home, tmp_path, member()) as opened:
        await away(opened, 84)
        await opened.state()
        await opened.relay.finish()
        other = opened.another()
        opened.time.forward(2)
        await step_until_quiet(other)
        (absence,) = (await other.board.state("hospice")).absences
        assert absence.ended == ""
        opened.places["hospice"].down = None
        for _ in range(400):
            opened.time.forward(1)
            await step_until_quiet(other)
        (absence,) = (await other.board.state("hospice")).absences
        assert absence.ended
        assert absence.most == 1
        await other.finish()


async def test_the_oldest_of_what_must_not_wait_is_told_apart(keys_home: Path, tmp_path: Path) -> None:
    async with world(keys_home, tmp_path, member()) as opened:
        references = await away(opened, 85)
        assert (await opened.state()).oldest_urgent == ""
        (deleted, *_) = [one for one in references if await _is_decision(opened, one)]
        moment = instant(opened.time.now)
        await opened.house.write(delete(deleted, 1))
        await opened.state()
        state = await opened.state()
        assert state.waiting[0] == 1
        assert state.oldest_urgent[:19] == moment[:19]
        assert state.oldest < state.oldest_urgent


async def _is_decision(opened: World, reference: str) -> bool:
    return reference.startswith("Observation/") and RESUSCITATION_STATUS in str(await opened.house.read(reference))


STEPS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9), st.integers(0, 5)), max_size=120)
"""Whether the circuit is open, whether the partner answered, how many wait, how many were given since."""


@given(STEPS)
def test_absences_never_overlap_and_counts_add_up(steps: list[tuple[bool, bool, int, int]]) -> None:
    """One at most lasts, each begins after the last ended, and what came through after them is never counted twice."""
    state = PartnerState()
    for number, (is_open, answered, waiting, given_now) in enumerate(steps):
        now = instant(NOW + timedelta(seconds=number))
        state.circuit, state.circuit_since = (AWAY, state.circuit_since or now) if is_open else ("", "")
        state.waiting = {2: waiting}
        state.given += given_now
        follow(state, now if answered and not is_open else "")
        assert len(state.absences) <= MOST_ABSENCES
        assert all(one.ended for one in state.absences[:-1])
        assert not state.circuit or not state.absences[-1].ended
        for before, after in zip(state.absences, state.absences[1:], strict=False):
            assert before.ended <= after.began
    if state.absences:
        through = sum(came_through(state, place)[0] for place in range(len(state.absences)))
        assert through == state.given - state.absences[0].given
