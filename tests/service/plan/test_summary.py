"""What a paramedic sees first: states, words, dates compared at reading, and a Composition that is valid R4."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from fhir_profiles import r4
from fhir_profiles.canonical import structure_definition
from fhir_profiles.sections import CRITICAL_SECTIONS, DECISION_GROUP, Section, section_of
from fhir_profiles.terminology import SNOMED
from fhir_profiles.validation import validate
from fhir_profiles.xhtml import is_safe_narrative
from service.people.demo import demo_people
from service.people.invented import nhs_number
from service.people.plans import plan
from service.people.traits import Traits
from service.plan.elements import Resource
from service.plan.lines import SummaryLine, plan_lines
from service.plan.mask import Mask
from service.plan.masking import masked
from service.plan.places import places_in
from service.plan.slots import SLOTS, Slot
from service.plan.summary import SECTION_STATE, Wording, compose
from tests.service.plan.build import NOW, stored

WORDING = Wording.of("Phone the consultant on call & tell them <both>.")
Json = dict[str, Any]


def resources_of(**traits: Any) -> list[Json]:
    return stored(plan(Random(1), nhs_number(5), Traits(**traits), NOW))


def lines(resources: list[Json], shown: Mapping[str, Resource] | None = None) -> list[SummaryLine]:
    return plan_lines([(one, section_of(one)) for one in resources], shown)


def masked_lines(resources: list[Json]) -> list[SummaryLine]:
    mask = Mask(places_in(resources))
    seen = {f"{one['resourceType']}/{one['id']}": masked(one, mask) for one in resources}
    return lines(resources, {name: one for name, one in seen.items() if one is not None})


def composed(
    found: list[SummaryLine], withheld: frozenset[Section] = frozenset(), as_of: datetime = NOW, **rest: Any
) -> Json:
    body = compose(found, withheld, as_of, subject="Patient/1", version="7", wording=WORDING, **rest)
    result: Json = msgspec.json.decode(body)
    return result


def summary(as_of: datetime = NOW, **traits: Any) -> Json:
    return composed(lines(resources_of(**traits)), as_of=as_of)


def section(composition: Json, slot: Slot) -> Json:
    found: Json = composition["section"][slot]
    return found


def state(composition: Json, slot: Slot) -> str:
    found = section(composition, slot)["extension"][0]
    assert found["url"] == SECTION_STATE
    return str(found["valueCode"])


def words(composition: Json, slot: Slot) -> str:
    return str(section(composition, slot)["text"]["div"])


def fact(item: Json, name: str, part: str) -> Any:
    """Return one part of a complex extension of a summary item."""
    outer = next(one for one in item["extension"] if one["url"] == structure_definition(name))
    inner: Json = next((one for one in outer["extension"] if one["url"] == part), {})
    return next((value for key, value in inner.items() if key != "url"), None)


@pytest.mark.parametrize("person", list(demo_people(NOW)), ids=lambda one: one.name)
def test_every_demo_summary_is_valid_r4_and_safe(person):
    composition = composed(lines(stored(person.bundle)), notices=["Notice <1>"])
    r4.typed(composition)
    assert validate(composition) == []
    told = [
        composition,
        *composition["section"],
        *(one for sec in composition["section"] for one in sec.get("section", ())),
    ]
    assert all(is_safe_narrative(one["text"]["div"]) for one in told)
    assert [sec["title"] for sec in composition["section"]] == [SLOTS[slot].title for slot in Slot]


def test_lines_survive_being_stored():
    found = lines(resources_of())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=list[SummaryLine]) == found


def test_order_of_lines_changes_no_byte():
    found = lines(resources_of(cpr="conflict"))
    assert composed(found[::-1]) == composed(found)


def test_an_empty_record_says_not_recorded_everywhere_and_never_that_there_is_nothing():
    composition = composed([])
    assert {state(composition, slot) for slot in Slot} == {"not-recorded"}
    assert "NO CPR DECISION RECORDED - this does not mean the person has none" in words(composition, Slot.CPR)


def test_what_is_withheld_never_looks_like_what_is_not_recorded():
    composition = composed([], withheld=CRITICAL_SECTIONS)
    assert {state(composition, slot) for slot in Slot if slot is not Slot.IDENTITY} == {"withheld-or-unavailable"}
    for slot in (Slot.CPR, Slot.CEILING, Slot.LEGAL):
        assert "exist or may exist but are withheld; do not infer their absence" in words(composition, slot)


def test_withholding_the_decision_group_leaves_no_trace_of_it():
    found = [line for line in lines(resources_of(advance_decision=True)) if line.section not in DECISION_GROUP]
    composition = composed(found, withheld=DECISION_GROUP)
    assert "escalation plan below" not in words(composition, Slot.CPR)
    assert b"ATTEMPT CPR" not in msgspec.json.encode(composition)
    assert state(composition, Slot.PLACE) == "recorded"


@pytest.mark.parametrize(
    ("cpr", "expected"),
    [
        ("not-for", "<p>DO NOT ATTEMPT CPR, decided"),
        ("for", "<p>ATTEMPT CPR, decided"),
        ("modified", "<p>MODIFIED CPR: read the decision, decided"),
        ("not-discussed", "NO CPR DECISION RECORDED: not discussed yet"),
        ("declined", "NO CPR DECISION RECORDED: asked, declined to discuss"),
        ("none", "The treatment escalation plan below is not a CPR decision"),
        ("revoked", "NO CPR DECISION IN FORCE: the earlier one was REVOKED on 8 November 2026"),
        ("conflict", "CPR DECISIONS IN CONFLICT: there is no single agreed decision"),
    ],
)
def test_each_state_of_cpr_has_its_own_words(cpr, expected):
    assert expected in words(summary(cpr=cpr), Slot.CPR)


def test_a_conflict_shows_both_and_the_localitys_instruction():
    composition = summary(cpr="conflict")
    told = words(composition, Slot.CPR)
    assert "DO NOT ATTEMPT CPR, decided" in told
    assert "<p>ATTEMPT CPR, decided" in told
    assert "Phone the consultant on call &amp; tell them &lt;both&gt;." in told
    items = section(composition, Slot.CPR)["section"]
    assert [fact(item, "standing", "state") for item in items] == ["in-conflict", "in-conflict"]


def test_a_revoked_decision_is_not_shown_as_a_decision():
    assert "DO NOT ATTEMPT" not in words(summary(cpr="revoked"), Slot.CPR)


def test_a_cancelled_decision_says_that_it_was_revoked():
    resources = resources_of()
    decision = next(one for one in resources if one["resourceType"] == "Observation")
    decision["status"] = "cancelled"
    told = words(composed(lines(resources)), Slot.CPR)
    assert "NO CPR DECISION IN FORCE" in told
    assert "DO NOT ATTEMPT" not in told


def test_a_cancelled_decision_is_silent_beside_one_that_stands():
    resources = resources_of()
    decision = next(one for one in resources if one["resourceType"] == "Observation")
    resources.append({**decision, "id": "old", "status": "cancelled"})
    told = words(composed(lines(resources)), Slot.CPR)
    assert "DO NOT ATTEMPT CPR" in told
    assert "REVOKED" not in told


def test_an_overdue_review_is_said_and_hides_nothing():
    due = NOW + timedelta(days=70)
    before, after = summary(as_of=due), summary(as_of=due + timedelta(days=1))
    assert "REVIEW OVERDUE" not in words(before, Slot.CPR)
    told = words(after, Slot.CPR)
    assert "DO NOT ATTEMPT CPR" in told
    assert "REVIEW OVERDUE: it was due by 1 February 2027. The decision stands until it is changed." in told
    item = section(after, Slot.CPR)["section"][0]
    assert fact(item, "item-freshness", "out-of-date") is True
    assert fact(section(before, Slot.CPR)["section"][0], "item-freshness", "out-of-date") is False


def test_a_summary_with_anything_out_of_date_says_so_at_the_top():
    url = structure_definition("out-of-date")

    def flag(composition: Json) -> bool:
        return bool(next(one["valueBoolean"] for one in composition["extension"] if one["url"] == url))

    assert not flag(summary())
    assert flag(summary(review_in_days=-1))
    assert flag(summary(authorised_for_days=-1))


def test_each_item_tells_where_it_comes_from():
    item = section(summary(), Slot.CPR)["section"][0]
    assert item["code"]["coding"][0]["code"] == "450476008"
    assert item["author"][0]["display"].endswith("General practitioner, Exampleton Surgery")
    assert item["entry"][0]["reference"].startswith("Observation/")
    assert fact(item, "item-freshness", "effective") == "2026-11-03T09:00:00Z"
    assert fact(item, "item-freshness", "recorded") == "2026-11-23T08:00:00.000Z"
    assert fact(item, "item-freshness", "source") == "https://gp.example.org"
    assert fact(item, "item-freshness", "version") == "1"
    assert fact(item, "item-freshness", "provenance")["reference"].startswith("Provenance/")
    assert fact(item, "validity", "state") == "valid"
    assert fact(item, "standing", "basis") == "clinical-recommendation"


def test_a_decision_without_its_context_is_shown_as_unverified():
    resources = resources_of()
    decision = next(one for one in resources if one["resourceType"] == "Observation")
    del decision["performer"], decision["extension"]
    item = section(composed(lines(resources)), Slot.CPR)["section"][0]
    assert "DO NOT ATTEMPT CPR" in item["text"]["div"]
    assert "UNVERIFIED: no clinician is named; its basis is not stated." in item["text"]["div"]
    assert fact(item, "validity", "state") == "unverified"


@pytest.mark.parametrize(
    ("verification", "state", "reason"),
    [
        ([{"verified": True}], "valid", None),
        ([{"verified": False}], "unverified", "not-verified"),
        ([], "unverified", "not-verified"),
    ],
)
def test_an_advance_decision_says_in_a_code_whether_it_was_verified(
    verification: list[Json], state: str, reason: str | None
):
    resources = resources_of(advance_decision=True)
    adr = next(one for one in resources if one["resourceType"] == "Consent" and "verification" in one)
    adr["verification"] = verification
    item = section(composed(lines(resources)), Slot.LEGAL)["section"][0]
    assert item["title"].startswith("ADVANCE DECISION")
    assert fact(item, "validity", "state") == state
    assert fact(item, "validity", "reason") == reason
    assert ("NOT VERIFIED HERE" in item["text"]["div"]) == (state == "unverified")


@pytest.mark.parametrize(
    ("system", "code", "told"),
    [
        ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "masked", "masked"),
        (SNOMED, "723635005", "unknown"),
    ],
)
def test_why_there_is_no_decision_is_told_in_the_codes_that_r4_has_for_it(system, code, told):
    resources = resources_of()
    decision = next(one for one in resources if one["resourceType"] == "Observation")
    del decision["valueCodeableConcept"]
    decision["dataAbsentReason"] = {"coding": [{"system": system, "code": code}]}
    item = section(composed(lines(resources)), Slot.CPR)["section"][0]
    url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    assert [one["valueCode"] for one in item["extension"] if one["url"] == url] == [told]


def test_a_care_team_that_decided_is_named_and_not_referred_to():
    resources = [one for one in resources_of() if one["resourceType"] != "Provenance"]
    decision = next(one for one in resources if one["resourceType"] == "Observation")
    decision["performer"] = [{"reference": "CareTeam/1", "display": "Palliative care team"}]
    composition = composed(lines(resources))
    assert section(composition, Slot.CPR)["section"][0]["author"] == [{"display": "Palliative care team"}]
    assert validate(composition) == []


@pytest.mark.parametrize("cpr", ["not-for", "modified", "not-discussed", "declined", "conflict", "revoked"])
def test_every_standing_of_a_decision_is_valid_r4(cpr):
    assert validate(summary(cpr=cpr, advance_decision=True, review_in_days=-1)) == []


def test_the_ceiling_tells_every_exception_whole():
    told = words(summary(), Slot.CEILING)
    assert "If an expected deterioration: NOT for Hospital admission" in told
    assert "If a fracture, a catastrophic bleed or pain that cannot be controlled at home: for" in told
    assert "more in the entry" not in told


@pytest.mark.parametrize(("place", "expected"), [("undecided", "undecided"), ("declined", "declined to discuss")])
def test_an_empty_preferred_place_carries_its_status(place, expected):
    composition = summary(place=place)
    assert f"Preferred place of death: {expected}" in words(composition, Slot.PLACE)
    assert state(composition, Slot.PLACE) == "recorded"


def test_preferred_places_come_by_rank():
    told = words(summary(), Slot.PLACE)
    assert told.index("of death, 1st choice: home") < told.index("of death, 2nd choice: hospice")


def test_medicines_say_whether_they_are_in_the_house_and_until_when():
    assert "IN THE HOME: Just-in-case box, kept: " in words(summary(), Slot.MEDICINES)
    told = words(summary(box=False, authorised_for_days=-3), Slot.MEDICINES)
    assert "No anticipatory medicines are recorded as being in the home." in told
    assert "AUTHORISATION ENDED 20 November 2026" in told


def test_who_to_call_starts_with_the_number_that_is_always_open():
    told = words(summary(), Slot.CALL)
    order = ["CALL NOW, 24 hours: 01632 960024", "Key worker: Nurse", "Attorney for health and welfare", "Next of kin"]
    assert [told.index(one) for one in order] == sorted(told.index(one) for one in order)


def test_an_interpreter_comes_first_among_communication_needs():
    told = words(summary(interpreter="Welsh"), Slot.COMMUNICATION)
    assert told.index("INTERPRETER NEEDED") < told.index("Speaks Welsh (preferred)")


def test_identity_is_of_t0_elements_alone():
    resources = resources_of()
    person = next(one for one in resources if one["resourceType"] == "Patient")
    told = words(composed(lines(resources)), Slot.IDENTITY)
    number = nhs_number(5)
    assert f"NHS number {number[:3]} {number[3:6]} {number[6:]}" in told
    everything = msgspec.json.encode(composed(lines(resources))).decode()
    assert person["address"][0]["postalCode"] not in everything
    assert person["telecom"][0]["value"] not in everything


def test_out_of_use_contacts_and_refuted_allergies_are_not_shown():
    resources = resources_of()
    for one in resources:
        if one["resourceType"] == "RelatedPerson":
            one["active"] = False
        if one["resourceType"] == "AllergyIntolerance":
            one["verificationStatus"]["coding"][0]["code"] = "refuted"
    composition = composed(lines(resources))
    assert "Next of kin" not in words(composition, Slot.CALL)
    assert state(composition, Slot.ALLERGIES) == "not-recorded"


def test_a_person_whose_whereabouts_are_masked_is_not_placed():
    resources = resources_of()
    flag = {
        "resourceType": "Flag",
        "id": "f",
        "status": "active",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety"}]}],
        "code": {"text": "Moved to ZZ99 3AB, ring +44 1632 960 123 first", "coding": [{"system": SNOMED, "code": "1"}]},
    }
    resources.append(flag)
    told = msgspec.json.encode(composed(masked_lines(resources))).decode()
    for placing in ("ZZ99 3AB", "960 123", "960024", "07700 900", "Exampleton Surgery", "Sampleford", "gp.example.org"):
        assert placing not in told
    assert "DO NOT ATTEMPT CPR" in told
    assert nhs_number(5)[6:] in told


def test_text_of_the_record_cannot_break_the_json_or_the_narrative():
    resources = resources_of()
    person = next(one for one in resources if one["resourceType"] == "Patient")
    person["name"][0]["family"] = "O'Quote\" \\ <b>&\u2028\x00"
    composition = composed(lines(resources))
    assert is_safe_narrative(words(composition, Slot.IDENTITY))
    assert "&lt;b&gt;&amp;" in words(composition, Slot.IDENTITY)


def test_notices_come_first_and_the_moment_is_told():
    composition = composed(
        [], as_of=datetime(2026, 11, 23, 9, 0, tzinfo=UTC), notices=["A death was recorded <today>."]
    )
    assert "<p>A death was recorded &lt;today&gt;.</p>" in composition["text"]["div"]
    assert composition["date"] == "2026-11-23T09:00:00.000Z"
    assert composition["subject"] == {"reference": "Patient/1"}
