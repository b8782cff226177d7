"""Mappings: what goes out in the partner's words comes back in ours, and nothing is guessed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import adapters
from adapters.base import Untranslatable
from adapters.errors import ContentRefused, Unsendable
from adapters.mapping import IDENTITY, load_mapping, mapping_of
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from fhir_profiles.json import decode, encode

Json = dict[str, Any]
Strategy = st.SearchStrategy[Json]
Many = st.SearchStrategy[list[Json]]

HOSPICE = load_mapping(Path(adapters.__path__[0]) / "mappings" / "hospice-example.json")
SNOMED = "http://snomed.info/sct"
CPR, PLACE = "304251008", "395091006"
RANK = "https://epaccs.example.org/fhir/StructureDefinition/preference-rank"
OTHER = "https://epaccs.example.org/fhir/StructureDefinition/decision-basis"

DISPLAYS = {
    "450475007": "For cardiopulmonary resuscitation (finding)",
    "450476008": "Not for cardiopulmonary resuscitation (finding)",
}


def coding(code: str, display: str = "", system: str = SNOMED) -> Json:
    return {"system": system, "code": code, **({"display": display} if display else {})}


def observation(code: str, value: Json, **more: Any) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coding(code)]},
        "valueCodeableConcept": {"coding": [value]},
        **more,
    }


resuscitations: Strategy = st.builds(
    lambda code: observation(CPR, coding(code, DISPLAYS[code])), st.sampled_from(["450475007", "450476008"])
)
places: Strategy = st.builds(
    lambda code, display: observation(PLACE, coding(code, display)),
    st.sampled_from(["110481000000108", "108401000000102", "1060941000000102", "not-known-to-anybody"]),
    st.text(st.characters(categories=["L", "Zs"]), max_size=20),
)
numbers: Strategy = st.builds(
    lambda value: {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [coding("60621009")]},
        "valueQuantity": {"value": value, "unit": "kg/m2"},
    },
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=0, max_value=500),
)
extensions: Many = st.lists(
    st.sampled_from(
        [
            {"url": RANK, "valuePositiveInt": 1},
            {"url": OTHER, "valueCode": "clinical-recommendation"},
            {"url": "https://elsewhere.example/x", "valueDecimal": Decimal("1.10")},
        ]
    ),
    max_size=3,
    unique_by=lambda item: str(item["url"]),
)
identifiers: Many = st.lists(
    st.builds(
        lambda system, value: {"system": system, "value": value},
        st.sampled_from([NHS_NUMBER_SYSTEM, "https://fhir.nhs.uk/Id/sds-user-id", "https://elsewhere.example/id"]),
        st.text("0123456789", min_size=1, max_size=10),
    ),
    min_size=1,
    max_size=3,
)
tags: Many = st.lists(st.just({"system": "https://elsewhere.example/tags", "code": "kept"}), max_size=1)


@st.composite
def ours(draw: st.DrawFn) -> Json:
    """Resources as we send them, with what the mapping covers and what it does not."""
    resource: Json = dict(draw(st.one_of(resuscitations, places, numbers)))
    if found := draw(extensions):
        resource["extension"] = [dict(one) for one in found]
    if draw(st.booleans()):
        resource["identifier"] = draw(identifiers)
    if draw(st.booleans()):
        resource["performer"] = [{"identifier": one, "display": "Dr Invented"} for one in draw(identifiers)]
    if found := draw(tags):
        resource["meta"] = {"tag": found}
    return resource


@st.composite
def plans(draw: st.DrawFn) -> Json:
    """Care plans, whose description is elsewhere in the hospice's system."""
    resource: Json = {"resourceType": "CarePlan", "status": "active", "intent": "plan"}
    if draw(st.booleans()):
        resource["description"] = draw(st.text(min_size=1, max_size=30))
        if draw(st.booleans()):
            resource["_description"] = {"id": "d"}
    return resource


@given(st.one_of(ours(), plans()))
def test_out_and_in_again_is_the_same_resource(resource: Json) -> None:
    before = encode(resource)

    sent = HOSPICE.out(resource)

    assert encode(resource) == before, "what was given is not changed"
    assert HOSPICE.into(decode(encode(sent))) == decode(before)


