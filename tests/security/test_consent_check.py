"""What a sharing Consent must not say when it is written."""

from __future__ import annotations

import pytest
from hypothesis import assume, given

from security import cells
from security.consent_check import check_sharing_consent
from security.consent_contradictions import problems_beside
from security.consent_match import standing
from tests.security.sharing import (
    ACT_CODE,
    IRCP,
    NOW,
    PATIENT,
    SNOMED,
    compiled,
    consent,
    organisation_of,
    provision,
    replaces,
)
from tests.security.test_consent_properties import requests, trees

GROUP = ("cpr_decision", "treatment_escalation", "adrt", "lpa_health_welfare", "decision_context")


def problems(given, **options):
    return check_sharing_consent(given, PATIENT, organisation_of, **options)


@pytest.mark.parametrize(
    "root",
    [
        provision("permit"),
        provision("deny"),
        provision("permit", provision("deny", tiers=("T1",), org="ZZ1")),
        provision("permit", provision("deny", sections=GROUP)),
        provision("permit", provision("deny", sections=("mental_health",), role="care_home", end="2027-01-01")),
        provision("deny", provision("permit", org="ZZ1"), provision("permit", person="u1")),
    ],
)
def test_a_clear_consent_is_accepted(root):
    assert problems(consent(root)) == []


@pytest.mark.parametrize(
    "root",
    [
        provision("permit", provision("deny", sections=("cpr_decision",))),
        provision("permit", provision("deny", sections=("adrt", "allergies"))),
        provision("permit", sections=("cpr_decision", "allergies")),
        provision("deny", provision("permit", org="ZZ1", sections=GROUP[:4])),
    ],
)
def test_splitting_the_decision_group_is_refused(root):
    assert any("decision group" in problem for problem in problems(consent(root)))


def test_an_inactive_consent_without_successor_is_told_how_to_withdraw_or_permit():
    (problem,) = problems(consent(provision("permit"), status="inactive"))
    assert "deny" in problem
    assert "permit" in problem
    assert problems(consent(provision("permit"), status="inactive"), has_active_successor=True) == []


@pytest.mark.parametrize("patient", [None, {}, {"reference": "Patient/p2"}, {"display": "somebody"}])
def test_a_consent_must_name_this_person(patient):
    assert problems(consent(provision("permit"), patient=patient))


def test_consents_about_other_things_have_no_problems_here():
    other = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "adr"}]}
    assert problems(consent(None, scope=other, status="inactive")) == []


@pytest.mark.parametrize(
    ("root", "extra"),
    [
        (provision("permit"), {"category": [{"coding": [{"system": SNOMED, "code": "882941000000102"}]}]}),
        (provision("deny"), {"policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTIN"}]}}),
        (provision("permit"), {"policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTOUT"}]}}),
        (provision("permit", provision("permit", org="ZZ1"), provision("deny", org="ZZ1")), {}),
        (provision("permit", start="2026-02-01", end="2026-01-01"), {}),
        (None, {}),
    ],
)
def test_a_consent_that_contradicts_itself_or_says_nothing_is_refused(root, extra):
    assert problems(consent(root, **extra))


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("modifierExtension", [{"url": "urn:x"}]),
        ("actor", [{"role": IRCP, "reference": {"reference": "Group/1"}}]),
        ("actor", [{"role": IRCP}]),
        ("code", [{"coding": [{"system": "urn:x", "code": "allergies"}]}]),
        ("securityLabel", [{"system": "urn:x", "code": "R"}]),
        ("purpose", [{"system": "urn:x", "code": "TREAT"}]),
        ("action", [{"text": "reading"}]),
        ("period", {"start": "soon"}),
    ],
)
@pytest.mark.parametrize("kind", ["permit", "deny"])
def test_what_would_not_be_understood_is_refused_where_it_stands(element, value, kind):
    assert any(
        problem.startswith("Consent.provision") for problem in problems(consent(provision(kind, **{element: value})))
    )
    nested = consent(provision("permit", provision(kind, **{element: value})))
    assert any(problem.startswith("Consent.provision.provision[0]") for problem in problems(nested))


def test_a_nested_provision_needs_a_type():
    assert problems(consent(provision("permit", provision(None, org="ZZ1"))))


def test_every_problem_is_told_at_once_and_without_what_was_written():
    root = provision(
        "permit", provision("deny", sections=("adrt",), period={"start": "SECRETWORD"}), start="SECRETWORD"
    )
    found = problems(consent(root))
    assert len(found) == 3
    assert "SECRETWORD" not in " ".join(found)


def of(path, *words):
    """Return a test of a problem: it stands at a path and speaks of these things."""
    return lambda problem: problem.startswith(path) and all(word in problem for word in words)


CHILD = "Consent.provision.provision[0]"


@pytest.mark.parametrize(
    ("root", "told"),
    [
        (provision("permit", provision("deny")), of(CHILD, "contradict")),
        (provision("permit", provision("deny", org="ZZ1"), org="ZZ1"), of(CHILD, "contradict")),
        (provision("deny", provision("permit", purposes=("TREAT",)), purposes=("TREAT",)), of(CHILD, "contradict")),
        (
            provision("permit", provision("permit", sections=("diagnoses",)), sections=("allergies",)),
            of(CHILD, "nothing"),
        ),
        (provision("permit", provision("deny", org="ZZ1"), org="ZZ2"), of(CHILD, "nobody")),
        (provision("permit", provision("deny", role="gp"), role="hospital"), of(CHILD, "nobody")),
        (provision("permit", provision("deny", purposes=("PATRQT",)), purposes=("TREAT",)), of(CHILD, "purposes")),
        (
            provision("permit", provision("deny", org="ZZ1"), provision("permit", org="ZZ1", tiers=("T2",))),
            of("Consent.provision.provision[1]", "provision[0]", "refuses"),
        ),
        (
            provision("deny", provision("permit", org="ZZ1"), provision("deny")),
            of(CHILD, "provision[1]", "refuses"),
        ),
    ],
)
def test_a_provision_that_can_never_decide_is_refused_and_named(root, told):
    assert any(told(problem) for problem in problems(consent(root)))


