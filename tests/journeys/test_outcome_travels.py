"""What a crew says afterwards goes to practice and hospice: once, whoever taps twice or loses an answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.journeys.people import Json, Person
from tests.journeys.sync_world import Side, SyncWorld, until
from tests.web.browsing import crew_link
from tests.web.visits import Visitor, form_of, path_of, visitor


def outcomes(side: Side, someone: Person) -> list[Json]:
    """Return the notes of crews that a partner's own people see; what says what changed in the plan is none."""
    found = side._search("Communication", f"patient={side.patient(someone)}")
    return [
        one
        for one in found
        if any(mark.get("value", "").startswith("Communication/") for mark in one.get("identifier", ()))
    ]


def tapped(bryn: Visitor, path: str, **fields: str) -> list[int]:
    """Save the same four times at once."""
    form = form_of(bryn.get(path))
    with ThreadPoolExecutor(4) as taps:
        sent = [taps.submit(bryn.post, path, None, form=form, n="0", **fields) for _ in range(4)]
        return [one.result().status_code for one in sent]


@pytest.mark.parametrize("loses", [False, True], ids=["all is well", "answers are lost"])
def test_the_outcome_is_at_the_practice_and_the_hospice_once(world: SyncWorld, loses: bool) -> None:
    someone = world.admitted()
    link = crew_link(world.service, someone.nhs_number)
    path = f"{path_of(link.url)}/outcome"
    if loses:
        for side in (world.gp, world.hospice):
            side.say("DUPLICATING", times=4)
    with visitor(world.service) as bryn:
        fields = {"outcome": "not-followed", "reason": "medicines-missing", "text": "Box was empty."}
        assert set(tapped(bryn, path, **fields)) == {303}
        token = world.service.token("system", "ZZCAD1")
        assert world.service.call("POST", "/$close-incident", token, _id(link.incident)).status_code == 200
    for side in (world.gp, world.hospice):
        until(lambda side=side: side.behaves() == "OK", "its answers arrive again")  # type: ignore[misc]
        until(partial(outcomes, side, someone), f"it reaches the {side.name}")
    world.settled()
    for side in (world.gp, world.hospice):
        (note,) = outcomes(side, someone)
        assert note["payload"][1]["contentString"] == "Box was empty."
        assert note["category"][0]["coding"][0]["code"] == "not-followed"
    world.changes(someone, someone.cpr(), note=[{"text": "Said again at the next visit."}])
    world.settled()
    assert [len(outcomes(side, someone)) for side in (world.gp, world.hospice)] == [1, 1]
    world.right()


def _id(incident: str) -> Json:
    return {"resourceType": "Parameters", "parameter": [{"name": "id", "valueString": incident}]}