@given(ours())
def test_values_keep_their_digits(resource: Json) -> None:
    value = resource.get("valueQuantity", {}).get("value")
    back = HOSPICE.into(decode(encode(HOSPICE.out(resource)))).get("valueQuantity", {}).get("value")
    assert str(back) == str(value)


def test_a_decision_is_said_in_the_hospices_code_alone():
    sent = HOSPICE.out(observation(CPR, coding("450476008", DISPLAYS["450476008"])))
    assert sent["valueCodeableConcept"]["coding"] == [
        {"system": "https://hospice.example.org/codes/resus", "code": "R-NO", "display": "Do not attempt CPR"}
    ]
    assert [one["code"] for one in sent["code"]["coding"]] == ["RESUS", CPR]


def test_a_place_keeps_our_code_beside_the_hospices():
    sent = HOSPICE.out(observation(PLACE, coding("110481000000108", "Preferred place of death: home (finding)")))
    assert [one["code"] for one in sent["valueCodeableConcept"]["coding"]] == ["HOME", "110481000000108"]


def test_what_the_hospice_changed_counts_and_the_code_of_ours_that_it_left_standing_goes():
    sent = HOSPICE.out(observation(PLACE, coding("110481000000108")))
    sent["valueCodeableConcept"]["coding"][0]["code"] = "HOSPITAL"

    back = HOSPICE.into(sent)

    assert [one["code"] for one in back["valueCodeableConcept"]["coding"]] == ["109401000000108"]


def test_a_decision_without_a_code_in_the_table_is_not_guessed_either_way():
    with pytest.raises(Unsendable) as out:
        HOSPICE.out(observation(CPR, coding("304253006", "secret words")))
    assert isinstance(out.value, ContentRefused)
    assert (out.value.mapping, out.value.path) == ("hospice-example", "Observation.valueCodeableConcept")
    assert "secret" not in str(out.value)

    theirs = HOSPICE.out(observation(CPR, coding("450476008")))
    theirs["valueCodeableConcept"]["coding"][0]["code"] = "R-MAYBE"
    with pytest.raises(Untranslatable) as back:
        HOSPICE.into(theirs)
    assert (
        back.value.why
        == "mapping hospice-example: Observation.valueCodeableConcept: the mapping does not have its code"
    )


def test_a_place_without_a_code_in_the_table_is_carried_as_it_is():
    unknown = observation(PLACE, coding("1060941000000102"))
    assert HOSPICE.out(unknown)["valueCodeableConcept"] == unknown["valueCodeableConcept"]


def test_the_nhs_number_is_asked_for_under_the_name_it_has_there():
    assert HOSPICE.their_system(NHS_NUMBER_SYSTEM) == "urn:oid:2.16.840.1.113883.2.1.4.1"
    assert IDENTITY.their_system(NHS_NUMBER_SYSTEM) == NHS_NUMBER_SYSTEM


def test_types_travel_as_the_file_says():
    assert HOSPICE.travels_out("MedicationRequest")
    assert not HOSPICE.travels_in("MedicationRequest")
    assert not HOSPICE.travels_out("Consent")
    assert IDENTITY.travels_out("Consent")
    assert IDENTITY.travels_in("Consent")


