"""A change travels: from the practice to whoever shares, from the hospice's page back, and never to who may not."""

from __future__ import annotations

from collections import Counter
from functools import partial

from fhir_profiles.terminology import FOR_CPR
from tests.journeys.people import Json, Person, crew, gp, keeping_from, summary
from tests.journeys.sync_world import Side, SyncWorld, concept, until


def since(side: Side, before: dict[str, int]) -> dict[str, int]:
    """Return what took effect at a partner since it was counted before."""
    return dict(Counter(side.counts()) - Counter(before))


def shows(side: Side, someone: Person) -> bool:
    """Say whether a partner has the new CPR decision."""
    return side.code_of(someone, someone.cpr()) == FOR_CPR


def first_choice(resource: Json) -> bool:
    """Say whether an Observation is the first choice of where to die."""
    codes = [coding.get("code") for coding in resource["code"].get("coding", ())]
    ranks = [one.get("valuePositiveInt") for one in resource.get("extension", ())]
    return "395091006" in codes and 2 not in ranks


def test_a_change_of_the_practice_reaches_the_hospice_the_practice_and_the_control_room(world: SyncWorld) -> None:
    someone = world.admitted()
    hospice, practice, room = world.hospice.counts(), world.gp.counts(), world.room.causes()

    world.changes(someone, someone.cpr(), valueCodeableConcept=concept(FOR_CPR))

    for side in (world.hospice, world.gp):
        until(partial(shows, side, someone), f"it reaches the {side.name}")
    world.settled()
    assert since(world.hospice, hospice) == {"update": 1}
    assert since(world.gp, practice) == {"update": 1, "create": 1}, "the change, and a note that says what it was"
    assert Counter(world.room.causes()) - Counter(room) == {"decision": 1}
    world.right()


def test_what_a_nurse_writes_reaches_the_record_and_the_practice_and_is_not_echoed(world: SyncWorld) -> None:
    someone = world.admitted()
    place = someone.reference("Observation", first_choice)
    hospice, practice = world.hospice.counts(), world.gp.counts()

    world.hospice.write(someone, "place", place="home")

    until(lambda: world.gp.code_of(someone, place) == "110481000000108", "it reaches the practice")
    world.settled()
    recorded = world.service.call("GET", f"/{place}", gp(world.service)).json()
    assert recorded["valueCodeableConcept"]["coding"][0]["code"] == "110481000000108"
    assert recorded["meta"]["source"].endswith("ZZHSP1#demo-hospice-partner")
    assert since(world.hospice, hospice) == {}, "nothing comes back to where it was written"
    assert since(world.gp, practice)["update"] == 1
    world.right()


def test_a_nurse_may_overrule_and_the_practice_sees_one_decision(world: SyncWorld) -> None:
    someone = world.admitted()
    hospice = world.hospice.counts()

    world.hospice.write(someone, "cpr", answer="for CPR", reason="She is better.")

    def decisions() -> set[str]:
        held = world.gp.ours(someone).values()
        coded = [one for one in held if one["resourceType"] == "Observation" and "304251008" in str(one["code"])]
        return {one["valueCodeableConcept"]["coding"][0]["code"] for one in coded}

    until(lambda: "450475007" in decisions(), "it reaches the practice")
    world.settled()
    assert since(world.hospice, hospice) == {}
    words = summary(world.service, crew(world.service), someone.nhs_number).words("cpr_decision")
    assert "ATTEMPT CPR, decided" in words
    assert "DO NOT ATTEMPT" not in words
    assert "Sister Tamsin Sample" in words
    world.right()


def test_whoever_is_refused_loses_what_it_got_from_us_and_gets_no_more(world: SyncWorld) -> None:
    someone = world.admitted()
    assert world.hospice.ours(someone)

    refused_to(world, someone, "ZZHSP1")

    until(lambda: world.hospice.ours(someone) == {}, "what the hospice got from us is taken back")
    world.settled()
    hospice = world.hospice.counts()
    world.changes(someone, someone.cpr(), valueCodeableConcept=concept(FOR_CPR))
    until(lambda: world.gp.code_of(someone, someone.cpr()) == FOR_CPR, "it reaches the practice")
    world.settled()
    assert since(world.hospice, hospice) == {}
    assert world.hospice.ours(someone) == {}
    world.right()


def refused_to(world: SyncWorld, someone: Person, organisation: str) -> None:
    """Let the person keep everything from an organisation."""
    consent = someone.reference("Consent", lambda one: "patient-privacy" in str(one["scope"]))
    refusal = {name: part for name, part in keeping_from(organisation, "").items() if name != "code"}
    now = world.service.call("GET", f"/{consent}", gp(world.service)).json()["dateTime"]
    later = f"{now[:11]}23:59:59{now[19:]}" if len(now) > 19 else now
    world.changes(someone, consent, dateTime=later, provision={"type": "permit", "provision": [refusal]})
