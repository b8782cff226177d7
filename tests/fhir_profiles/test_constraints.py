"""Our profiles."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles import json
from fhir_profiles.canonical import structure_definition
from fhir_profiles.terminology import EPACCS, SNOMED
from fhir_profiles.validation import validate
from tests.fhir_profiles.places import EXAMPLES


def example(name: str) -> dict[str, Any]:
    return json.decode((EXAMPLES / f"{name}.json").read_bytes())


def without(resource: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key not in names}


def found(resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(issue.code, issue.expression) for issue in validate(resource)]


def concept(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in pairs]}


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("subject", ("required", "Observation.subject")),
        ("effectiveDateTime", ("required", "Observation.effective.ofType(dateTime)")),
        ("performer", ("required", "Observation.performer")),
        ("valueCodeableConcept", ("required", "Observation.value")),
    ],
)
@pytest.mark.parametrize("name", ["Observation-cpr", "Observation-ppd-1", "Observation-ppc"])
def test_decisions_and_preferences_say_of_whom_when_by_whom_and_what(
    name: str, missing: str, problem: tuple[str, str]
) -> None:
    assert found(without(example(name), missing)) == [problem]


def test_a_reason_for_absence_stands_in_for_the_decision() -> None:
    absent = concept(("http://terminology.hl7.org/CodeSystem/data-absent-reason", "asked-declined"))
    cpr = {**without(example("Observation-cpr"), "valueCodeableConcept"), "dataAbsentReason": absent}
    assert found(cpr) == []
    assert found({**example("Observation-cpr"), "dataAbsentReason": absent}) == [("invariant", "Observation")]


@pytest.mark.parametrize(
    "pairs",
    [
        [(SNOMED, "450475007")],
        [(EPACCS, "cpr-modified")],
        [(SNOMED, "304253006")],
        [(SNOMED, "450476008"), (SNOMED, "304253006")],
        [("urn:local", "x"), (SNOMED, "450476008")],
    ],
)
def test_codes_of_a_cpr_decision_and_their_synonyms_are_accepted(pairs: list[tuple[str, str]]) -> None:
    assert found({**example("Observation-cpr"), "valueCodeableConcept": concept(*pairs)}) == []


@pytest.mark.parametrize(
    "value",
    [
        {"text": "DNACPR"},
        concept((SNOMED, "304251008")),
        concept(("urn:other", "450476008")),
        concept((SNOMED, "450476008"), (SNOMED, "450475007")),
        concept((SNOMED, "450476008"), (EPACCS, "cpr-modified")),
    ],
)
def test_other_or_contradictory_codes_are_no_cpr_decision(value: dict[str, Any]) -> None:
    changed = {**example("Observation-cpr"), "valueCodeableConcept": value}
    assert found(changed) == [("code-invalid", "Observation.value.ofType(CodeableConcept)")]


def test_a_cpr_decision_in_words_alone_is_no_decision() -> None:
    changed = {**without(example("Observation-cpr"), "valueCodeableConcept"), "valueString": "DNACPR"}
    assert found(changed) == [("structure", "Observation.value")]


def test_what_was_entered_in_error_can_be_marked_so() -> None:
    wrong = without(example("Observation-cpr"), "performer", "effectiveDateTime", "valueCodeableConcept")
    assert found({**wrong, "status": "entered-in-error"}) == []


@pytest.mark.parametrize("rank", [3, 7])
def test_a_preference_is_first_or_second(rank: int) -> None:
    changed = {
        **example("Observation-ppd-1"),
        "extension": [{"url": structure_definition("preference-rank"), "valuePositiveInt": rank}],
    }
    assert found(changed) == [("value", "Observation.extension[0].value.ofType(positiveInt)")]


def test_an_escalation_plan_says_who_when_and_whether() -> None:
    plan = example("CarePlan-escalation")
    del plan["activity"][1]["detail"]["doNotPerform"]
    assert sorted(found(without(plan, "author", "created"))) == [
        ("required", "CarePlan.activity[1].detail.doNotPerform"),
        ("required", "CarePlan.author"),
        ("required", "CarePlan.created"),
    ]
    assert ("required", "CarePlan.activity") in found(without(plan, "activity", "extension"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("decision-basis", {"valueCode": "other"}),
        ("decision-basis", {"valueString": "adrt"}),
        ("conflicts-with", {"valueString": "Observation/a"}),
        ("replaces", {"valueReference": {"display": "the other"}}),
        ("no-such-extension", {"valueString": "x"}),
    ],
)
def test_our_extensions_have_the_values_they_are_defined_to_have(name: str, value: dict[str, Any]) -> None:
    issues = validate({**example("Observation-cpr"), "extension": [{"url": structure_definition(name), **value}]})
    assert issues
    assert {issue.expression[:24] for issue in issues} == {"Observation.extension[0]"}


def test_a_treatment_level_is_one_of_three() -> None:
    level = {"url": structure_definition("treatment-level"), "valueCodeableConcept": concept((EPACCS, "maximum"))}
    assert {code for code, _ in found({**example("CarePlan-escalation"), "extension": [level]})} == {"value"}


def test_an_extension_elsewhere_is_refused() -> None:
    key_safe = {"url": structure_definition("key-safe"), "valueString": "x"}
    assert found({**example("RelatedPerson-daughter"), "extension": [key_safe]}) == [
        ("structure", "RelatedPerson.extension[0]")
    ]


def test_an_extension_is_refused_in_the_depth_where_it_does_not_belong() -> None:
    condition = {"url": structure_definition("applies-when"), "valueString": "x"}
    plan = example("CarePlan-escalation")
    plan["activity"][0]["extension"] = [condition]
    assert found(plan) == [("structure", "CarePlan.activity[0].extension[0]")]
    primitive = {**example("CarePlan-escalation"), "_title": {"extension": [condition]}}
    assert found(primitive) == [("structure", "CarePlan.title.extension[0]")]


def test_none_of_our_extensions_modifies_what_it_stands_on() -> None:
    changed = {**example("Observation-ppd-1"), "modifierExtension": example("Observation-ppd-1")["extension"]}
    assert ("structure", "Observation.modifierExtension[0]") in found(changed)


def summary_with(name: str, *parts: dict[str, Any]) -> dict[str, Any]:
    standing = {"url": structure_definition(name), "extension": list(parts)}
    item = {"title": "Resuscitation", "entry": [{"reference": "Observation/a"}], "extension": [standing]}
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": concept((SNOMED, "861421000000109")),
        "date": "2026-11-23T09:00:00Z",
        "author": [{"display": "Shared palliative care record"}],
        "title": "Emergency summary",
        "section": [{"title": "Decisions", "section": [item]}],
    }


STATE = {"url": "state", "valueCode": "in-conflict"}
BY = {"url": "by", "valueReference": {"reference": "Observation/b"}}


@pytest.mark.parametrize("parts", [[STATE], [STATE, BY, BY], [BY, {"url": "order-issue", "valueCode": "tie"}, STATE]])
def test_an_extension_of_parts_is_accepted_with_its_parts_in_any_order(parts: list[dict[str, Any]]) -> None:
    assert found(summary_with("standing", *parts)) == []


@pytest.mark.parametrize(
    ("parts", "place"),
    [
        ([BY], ""),
        ([STATE, STATE], ""),
        ([STATE, {"url": "colour", "valueCode": "red"}], ".extension[1].url"),
        ([{**STATE, "valueCode": "settled"}], ".extension[0].value.ofType(code)"),
        ([{"url": "state", "valueString": "current"}], ".extension[0]"),
        ([STATE, {"url": "by", "valueReference": {"display": "the other"}}], ".extension[1].value.ofType(Reference)"),
    ],
)
def test_an_extension_of_parts_has_the_parts_it_is_defined_to_have(parts: list[dict[str, Any]], place: str) -> None:
    (issue,) = validate(summary_with("standing", *parts))
    whole = "Composition.section[0].section[0].extension[0]"
    assert issue.code == "value"
    assert issue.expression in (whole + place, f"{whole}.extension" if not place else "")
    assert "`state` (once) with `valueCode`, one of: current, superseded" in issue.text


def test_an_extension_of_parts_has_no_value_of_its_own() -> None:
    changed = summary_with("standing", STATE)
    changed["section"][0]["section"][0]["extension"][0] = {
        "url": structure_definition("standing"),
        "valueCode": "current",
    }
    assert {code for code, _ in found(changed)} == {"value"}


def test_who_agreed_to_sharing_for_a_person_is_one_of_three() -> None:
    def agreed(word: str) -> dict[str, Any]:
        return {**example("Consent-record"), "extension": [{"url": structure_definition("basis"), "valueCode": word}]}

    assert found(agreed("lpa-decision")) == []
    assert found(agreed("neighbour")) == [("value", "Consent.extension[0].value.ofType(code)")]


@pytest.mark.parametrize(
    ("name", "missing", "expression"),
    [
        ("Task-cpr-review", "focus", "Task.focus"),
        ("Task-cpr-review", "restriction", "Task.restriction.period.end"),
        ("MedicationRequest-anticipatory-1", "dosageInstruction", "MedicationRequest.dosageInstruction"),
        ("Consent-record", "dateTime", "Consent.dateTime"),
    ],
)
def test_other_profiles_have_what_they_need(name: str, missing: str, expression: str) -> None:
    assert found(without(example(name), missing)) == [("required", expression)]