@pytest.mark.parametrize(
    ("outer", "inner", "fits"),
    [
        ({"start": "2026-01-01", "end": "2026-12-31"}, {"start": "2026-02-01", "end": "2026-03-01"}, True),
        ({"start": "2026-01-01", "end": "2026-12-31"}, {"start": "2026-01-01", "end": "2026-12-31"}, True),
        ({"start": "2026-01-01"}, {"end": "2026-12-31"}, True),
        ({"end": "2026-12-31"}, {"end": "2027-01-01"}, False),
        ({"start": "2026-01-01"}, {"start": "2025-12-31"}, False),
        ({"start": "2026-01-01"}, {"end": "2025-12-31"}, False),
        ({"end": "2026-12-31"}, {"start": "2027-01-01"}, False),
    ],
)
def test_the_period_of_an_exception_lies_in_that_of_its_rule(outer, inner, fits):
    for root in (
        provision("permit", provision("deny", org="ZZ1", **inner), **outer),
        provision("permit", provision("deny", provision("permit", person="u1", **inner), org="ZZ1", **outer)),
        provision("permit", provision("deny", provision("permit", person="u1", **inner), org="ZZ1"), **outer),
    ):
        assert any("period that reaches outside" in problem for problem in problems(consent(root))) is not fits


@pytest.mark.parametrize(
    "root",
    [
        provision("permit", provision("deny", person="u1"), org="ZZ1"),
        provision("permit", provision("deny", provision("permit", person="u1"), org="ZZ1")),
        provision("deny", provision("permit", purposes=("ETREAT",)), purposes=("TREAT", "ETREAT")),
        provision("permit", provision("deny", org="ZZ1", tiers=("T2",)), provision("permit", org="ZZ1")),
        provision("permit", provision("deny", org="ZZ1", start="2026-01-01"), provision("permit", org="ZZ1")),
    ],
)
def test_an_exception_that_narrows_its_rule_is_accepted(root):
    assert problems(consent(root)) == []


def test_one_code_that_is_not_known_among_others_is_refused():
    known = provision("permit", sections=("allergies",))
    for other in ({"coding": [{"system": "urn:x", "code": "y"}]}, {"text": "everything else"}):
        assert problems(consent(known | {"code": [*known["code"], other]}))
    translated = {"coding": [*known["code"][0]["coding"], {"system": "urn:x", "code": "y"}]}
    assert problems(consent(known | {"code": [translated]})) == []


@pytest.mark.parametrize("role", [None, {"text": "recipient"}, {"coding": [{"system": "urn:x", "code": "IRCP"}]}])
@pytest.mark.parametrize("kind", ["permit", "deny"])
def test_in_what_part_somebody_is_named_must_be_understood(kind, role):
    actor = {"reference": {"reference": "Organization/ZZ1"}} | ({} if role is None else {"role": role})
    assert any(".actor.role" in problem for problem in problems(consent(provision(kind, actor=[actor]))))


def test_a_provision_that_names_no_recipient_is_refused():
    grantor = {"coding": [{"system": IRCP["coding"][0]["system"], "code": "GRANTOR"}]}
    actor = {"role": grantor, "reference": {"reference": "Organization/ZZ1"}}
    assert any("no recipient" in problem for problem in problems(consent(provision("permit", actor=[actor]))))
    both = [actor, *provision("permit", org="ZZ1")["actor"]]
    assert problems(consent(provision("permit", actor=both))) == []


IDENTIFIED = {"identifier": [{"system": "urn:x", "value": "1"}]}


@pytest.mark.parametrize(
    ("mine", "theirs", "count"),
    [
        ({"dateTime": "2026-01-01"}, {"dateTime": "2026-01-01"}, 1),
        ({}, {}, 1),
        ({"dateTime": "2026-01-01"}, {"dateTime": "2026-01-02"}, 0),
        ({"dateTime": "2026-01-01", "extension": replaces("c1")}, {"dateTime": "2026-01-01"}, 0),
        ({"dateTime": "2026-01-01"}, {"dateTime": "2026-01-01", "extension": replaces("c2")}, 0),
        ({"dateTime": "2026-01-01"}, {"dateTime": "2026-01-01", "identifier": [{"value": "2"}]}, 0),
        ({"extension": replaces("c1")}, {"extension": replaces("c2")}, 1),
    ],
)
def test_two_of_one_identifier_and_date_or_that_replace_each_other_are_refused(mine, theirs, count):
    one = consent(provision("permit"), **(IDENTIFIED | theirs))
    two = consent(provision("permit"), id="c2", **(IDENTIFIED | mine))
    assert len(problems_beside(two, [one])) == count


@given(requests(), trees)
def test_what_is_accepted_never_splits_the_decision_group(request, root):
    assume(not problems(consent(root)))
    opened = standing(compiled(consent(root)), request, NOW, cells.NONE).permitted & cells.DECISION_GROUP_OWN
    assert opened in (cells.NONE, cells.DECISION_GROUP_OWN)
