"""Roles that a policy adds: by configuration alone, never clinical, and only what a Consent names for them (rule 3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fhir_profiles.sections import DECISION_GROUP, Section, Tier
from security.access_policy import BASE_POLICY, AccessPolicy, parse
from security.access_request import AccessRequest, BreakGlass, Life, RecordFacts, Relationship
from security.consent import admit, decide
from security.decision import Decision, explain
from security.errors import InvalidPolicy
from security.principal import Purpose
from tests.security.sharing import GLASS, NOW, OPEN_GATES, compiled, consent, provision

CARD = frozenset({Section.DEMOGRAPHICS, Section.ALLERGIES, Section.EMERGENCY_CONTACTS}) | DECISION_GROUP


def document() -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(BASE_POLICY.read_bytes())
    return read


def with_role(word: str, row: str, **said: Any) -> AccessPolicy:
    """Return the shipped policy with one more role, as a policy file adds it."""
    added = document()
    added["added_roles"][word] = {"meaning": "for a test", "relationship": "organisation", **said}
    added["matrix"][word] = dict(zip((tier.name for tier in Tier), row.split(), strict=True))
    added["allowed"][word] = ["TREAT"]
    return parse(msgspec.json.encode(added))


def asked(role: str, policy: AccessPolicy, *provisions: dict[str, Any], **said: Any) -> Decision:
    """Decide for a caller of ZZSCH1 in a role, under one Consent with these exceptions to a permission for ZZGP01."""
    request = AccessRequest(
        role=role,
        organisation="ZZSCH1",
        purpose=Purpose.TREAT,
        user="u1",
        relationship=Relationship.ESTABLISHED,
        break_glass=said.pop("break_glass", None),
        id="",
    )
    consents = compiled(consent(provision("permit", provision("permit", org="ZZGP01"), *provisions)))
    facts = RecordFacts(consents=consents, **said)
    return admit(request, policy) or decide(request, facts, policy, NOW)


def opened(decision: Decision) -> frozenset[Section]:
    return frozenset(
        section
        for section in Section
        if decision.decision_group_open or section not in DECISION_GROUP
        if any(decision.opens(section, tier) for tier in Tier)
    )


def test_a_role_is_added_by_the_policy_alone():
    policy = with_role("chaplain", "P X X P X X X X X", only=["demographics", "spiritual"])
    assert opened(asked("chaplain", policy)) == {Section.DEMOGRAPHICS, Section.SPIRITUAL}
    assert asked("chaplain", OPEN_GATES).status == 403


@pytest.mark.parametrize(
    ("role", "named", "expected"),
    [
        (
            "education",
            ["allergies", "emergency_contacts"],
            {Section.DEMOGRAPHICS, Section.ALLERGIES, Section.EMERGENCY_CONTACTS},
        ),
        ("education", [section.value for section in CARD], CARD),
        ("education", ["diagnoses", "what_matters"], {Section.DEMOGRAPHICS}),
        (
            "support",
            ["what_matters", "diagnoses", "anticipatory_medicines"],
            {Section.DEMOGRAPHICS, Section.WHAT_MATTERS},
        ),
        ("bereavement", ["emergency_contacts", "demographics"], {Section.EMERGENCY_CONTACTS}),
    ],
)
def test_only_what_a_consent_names_for_it_opens(role, named, expected):
    by_name = provision("permit", org="ZZSCH1", sections=("demographics", *named))
    assert opened(asked(role, OPEN_GATES, by_name)) == expected


def test_a_permission_for_everybody_names_nobody():
    for_all = provision("permit", sections=("allergies", "demographics"))
    assert opened(asked("education", OPEN_GATES, for_all)) == {Section.DEMOGRAPHICS}


def test_a_part_of_the_decision_group_opens_none_of_it():
    by_name = provision("permit", org="ZZSCH1", sections=("demographics", "allergies", "cpr_decision"))
    decision = asked("education", OPEN_GATES, by_name)
    assert not decision.decision_group_open
    assert decision.opens(Section.ALLERGIES, Tier.T1)


def test_a_denial_takes_away_what_was_named():
    by_name = provision("permit", org="ZZSCH1", sections=("demographics", "allergies", "emergency_contacts"))
    closed = provision("deny", sections=("allergies",))
    assert Section.ALLERGIES not in opened(asked("education", OPEN_GATES, by_name, closed))


def test_a_bereavement_service_has_the_contact_after_the_death():
    by_name = provision("permit", org="ZZSCH1", sections=("emergency_contacts",))
    decision = asked("bereavement", OPEN_GATES, by_name, life=Life.FORMAL_DEATH, days_since_death=3)
    assert opened(decision) == {Section.EMERGENCY_CONTACTS}


@pytest.mark.parametrize("role", ["coordination", "support", "education", "bereavement"])
def test_none_of_them_breaks_glass(role):
    assert asked(role, OPEN_GATES, break_glass=GLASS).status == 403


@pytest.mark.parametrize("role", ["coordination", "support", "education", "bereavement"])
def test_none_of_them_asks_for_emergencies(role):
    request = AccessRequest(role=role, organisation="ZZSCH1", purpose=Purpose.ETREAT, user="u1", id="")
    refused = admit(request, OPEN_GATES)
    assert refused is not None
    assert refused.status == 403


def test_it_is_explained_that_the_name_is_missing():
    told = explain(asked("education", OPEN_GATES, provision("permit", sections=("demographics",))), OPEN_GATES)
    assert "by name" in told[Section.ALLERGIES].reason
    assert "never" in told[Section.DIAGNOSES].reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"matrix": {"porter": "P"}}, "porter is not a role"),
        ({"allowed": {"porter": ["TREAT"]}}, "porter is not a role"),
        ({"added_roles": {"gp": {"meaning": "x", "relationship": "named"}}}, "gp is a role already"),
        ({"added_roles": {"Big Role": {"meaning": "x", "relationship": "named"}}}, "small letters"),
        ({"added_roles": {"porter": {"meaning": "x", "relationship": "named"}}}, "no row in the matrix"),
        ({"added_roles": {"porter": {"meaning": "x", "relationship": "friend"}}}, "friend"),
        ({"locality": {"serving": {"porter": ["ZZ1"]}}}, "porter is not a role"),
    ],
)
def test_a_policy_with_a_role_that_cannot_be_is_refused(change, says):
    changed = document()
    for table, words in change.items():
        for word, value in words.items():
            row = dict.fromkeys((tier.name for tier in Tier), value) if table == "matrix" else value
            changed[table][word] = row
    with pytest.raises(InvalidPolicy) as refused:
        parse(msgspec.json.encode(changed))
    assert says in str(refused.value)


def test_an_added_role_cannot_be_given_what_opens_in_emergencies():
    with pytest.raises(InvalidPolicy, match="cannot break glass"):
        with_role("porter", "P B X X X X X X X")


def test_what_is_asked_with_broken_glass_is_not_more_for_an_added_role():
    request = BreakGlass(GLASS.basis, GLASS.reason, echo_matches=True)
    assert asked("coordination", OPEN_GATES, break_glass=request).open_cells == 0
