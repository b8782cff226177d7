"""What is refused, where it is told to be, and what is never said."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles import json
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, ODS_SYSTEM
from fhir_profiles.r4 import SUPPORTED_TYPES
from fhir_profiles.validation import MAX_ISSUES, Issue, parse, validate, within
from tests.fhir_profiles.places import EXAMPLES

CANARY = "Zebedee-Canary"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def observation(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **changes}


def patient(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **changes}


def found(resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(issue.code, issue.expression) for issue in validate(resource)]


ALLERGY = {"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/a"}}
CONDITION = {"resourceType": "Condition", "subject": {"reference": "Patient/a"}}
CONSENT = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"coding": [{"system": f"{TERMINOLOGY}/consentscope", "code": "adr"}]},
    "category": [{"text": "x"}],
    "patient": {"reference": "Patient/a"},
    "policyRule": {"text": "x"},
}
DISPENSE = {"resourceType": "MedicationDispense", "status": "completed", "medicationCodeableConcept": {"text": "x"}}
PLAN = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "subject": {"reference": "Patient/a"}}

BAD: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("no type", {"status": "final"}, [("required", "")]),
    ("unknown type", {"resourceType": CANARY}, [("not-supported", "")]),
    ("type not kept", {"resourceType": "Encounter"}, [("not-supported", "")]),
    ("type not a text", {"resourceType": 1}, [("not-supported", "")]),
    ("unknown element", observation(**{CANARY: 1}), [("structure", "Observation")]),
    ("element of another type", observation(birthDate="1941"), [("structure", "Observation.birthDate")]),
    ("unknown nested element", observation(code={"text": "x", CANARY: 1}), [("structure", "Observation.code")]),
    (
        "required code missing",
        {"resourceType": "Observation", "code": {"text": "x"}},
        [("required", "Observation.status")],
    ),
    (
        "required concept missing",
        {"resourceType": "Observation", "status": "final"},
        [("required", "Observation.code")],
    ),
    (
        "required deep primitive",
        patient(communication=[{"preferred": True}]),
        [("required", "Patient.communication[0].language")],
    ),
    (
        "required in component",
        observation(component=[{"code": {"text": "x"}}, {"valueString": "x"}]),
        [("required", "Observation.component[1].code")],
    ),
    ("required link", patient(link=[{"other": {"reference": "Patient/b"}}]), [("required", "Patient.link[0].type")]),
    ("wrong code", observation(status=CANARY), [("code-invalid", "Observation.status")]),
    ("wrong gender", patient(gender=CANARY), [("code-invalid", "Patient.gender")]),
    (
        "wrong nested code",
        patient(telecom=[{"system": CANARY, "value": "1"}]),
        [("code-invalid", "Patient.telecom[0].system")],
    ),
    (
        "wrong code of a concept",
        {**ALLERGY, "clinicalStatus": {"coding": [{"system": "urn:x", "code": CANARY}]}},
        [("code-invalid", "AllergyIntolerance.clinicalStatus.coding")],
    ),
    (
        "coded concept as text",
        {**CONDITION, "clinicalStatus": {"text": CANARY}},
        [("code-invalid", "Condition.clinicalStatus")],
    ),
    ("empty list", patient(name=[]), [("structure", "Patient.name")]),
    ("empty object", patient(name=[{}]), [("structure", "Patient.name[0]")]),
    ("null", patient(birthDate=None), [("structure", "Patient.birthDate")]),
    ("null in a list", patient(name=[{"given": ["a", None]}]), [("value", "Patient.name[0].given[1]")]),
    ("empty text", patient(name=[{"family": ""}]), [("value", "Patient.name[0].family")]),
    ("blank text", patient(name=[{"family": "  "}]), [("value", "Patient.name[0].family")]),
    ("control character", patient(name=[{"family": f"{CANARY}\x07"}]), [("value", "Patient.name[0].family")]),
    ("object for a text", patient(name=[{"family": {"a": CANARY}}]), [("structure", "Patient.name[0].family")]),
    ("text for a boolean", patient(active="true"), [("structure", "Patient.active")]),
    (
        "text for a number",
        observation(valueQuantity={"value": "1"}),
        [("structure", "Observation.value.ofType(Quantity).value")],
    ),
    (
        "fraction for an integer",
        patient(multipleBirthInteger=json.decode(b'{"a":1.5}')["a"]),
        [("value", "Patient.multipleBirth.ofType(integer)")],
    ),
    ("integer too large", observation(valueInteger=2**31), [("value", "Observation.value.ofType(integer)")]),
    ("list for one", patient(birthDate=["1941"]), [("structure", "Patient.birthDate")]),
    ("one for a list", patient(name={"family": "x"}), [("structure", "Patient.name")]),
    ("day that does not exist", patient(birthDate="1941-02-30"), [("value", "Patient.birthDate")]),
    ("leap day of a common year", patient(birthDate="1941-02-29"), [("value", "Patient.birthDate")]),
    (
        "time without zone",
        observation(effectiveDateTime="2026-10-02T10:30:00"),
        [("value", "Observation.effective.ofType(dateTime)")],
    ),
    ("id too long", patient(id="a" * 65), [("value", "Patient.id")]),
    ("id with a space", patient(id=f"{CANARY} x"), [("value", "Patient.id")]),
    ("bad base64", patient(photo=[{"contentType": "image/png", "data": "???"}]), [("value", "Patient.photo[0].data")]),
    ("two values", observation(valueString="x", valueBoolean=True), [("structure", "Observation")]),
    (
        "extension without value",
        patient(extension=[{"url": "https://example.org/x"}]),
        [("invariant", "Patient.extension[0]")],
    ),
    (
        "extension with value and extensions",
        patient(
            extension=[
                {"url": "https://example.org/x", "valueString": "x", "extension": [{"url": "y", "valueString": "x"}]}
            ]
        ),
        [("invariant", "Patient.extension[0]")],
    ),
    ("extension without url", patient(extension=[{"valueString": CANARY}]), [("required", "Patient.extension[0].url")]),
    ("element that is an id alone", observation(code={"id": "a"}), [("invariant", "Observation.code")]),
    (
        "wrong target",
        observation(subject={"reference": f"Practitioner/{CANARY}"}),
        [("value", "Observation.subject.reference")],
    ),
    ("wrong target type", observation(subject={"type": CANARY}), [("value", "Observation.subject.type")]),
    (
        "reference of no form",
        observation(focus=[{"reference": f"{CANARY} x"}]),
        [("value", "Observation.focus[0].reference")],
    ),
    (
        "local reference to nothing",
        observation(subject={"reference": f"#{CANARY}"}),
        [("invariant", "Observation.subject.reference")],
    ),
    (
        "contained and not used",
        observation(contained=[{"resourceType": "Patient", "id": "a"}]),
        [("invariant", "Observation.contained[0]")],
    ),
    (
        "contained of no kept type",
        observation(contained=[{"resourceType": CANARY, "id": "a"}], subject={"reference": "#a"}),
        [("not-supported", "Observation.contained[0].resourceType")],
    ),
    (
        "contained in contained",
        observation(
            subject={"reference": "#a"},
            contained=[{"resourceType": "Patient", "id": "a", "contained": [{"resourceType": "Patient", "id": "b"}]}],
        ),
        [("invariant", "Observation.contained[0]")],
    ),
    (
        "contained with a version",
        observation(
            subject={"reference": "#a"}, contained=[{"resourceType": "Patient", "id": "a", "meta": {"versionId": "1"}}]
        ),
        [("invariant", "Observation.contained[0].meta.versionId")],
    ),
    (
        "wrong inside contained",
        observation(subject={"reference": "#a"}, contained=[{"resourceType": "Patient", "id": "a", "gender": CANARY}]),
        [("code-invalid", "Observation.contained[0].gender")],
    ),
    (
        "script in the narrative",
        patient(text={"status": "generated", "div": f"<div {XHTML}><script>{CANARY}</script></div>"}),
        [("value", "Patient.text.div")],
    ),
    (
        "bad NHS number",
        patient(identifier=[{"system": NHS_NUMBER_SYSTEM, "value": "9990000019"}]),
        [("value", "Patient.identifier[0].value")],
    ),
    (
        "NHS number with spaces",
        patient(identifier=[{"system": NHS_NUMBER_SYSTEM, "value": "999 000 0018"}]),
        [("value", "Patient.identifier[0].value")],
    ),
    (
        "bad NHS number in a reference",
        observation(subject={"identifier": {"system": NHS_NUMBER_SYSTEM, "value": CANARY}}),
        [("value", "Observation.subject.identifier.value")],
    ),
    (
        "bad ODS code",
        patient(generalPractitioner=[{"identifier": {"system": ODS_SYSTEM, "value": "zz-1"}}]),
        [("value", "Patient.generalPractitioner[0].identifier.value")],
    ),
    (
        "two NHS numbers",
        patient(identifier=[{"system": NHS_NUMBER_SYSTEM, "value": number} for number in ("9990000018", "9990000026")]),
        [("business-rule", "Patient.identifier")],
    ),
    ("obs-6", observation(valueString="x", dataAbsentReason={"text": "x"}), [("invariant", "Observation")]),
    (
        "obs-7",
        observation(
            code={"coding": [{"system": "urn:x", "code": "1"}]},
            valueString="x",
            component=[{"code": {"coding": [{"system": "urn:x", "code": "1"}]}, "valueString": "y"}],
        ),
        [("invariant", "Observation.component[0].code")],
    ),
    ("obs-3", observation(referenceRange=[{"type": {"text": "x"}}]), [("invariant", "Observation.referenceRange[0]")]),
    ("pat-1", patient(contact=[{"gender": "male"}]), [("invariant", "Patient.contact[0]")]),
    ("ait-1", ALLERGY, [("invariant", "AllergyIntolerance.clinicalStatus")]),
    (
        "ait-2",
        {
            **ALLERGY,
            "clinicalStatus": {"coding": [{"system": f"{TERMINOLOGY}/allergyintolerance-clinical", "code": "active"}]},
            "verificationStatus": {
                "coding": [{"system": f"{TERMINOLOGY}/allergyintolerance-verification", "code": "entered-in-error"}]
            },
        },
        [("invariant", "AllergyIntolerance.clinicalStatus")],
    ),
    ("con-4", {**CONDITION, "abatementDateTime": "2026"}, [("invariant", "Condition.clinicalStatus")]),
    ("con-1", {**CONDITION, "stage": [{"type": {"text": "x"}}]}, [("invariant", "Condition.stage[0]")]),
    (
        "cpl-3",
        {**PLAN, "activity": [{"detail": {"status": "unknown"}, "reference": {"reference": "Task/a"}}]},
        [("invariant", "CarePlan.activity[0]")],
    ),
    ("ppc-1", {key: value for key, value in CONSENT.items() if key != "policyRule"}, [("invariant", "Consent")]),
    ("ppc-4", {key: value for key, value in CONSENT.items() if key != "patient"}, [("required", "Consent.patient")]),
    (
        "mdd-1",
        {**DISPENSE, "whenPrepared": "2026-10-03", "whenHandedOver": "2026-10-02"},
        [("invariant", "MedicationDispense.whenHandedOver")],
    ),
    (
        "medication missing",
        {"resourceType": "MedicationDispense", "status": "completed"},
        [("required", "MedicationDispense.medication")],
    ),
    (
        "per-1",
        patient(name=[{"family": "x", "period": {"start": "2026-10-02", "end": "2026-09"}}]),
        [("invariant", "Patient.name[0].period")],
    ),
    ("cpt-2", patient(telecom=[{"value": "1"}]), [("invariant", "Patient.telecom[0]")]),
    ("att-1", patient(photo=[{"data": "AAAA"}]), [("invariant", "Patient.photo[0]")]),
    (
        "qty-3",
        observation(valueQuantity={"value": 1, "code": "mg"}),
        [("invariant", "Observation.value.ofType(Quantity)")],
    ),
    ("org-1", {"resourceType": "Organization", "active": True}, [("invariant", "Organization")]),
    (
        "org-3",
        {"resourceType": "Organization", "name": "x", "telecom": [{"use": "home"}]},
        [("invariant", "Organization.telecom[0]")],
    ),
]


@pytest.mark.parametrize(("resource", "problems"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input_is_refused_where_it_is_bad(resource: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    before = copy.deepcopy(resource)
    assert sorted(found(resource)) == sorted(problems)
    assert resource == before


@pytest.mark.parametrize("resource", [case[1] for case in BAD], ids=[case[0] for case in BAD])
def test_what_was_sent_is_never_repeated(resource: dict[str, Any]) -> None:
    for issue in validate(resource):
        assert CANARY not in f"{issue}"
        assert issue.severity == "error"
        assert issue.text.endswith((".", "?"))


def test_every_problem_is_told_at_once() -> None:
    resource = {
        "resourceType": "Observation",
        "id": "a b",
        "status": "banana",
        "component": [{"valueString": ""}],
        "subject": {"x": 1},
    }
    assert {expression for _, expression in found(resource)} == {
        "Observation.id",
        "Observation.status",
        "Observation.code",
        "Observation.component[0].code",
        "Observation.component[0].value.ofType(string)",
        "Observation.subject",
    }


def test_an_unknown_name_is_told_by_its_place_with_a_hint() -> None:
    (issue,) = validate(observation(statuss="final"))
    assert issue.text == "Name 4 of this object is not an element of FHIR R4. Did you mean `status`?"


def test_a_wrong_code_is_answered_with_the_right_ones() -> None:
    (issue,) = validate(patient(gender="x"))
    assert issue.text == "Must be one of: male, female, other, unknown."


def test_extensions_stand_in_for_required_primitives() -> None:
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    assert validate({"resourceType": "Observation", "_status": absent, "code": {"text": "x"}}) == []
    assert validate(patient(name=[{"given": [None, "x"], "_given": [absent, None]}])) == []


def test_the_list_of_problems_is_bounded() -> None:
    issues = validate(patient(name=[{"use": CANARY} for _ in range(3 * MAX_ISSUES)]))
    assert len(issues) <= MAX_ISSUES + 1


def test_issues_of_a_part_are_told_of_the_whole() -> None:
    issues = [Issue("error", "value", "Observation.component[1].code", "x."), Issue("error", "required", "", "x.")]
    assert [issue.expression for issue in within(issues, "Bundle.entry[7].resource")] == [
        "Bundle.entry[7].resource.component[1].code",
        "Bundle.entry[7].resource",
    ]


def test_parse_gives_the_resource_or_the_problems() -> None:
    assert parse(b'{"resourceType":"Patient","active":true}') == patient(active=True)
    assert parse(b'{"resourceType":"Patient","gender":"x"}') == validate(patient(gender="x"))
    (issue,) = parse(b'{"a":1,"a":2}')
    assert isinstance(issue, Issue)
    assert issue.code == "structure"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in parts for place in places(part, (*path, key)))]


RESOURCES = [json.decode(path.read_bytes()) for path in sorted(EXAMPLES.glob("*.json"))]
ODDITIES = st.sampled_from(
    [
        None,
        [],
        {},
        "",
        CANARY,
        f"#{CANARY}",
        0,
        -1,
        True,
        [None],
        [CANARY],
        {CANARY: CANARY},
        [[CANARY]],
        {"resourceType": CANARY},
        {"coding": CANARY},
        {"reference": [CANARY]},
        10**40,
    ]
)


@given(st.sampled_from(RESOURCES), st.randoms(use_true_random=False), ODDITIES, st.integers(1, 3))
def test_no_resource_is_too_odd_and_none_is_echoed(
    resource: dict[str, Any], random: Any, oddity: Any, times: int
) -> None:
    changed = copy.deepcopy(resource)
    for _ in range(times):
        *path, last = random.choice([place for place in places(changed) if place and place != ("resourceType",)])
        target = changed
        for step in path:
            target = target[step]
        target[last] = copy.deepcopy(oddity)
    for issue in validate(changed):
        assert CANARY not in f"{issue}"


@given(st.sampled_from(SUPPORTED_TYPES), st.dictionaries(st.text(max_size=8), ODDITIES, max_size=5))
def test_no_names_are_too_odd(kind: str, content: dict[str, Any]) -> None:
    for issue in validate({**content, "resourceType": kind}):
        assert CANARY not in f"{issue}"
