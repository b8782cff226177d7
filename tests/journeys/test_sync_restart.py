"""The service ends in the middle, and goes on where it was when it starts again."""

from __future__ import annotations

from pathlib import Path

from fhir_profiles.terminology import FOR_CPR
from tests.journeys.sync_world import concept, place_of, until
from tests.journeys.test_sync_travels import since


def test_what_waits_and_what_was_written_meanwhile_arrive_after_a_restart(tmp_path: Path) -> None:
    with place_of(tmp_path) as place:
        with place.serving() as world:
            someone = world.admitted()
            hospice = world.hospice.counts()
            world.hospice.say("DOWN", how="refused")
            world.changes(someone, someone.cpr(), valueCodeableConcept=concept(FOR_CPR))
            allergy = world.adds(someone, "Nickel")
            until(lambda: allergy in world.gp.ours(someone), "it reaches the practice")
            practice = world.gp.counts()

        place.sides["hospice"].say("OK")
        someone_there = place.sides["hospice"].patient(someone)
        assert someone_there
        place.sides["hospice"].write(someone, "cpr", answer="not for CPR", reason="She is worse.")

        with place.serving() as world:
            until(lambda: allergy in world.hospice.ours(someone), "the hospice has what waited")
            until(lambda: world.gp.counts() != practice, "the practice has what the nurse wrote meanwhile")
            world.settled()
            assert since(world.hospice, hospice) == {"update": 1, "create": 1}
            assert since(world.gp, practice)["create"] >= 1
            assert "update" not in since(world.gp, practice), "what arrived before is not sent again"
            world.right()
