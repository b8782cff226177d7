"""Partners misbehave in every way that partners do, and each ends with exactly the right state, reached once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_profiles.terminology import FOR_CPR, NOT_FOR_CPR
from tests.journeys.people import Person
from tests.journeys.sync_world import SyncWorld, concept, until
from tests.journeys.test_sync_travels import since


@pytest.fixture(scope="module")
def someone(world: SyncWorld) -> Person:
    """Whose plan changes; the partners have it before anything goes wrong."""
    return world.admitted()


def noticed(world: SyncWorld) -> None:
    """Wait until somebody would see that the hospice is away."""
    world.until(lambda every: every["hospice"]["circuit"]["open"])


def nothing(world: SyncWorld) -> None:
    """It ends by itself."""


WAYS: dict[str, tuple[dict[str, Any], Callable[[SyncWorld], None]]] = {
    "DOWN": ({"how": "503"}, noticed),
    "DOWN, refused": ({"how": "refused"}, noticed),
    "SLOW": ({"seconds": 0.7, "times": 4}, nothing),
    "DUPLICATING": ({"times": 6}, nothing),
    "REORDERING": ({"seconds": 0.5, "times": 8}, nothing),
    "WRONG, content-type": ({"how": "content-type", "times": 1}, nothing),
    "WRONG, truncated": ({"how": "truncated", "times": 2}, nothing),
    "WRONG, in turns": ({"times": 4}, nothing),
    "RATE": ({"seconds": 1, "times": 3}, nothing),
}


@pytest.mark.parametrize("way", WAYS)
def test_however_it_misbehaves_each_change_has_one_effect(world: SyncWorld, someone: Person, way: str) -> None:
    more, seen = WAYS[way]
    before = world.hospice.code_of(someone, someone.cpr())
    other = NOT_FOR_CPR if before == FOR_CPR else FOR_CPR
    hospice, practice = world.hospice.counts(), world.gp.counts()

    world.hospice.say(way.partition(",")[0], **more)
    world.changes(someone, someone.cpr(), valueCodeableConcept=concept(other))
    allergy = world.adds(someone, way)
    until(lambda: allergy in world.gp.ours(someone), "the practice does not wait for the hospice")
    seen(world)
    if seen is noticed:
        world.hospice.say("OK")
    until(lambda: world.hospice.behaves() == "OK", "it is over")

    until(lambda: allergy in world.hospice.ours(someone), "the hospice has what is new")
    until(lambda: world.hospice.code_of(someone, someone.cpr()) == other, "and what was changed")
    world.settled()
    assert since(world.hospice, hospice) == {"update": 1, "create": 1}
    assert since(world.gp, practice)["update"] == 1
    assert since(world.gp, practice)["create"] in (2, 3), "what is new, and a note for each delivery"
    world.right()