def test_without_a_mapping_everything_stays_as_it_is():
    resource = observation(CPR, coding("450476008"), text={"status": "generated", "div": "<div>x</div>"})
    assert IDENTITY.into(IDENTITY.out(resource)) == resource


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (
            {"rule": "move", "types": ["CarePlan"], "ours": "extension[https://x.example/aim].valueString",
             "theirs": "title"},
            {"extension": [{"url": "https://x.example/aim", "valueString": "Stay at home"}]},
            {"title": "Stay at home"},
        ),
        (
            {"rule": "move", "types": ["CarePlan"], "ours": "activity.detail.description",
             "theirs": "activity.detail.extension[https://x.example/what].valueString"},
            {"activity": [{"detail": {"description": "One"}}, {"detail": {"status": "unknown", "description": "Two"}}]},
            {"activity": [
                {"detail": {"extension": [{"url": "https://x.example/what", "valueString": "One"}]}},
                {"detail": {"status": "unknown",
                            "extension": [{"url": "https://x.example/what", "valueString": "Two"}]}},
            ]},
        ),
        (
            {"rule": "move", "types": ["Patient"], "ours": "extension[https://x.example/a]",
             "theirs": "extension[https://x.example/b]"},
            {"extension": [{"url": "https://x.example/a", "valueCode": "1"}, {"url": "https://x.example/c",
                                                                             "valueCode": "2"}]},
            {"extension": [{"url": "https://x.example/b", "valueCode": "1"}, {"url": "https://x.example/c",
                                                                             "valueCode": "2"}]},
        ),
        (
            {"rule": "constant", "types": ["CarePlan"], "path": "language", "value": "en-GB"},
            {},
            {"language": "en-GB"},
        ),
        (
            {"rule": "constant", "types": ["Observation"], "path": "category",
             "value": {"coding": [{"system": "https://x.example", "code": "EoL"}]}},
            {"category": [{"text": "ours"}]},
            {"category": [{"text": "ours"}, {"coding": [{"system": "https://x.example", "code": "EoL"}]}]},
        ),
        (
            {"rule": "code", "types": ["Consent"], "path": "meta.security", "codes": [
                {"ours": "https://a.example|R", "theirs": "https://b.example|restricted"}]},
            {"meta": {"security": [{"system": "https://a.example", "code": "R"}]}},
            {"meta": {"security": [{"system": "https://b.example", "code": "restricted"}]}},
        ),
    ],
)  # fmt: skip
def test_each_rule_both_ways(rule: Json, before: Json, after: Json) -> None:
    mapping, kind = mapping_of({"name": "one-rule", "rules": [rule]}), {"resourceType": rule["types"][0]}

    sent = mapping.out({**kind, **before})

    assert sent == {**kind, **after}
    assert mapping.into(sent) == {**kind, **before}


def test_what_is_dropped_goes_one_way_or_both_and_leaves_nothing_empty_behind():
    rules = [
        {"rule": "drop", "types": ["Patient"], "path": "meta.profile", "way": "out"},
        {"rule": "drop", "types": ["Patient"], "path": "contact.telecom", "way": "in"},
        {"rule": "drop", "types": ["Patient"], "path": "extension[https://x.example/gone]"},
    ]
    mapping = mapping_of({"name": "drops", "rules": rules})
    patient = {
        "resourceType": "Patient",
        "meta": {"profile": ["https://x.example/p"]},
        "contact": [{"telecom": [{"value": "1"}]}, {"name": {"family": "Kept"}, "telecom": [{"value": "2"}]}],
        "extension": [{"url": "https://x.example/gone", "valueCode": "x"}],
    }
    assert mapping.out(patient) == {"resourceType": "Patient", "contact": patient["contact"]}
    assert mapping.into(patient) == {
        "resourceType": "Patient",
        "meta": patient["meta"],
        "contact": [{"name": {"family": "Kept"}}],
    }


def test_a_move_overwrites_nothing():
    mapping = mapping_of(
        {"name": "move", "rules": [{"rule": "move", "types": ["CarePlan"], "ours": "description", "theirs": "title"}]}
    )
    both = {"resourceType": "CarePlan", "title": "A", "description": "B"}
    with pytest.raises(Unsendable):
        mapping.out(both)
    with pytest.raises(Untranslatable):
        mapping.into(both)


@pytest.mark.parametrize(
    "broken",
    [
        {"code": "no object"},
        {"code": {"coding": "no list"}},
        {"code": {"coding": ["no coding"]}},
        {"meta": [], "extension": {"url": 7}},
        {"identifier": [None, 3, {"system": 5}]},
    ],
)
def test_what_is_not_fhir_comes_back_as_it_is_or_is_named(broken: Json) -> None:
    try:
        HOSPICE.into({"resourceType": "Observation", **broken})
    except Untranslatable as refused:
        assert "mapping hospice-example" in refused.why  # noqa: PT017 - either outcome is right, a crash is not
