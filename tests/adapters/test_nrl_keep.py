"""One pointer while there is a plan to see, none when there is not; and what is made of odd answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from adapters.errors import (
    ContentRefused,
    NotAuthorised,
    OtherPerson,
    Overloaded,
    Unintelligible,
)
from tests.adapters.nrl_world import (
    ELSEWHERE,
    NUMBER,
    ORGANISATION,
    OTHER_NUMBER,
    PLAN,
    SUBJECT,
    World,
    cpr,
    death,
    person,
    settings,
)
from tests.standins.nrl import Reply


async def test_a_plan_is_pointed_at_and_all_of_the_parcel_confirmed():
    world = World()
    receipts = await world.give(person(), cpr())
    assert [(each.reference, each.there and each.there.digest) for each in receipts] == [
        ("Patient/p1", b"1"),
        ("Observation/o1", b"1"),
    ]
    assert world.pointer()["content"][0]["attachment"]["url"].endswith(f"/{PLAN}")
    assert world.nrl.lines() == ["POST /_search", "POST"]


async def test_a_change_of_the_plan_asks_nothing_of_nrl():
    world = World()
    await world.give(person(), cpr())
    before = len(world.nrl.asked)
    receipts = await world.give(person(), cpr(note=[{"text": "x"}]), cpr("o2"), sequence=2)
    assert len(receipts) == 3
    assert len(world.nrl.asked) == before


@pytest.mark.parametrize(
    "plan",
    [
        (),
        (person(),),
        (person(extension=[death("2")]), cpr()),
        (person(deceasedDateTime="2026-11-02"), cpr()),
        (person(deceasedBoolean=True), cpr()),
        (person(), cpr(status="entered-in-error")),
    ],
    ids=["nothing open", "no plan", "formal death", "recorded death", "known dead", "in error"],
)
async def test_what_ends_a_plan_takes_the_pointer_away_and_may_be_repeated(plan):
    world = World()
    await world.give(person(), cpr())
    receipts = await world.give(*plan, sequence=2)
    assert world.nrl.pointers(NUMBER) == []
    assert [each.reference for each in receipts if each.there is None] == (
        [] if any("o1" in str(each.get("id")) for each in plan) else ["Observation/o1"]
    )
    assert await world.notes.all() == {}, "what is settled is forgotten"
    asked = len(world.nrl.asked)
    await world.give(*plan, sequence=2)
    assert len(world.nrl.asked) == asked


@pytest.mark.parametrize("more", [{"extension": [death("1")], "deceasedDateTime": "2026-11-02"}, {}])
async def test_an_informal_death_and_one_taken_back_leave_it(more):
    world = World()
    await world.give(person(extension=[death("2")]), cpr())
    assert world.nrl.asked == []
    await world.give(person(extension=[death("U")]), cpr(), sequence=2)
    await world.give(person(**more), cpr(), sequence=3)
    assert len(world.nrl.pointers(NUMBER)) == 1


async def test_a_pointer_that_is_gone_there_already_is_deleted():
    world = World()
    await world.give(person(), cpr())
    world.nrl.held.clear()
    await world.give(sequence=2)
    assert await world.notes.all() == {}


@pytest.mark.parametrize("changed", [{"asid": "200000000116"}, {"author": ELSEWHERE}, {"retrieval": False}])
async def test_what_changes_of_a_pointer_is_updated_in_its_place(changed):
    world = World()
    await world.give(person(), cpr())
    before = world.pointer()
    world.settings = settings(**changed)
    await world.give(person(), cpr(), sequence=2)
    after = world.pointer()
    assert after["id"] == before["id"]
    assert after != before
    assert after["content"][0]["attachment"] == before["content"][0]["attachment"]
    assert world.nrl.lines()[2:] == ["PUT /id"]


async def test_another_address_supersedes():
    world = World()
    await world.give(person(), cpr())
    before = world.pointer()
    world.settings = settings(address="new.zzhsp1.example.nhs.uk/plan")
    await world.give(person(), cpr(), sequence=2)
    assert world.pointer()["id"] != before["id"]
    assert world.pointer()["relatesTo"][0]["target"]["identifier"]["value"] == before["id"]
    world.settings = settings()
    await world.give(person(), cpr(), sequence=3)
    assert world.pointer()["content"][0]["attachment"]["url"] == before["content"][0]["attachment"]["url"]
    assert world.nrl.lines()[2:] == ["POST", "POST"]
    assert world.nrl.most == {NUMBER: 1}
    await world.give(sequence=4)
    assert world.nrl.pointers(NUMBER) == []


async def test_a_target_that_is_gone_is_looked_for_and_made_again():
    world = World()
    await world.give(person(), cpr())
    world.nrl.held.clear()
    world.settings = settings(address="new.zzhsp1.example.nhs.uk/plan")
    await world.give(person(), cpr(), sequence=2)
    assert world.nrl.lines()[2:] == ["POST", "POST /_search", "POST"]
    assert world.pointer()["content"][0]["attachment"]["url"].startswith("ssp://new.")


async def test_a_superseding_that_is_refused_while_its_target_stands_is_refused():
    world = World()
    await world.give(person(), cpr())
    world.settings = settings(address="new.zzhsp1.example.nhs.uk/plan")
    world.nrl.answers.append(world.nrl.outcome(400, "BAD_REQUEST", ""))
    with pytest.raises(ContentRefused):
        await world.give(person(), cpr(), sequence=2)
    await world.give(person(), cpr(), sequence=2)
    assert len(world.nrl.pointers(NUMBER)) == 1


async def test_an_update_of_what_is_gone_makes_it_again():
    world = World()
    await world.give(person(), cpr())
    world.nrl.held.clear()
    world.settings = settings(asid="200000000116")
    await world.give(person(), cpr(), sequence=2)
    assert world.nrl.lines()[2:] == ["PUT /id", "POST /_search", "POST"]
    assert len(world.nrl.pointers(NUMBER)) == 1


@pytest.mark.parametrize(
    ("changed", "number"),
    [({"type": "736366004"}, NUMBER), ({"organisation": ELSEWHERE}, NUMBER), ({}, OTHER_NUMBER)],
    ids=["type", "custodian", "NHS number"],
)
async def test_what_nobody_may_change_is_deleted_and_made_again(changed, number):
    world = World()
    await world.give(person(), cpr())
    world.settings = settings(**changed)
    await world.give(person(number), cpr(), sequence=2)
    assert len(world.nrl.pointers(NUMBER)) == (number == NUMBER)
    assert len(world.nrl.pointers(number)) == 1
    assert set(world.nrl.most.values()) == {1}
    assert [each.headers["nhsd-end-user-organisation-ods"] for each in world.nrl.asked][2:] == [
        ORGANISATION,
        *[world.settings.organisation] * 2,
    ]


async def test_duplicates_of_ours_are_deleted_and_what_others_publish_is_not():
    world = World()
    await world.give(person(), cpr())
    first = world.pointer()
    others: dict[str, dict[str, Any]] = {
        f"{ORGANISATION}-twin": {},
        f"{ORGANISATION}-other": {"content": [{"attachment": {"url": "ssp://other.example/plan/1"}}]},
        f"{ELSEWHERE}-theirs": {"custodian": {"identifier": {"value": ELSEWHERE}}},
    }
    for id, changed in others.items():
        world.nrl.held[id] = {**first, "id": id, **changed}
    await world.notes.write(SUBJECT, (await world.notes.all())[SUBJECT], b"")
    await world.give(person(), cpr(), sequence=2)
    left = {each["id"] for each in world.nrl.pointers(NUMBER)}
    assert left & {f"{ORGANISATION}-other", f"{ELSEWHERE}-theirs"} == left - {first["id"], f"{ORGANISATION}-twin"}
    assert len(left) == 3
    await world.give(sequence=3)
    assert {each["id"] for each in world.nrl.pointers(NUMBER)} == {f"{ORGANISATION}-other", f"{ELSEWHERE}-theirs"}


@pytest.mark.parametrize(
    "changed",
    [
        {"identifier": []},
        {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000019"}]},
        {
            "identifier": [
                {
                    "system": "https://fhir.nhs.uk/Id/nhs-number",
                    "value": NUMBER,
                    "extension": [
                        {
                            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
                            "valueCodeableConcept": {"coding": [{"code": "02"}]},
                        }
                    ],
                }
            ]
        },
    ],
    ids=["none", "check digit", "not verified"],
)
async def test_without_a_verified_number_nothing_is_filed_and_a_person_looks(changed):
    world = World()
    with pytest.raises(OtherPerson):
        await world.give(person(**changed), cpr())
    assert world.nrl.asked == []
    await world.give(person(), cpr(), sequence=2)
    with pytest.raises(OtherPerson) as caught:
        await world.give(person(**changed), cpr(), sequence=3)
    assert world.nrl.held == {}
    assert NUMBER not in f"{caught.value} {caught.value.why}"


@pytest.mark.parametrize(
    ("reply", "fact"),
    [
        (Reply(200, {"resourceType": "Patient"}), Unintelligible),
        (
            Reply(200, {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "DocumentReference"}}]}),
            Unintelligible,
        ),
        (Reply(200, {"resourceType": "Bundle", "entry": 7}), Unintelligible),
        (Reply(302, {}), Unintelligible),
        (Reply(403, {}), NotAuthorised),
        (Reply(429, {}, {"Retry-After": "7"}), Overloaded),
    ],
)
async def test_an_odd_answer_to_a_search_creates_nothing(reply, fact):
    world = World()
    world.nrl.answers.append(reply)
    with pytest.raises(fact):
        await world.give(person(), cpr())
    assert world.nrl.held == {}


async def test_a_search_that_answers_somebody_else_changes_nothing():
    world = World()
    await world.give(person(OTHER_NUMBER), cpr(), subject="another")
    world.nrl.answers.append(
        Reply(200, {"resourceType": "Bundle", "entry": [{"resource": each} for each in world.nrl.held.values()]})
    )
    with pytest.raises(Unintelligible):
        await world.give(person(), cpr())
    assert len(world.nrl.held) == 1


async def test_notes_and_keys_say_of_nobody_what_need_not_be_said():
    world = World()
    await world.give(person(), cpr())
    [(key, note)] = (await world.notes.all()).items()
    assert key == SUBJECT
    assert b"Invented" not in note
    assert NUMBER.encode() in note, "else it could not be found when nothing of the person is open any more"
    assert msgspec.msgpack.decode(note)[5] == world.pointer()["id"]
