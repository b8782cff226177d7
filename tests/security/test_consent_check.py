"""What a sharing Consent must not say when it is written."""

from __future__ import annotations

import pytest

from security.consent_check import check_sharing_consent
from tests.security.sharing import ACT_CODE, IRCP, PATIENT, SNOMED, consent, organisation_of, provision

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
