"""A person with an S-flag, inside the service: what is kept of them, in which way it is read, and by which setting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from fhir_profiles import json
from fhir_profiles.canonical import code_system
from security.errors import NotReleasable
from security.localities import Policies
from security.principal import Role
from security.release import release
from service.app import services_of
from service.plan.particulars import of_patient
from service.plan.placing import MASK
from service.record.access import Caller, Refused
from service.record.draft import PDS_SCALE
from service.record.emergency import document
from service.record.errors import NotAllowedToWrite
from service.record.find import FindPeople
from service.record.read import Answered
from service.record.select import held_urgent
from service.record.slices import LARGE_ELEMENT
from service.record.urgent import Style
from tests.security.sharing import consent, provision
from tests.service.record.house import House, Json, create, doctor, note, patient, person, update

OLD = {"line": ["3 Elderberry Row"], "city": "Formerham", "postalCode": "ZZ97 1AA"}
NEW = {"line": ["9 Quince Terrace"], "city": "Latterton", "postalCode": "ZZ96 2BB"}
SETTING_ASIDE = b""


def flagged(resource: Json, flag: str = "R") -> Json:
    return {**resource, "meta": {"security": [{"system": PDS_SCALE, "code": flag}]}}


def letter(subject: str, title: str, **attachment: Any) -> Json:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": subject},
        "category": [{"coding": [{"system": code_system("section"), "code": "care_plan"}]}],
        "content": [{"attachment": {"contentType": "text/plain", "title": title, **attachment}}],
    }


async def a_flagged_person(house: House, index: int) -> tuple[str, str, str]:
    """Write a person who moved, with a note and a letter, and then the flag; return number, Patient and note."""
    number, someone = patient(index, address=[OLD])
    (made,) = await house.write(create(someone))
    words = "Was at 3 Elderberry Row, is at 9 quince terrace in Latterton. Likes tea."
    (said,) = await house.write(create(note(made.reference, words)))
    await house.write(create(letter(made.reference, "Letter from before")))
    await house.write(update(made.reference, 1, {**someone, "address": [NEW]}))
    await house.write(update(made.reference, 2, flagged({**someone, "address": [NEW]})))
    return number, made.reference, said.reference


async def test_a_former_address_is_masked_as_the_present_one_is(service_house: House) -> None:
    _, someone, said = await a_flagged_person(service_house, 770)
    told = (await service_house.read(said))["valueString"]
    assert told == f"Was at {MASK}, is at {MASK} in {MASK}. Likes tea."
    for _, version in await service_house.history(someone):
        assert "address" not in version
    assert "address" not in await service_house.vread(someone, 1)


async def test_letters_from_before_the_flag_are_held_back_and_later_ones_are_not(service_house: House) -> None:
    number, someone, _ = await a_flagged_person(service_house, 771)
    before = next(
        name for name in (await service_house.record_of(number)).entries if name.startswith("DocumentReference/")
    )
    assert "Letter" not in json.encode(await service_house.read(before)).decode()
    (later,) = await service_house.write(
        create(letter(someone, "Letter to 9 Quince Terrace", url="https://elsewhere.example/1", data="QQ=="))
    )
    content = (await service_house.read(later.reference))["content"][0]["attachment"]
    assert content == {"contentType": "text/plain", "title": f"Letter to {MASK}", "data": "QQ=="}


async def test_a_long_text_is_masked_to_its_end(service_house: House) -> None:
    _, someone, _ = await a_flagged_person(service_house, 772)
    words = "tea " * LARGE_ELEMENT + "9 Quince Terrace"
    (made,) = await service_house.write(create(note(someone, words)))
    assert (await service_house.read(made.reference))["valueString"] == "tea " * LARGE_ELEMENT + MASK


async def test_what_lies_ready_is_masked_and_is_what_would_be_put_together(service_house: House) -> None:
    number, bundle = person(773)
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"] = flagged(entry["resource"])
    await service_house.post(bundle)
    style = service_house.services.operations.style
    ready = await service_house.ask_in_emergency(number)
    assert ready.released.whole is not None
    other = await service_house.ask_in_emergency(number, style=Style(style.base, style.wording, SETTING_ASIDE))
    assert other.released.whole is None
    at = service_house.opened.clock()
    first, second = (b"".join(map(bytes, document(one, style, at))) for one in (ready, other))
    assert first == second
    assert b"01632" not in first
    assert b"Surgery" not in first
    assert b"DO NOT ATTEMPT CPR" in first


async def test_no_telephones_left_is_withheld_and_not_nobody_to_call(service_house: House) -> None:
    style, at = service_house.services.operations.style, service_house.opened.clock()
    states: dict[str, list[str]] = {}
    for index, flag in ((778, "R"), (779, "U")):
        number, someone = patient(index)
        (made,) = await service_house.write(create(flagged(someone, flag)))
        if flag == "R":
            team = {"resourceType": "CareTeam", "status": "active", "subject": {"reference": made.reference}}
            await service_house.write(create({**team, "telecom": [{"system": "phone", "value": "01632 960123"}]}))
        for asked_in in (style, Style(style.base, style.wording, SETTING_ASIDE)):
            answered = await service_house.ask_in_emergency(number, style=asked_in)
            whole = json.decode(bytes(document(answered, asked_in, at)[0]))
            (section,) = [one for one in whole["section"] if one["title"] == "Who to call"]
            states.setdefault(flag, []).append(section["extension"][0]["valueCode"])
    assert states == {"R": ["withheld-or-unavailable"] * 2, "U": ["not-recorded"] * 2}


async def test_a_crew_from_whom_a_court_hides_them_does_not_count_them(service_house: House) -> None:
    counted = []
    operations = service_house.services.operations
    find = FindPeople(operations.read_record.access)
    where = of_patient({"address": [NEW]})
    await operations.incidents.open(doctor("ZZCR01"), where, "ZZAMB1", "INC-1")
    paramedic = doctor("ZZAMB1", Role.AMBULANCE)
    crew = Caller(replace(paramedic.principal, incident="INC-1"), paramedic.request_id)
    await service_house.write(create(patient(780, address=[NEW])[1]))
    counted.append((await find.at_address(crew, where)).people)
    (made,) = await service_house.write(create(patient(781, address=[NEW])[1]))
    counted.append((await find.at_address(crew, where)).people)
    barred = provision("permit", provision("deny", sections=("location",), role="ambulance"))
    order = {**consent(barred), "patient": {"reference": made.reference}}
    order.pop("id")
    await service_house.write(create({**order, "category": [{"text": "x"}], "policyRule": {"text": "x"}}))
    counted.append((await find.at_address(crew, where)).people)
    assert counted == [1, 2, 1]


async def test_nothing_unmasked_passes_a_decision_that_masks(service_house: House) -> None:
    number, _, _ = await a_flagged_person(service_house, 774)
    answered: Answered = await service_house.ask_in_emergency(number)
    unmasked = [
        msgspec.structs.replace(held_urgent(answered.record, urgent, answered.decision), masked=False)
        for urgent in answered.record.contents.urgent
    ]
    with pytest.raises(NotReleasable):
        release(answered.decision, unmasked)


async def test_the_other_setting_answers_as_if_nobody_were_there(service_house: House) -> None:
    number, someone, said = await a_flagged_person(service_house, 775)
    policy = service_house.opened.policies.base
    hiding = replace(policy, settings=msgspec.structs.replace(policy.settings, sflag_policy="not_found"))
    opened = replace(service_house.opened, policies=Policies.of(hiding))
    elsewhere = House(opened, services_of(opened), service_house.path)
    for asking in (elsewhere.read(someone), elsewhere.read(said), elsewhere.ask_in_emergency(number)):
        with pytest.raises(Refused) as refused:
            await asking
        assert refused.value.decision.status == 404
    with pytest.raises(Refused):
        await elsewhere.write(create(note(someone, "unseen")))
    assert (await service_house.read(someone))["birthDate"] == "1940-05-06"


async def test_an_entry_shown_whole_is_replaced_and_one_shown_in_part_is_not(service_house: House) -> None:
    _, someone, said = await a_flagged_person(service_house, 776)
    (whole,) = await service_house.write(create(note(someone, "Likes tea")))
    (changed,) = await service_house.write(update(whole.reference, 1, note(someone, "Likes coffee")))
    assert changed.version == 2
    for reference, version in ((said, 1), (someone, 3)):
        seen = await service_house.read(reference)
        with pytest.raises(NotAllowedToWrite):
            await service_house.write(update(reference, version, seen))


async def test_nothing_of_places_is_kept_of_others_until_it_is_replaced(service_house: House) -> None:
    number, someone = patient(777, address=[OLD])
    (made,) = await service_house.write(create(someone))
    contents = (await service_house.record_of(number)).contents
    assert (contents.former.words, contents.places.words) == ((), ())
    await service_house.write(update(made.reference, 1, {**someone, "address": [NEW]}), caller=doctor())
    contents = (await service_house.record_of(number)).contents
    assert "elderberry row" in contents.former.words
    assert contents.places.words == ()
