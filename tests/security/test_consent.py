"""The sharing decision as tables: the matrix, and the steps of rule 2 in their order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fhir_profiles.sections import TIER, Section, Tier
from security.access_policy import BASE_POLICY, parse
from security.access_request import Basis
from security.consent import (
    BreakGlass,
    ConsentState,
    Life,
    Obligation,
    RecordFacts,
    Relationship,
    SFlag,
    admit,
    decide,
    enforceable,
    explain,
    withheld_cells,
)
from security.principal import CLINICAL_ROLES, Purpose, Role
from security.proxies import ProxyAuthority, ProxyKind
from tests.security.sharing import (
    GLASS,
    NOW,
    OPEN_GATES,
    SHUT_GATES,
    compiled,
    consent,
    decision,
    policy,
    provision,
    request,
)
from tests.security.test_access_policy import MATRIX

ROWS = {Role(line.split()[0]): line.split()[1:] for line in MATRIX.splitlines() if line}
SERVED = [ConsentState.IMPLIED, ConsentState.NOT_RECORDED, ConsentState.EXPLICIT, ConsentState.BEST_INTERESTS]
POSITIVE = {ConsentState.EXPLICIT, ConsentState.BEST_INTERESTS}
PROFESSIONAL = [role for role in ROWS if role not in (Role.PATIENT, Role.PROXY)]


def open_tiers(decided) -> set[Tier]:
    return {tier for tier in Tier if decided.open_tiers >> tier & 1}


@pytest.mark.parametrize("state", ConsentState)
@pytest.mark.parametrize("role", ROWS)
def test_the_matrix_without_break_glass(role, state):
    decided = decision(state, role)
    if state not in SERVED and role not in (Role.PATIENT, Role.PROXY):
        assert (decided.permitted, decided.status, decided.rule) == (False, 404, "2.8")
        assert not decided.open_cells
        return
    assert decided.permitted
    expected = {tier for tier in Tier if ROWS[role][tier] == "P" or (ROWS[role][tier] == "E" and state in POSITIVE)}
    assert open_tiers(decided) == expected
    for section in Section:
        for tier in Tier:
            assert decided.opens(section, tier) == ({TIER[section], tier} <= expected)


@pytest.mark.parametrize("state", ConsentState)
@pytest.mark.parametrize("role", ROWS)
def test_the_matrix_with_break_glass(role, state):
    decided = decision(state, role, break_glass=GLASS)
    if role not in CLINICAL_ROLES:
        assert (decided.status, decided.rule) == (403, "2.3")
    elif state is ConsentState.DISSENT_ABSOLUTE:
        assert (decided.status, decided.rule) == (404, "2.8")
    else:
        assert open_tiers(decided) == {tier for tier in Tier if ROWS[role][tier] in "PEB"} - {Tier.T7}
        assert (Obligation.DISSENT_OVERRIDDEN in decided.obligations) == (state is ConsentState.DISSENT)


def test_the_holder_reads_in_spite_of_dissent():
    decided = decision(ConsentState.DISSENT, Role.GP, facts={"owner_org": True})
    assert decided.permitted
    assert decided.consent_state is ConsentState.DISSENT


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"role": Role.PRIVACY_OFFICER}, "2.2"),
        ({"role": Role.RESEARCHER}, "2.2"),
        ({"purpose": None}, "2.2"),
        ({"purpose": Purpose.PATRQT}, "2.2"),
        ({"role": Role.CARE_HOME, "purpose": Purpose.ETREAT}, "2.2"),
        ({"role": Role.CARE_HOME, "break_glass": GLASS}, "2.3"),
        ({"role": Role.SYSTEM, "break_glass": GLASS}, "2.3"),
        ({"user": None, "break_glass": GLASS}, "2.3"),
        ({"assurance": 1, "break_glass": GLASS}, "2.3"),
        ({"relationship": Relationship.NONE, "break_glass": GLASS}, "2.3"),
        ({"break_glass": BreakGlass(Basis.UNABLE_TO_ASK, "   too short  ", echo_matches=True)}, "2.3"),
        ({"break_glass": BreakGlass(None, "he refuses but I want to", echo_matches=True)}, "2.3"),
        ({"break_glass": BreakGlass(Basis.PUBLIC_INTEREST, "a threat to others", echo_matches=True)}, "2.3"),
        ({"relationship": Relationship.SELF_CLAIMED}, "2.4"),
        ({"relationship": Relationship.SELF_CLAIMED, "self_claim_reason": "  "}, "2.4"),
    ],
)
def test_refusals_before_the_look_up_are_403(given, rule):
    asked = request(**given)
    refused = admit(asked, OPEN_GATES)
    assert refused is not None
    assert (refused.status, refused.rule, refused.open_cells) == (403, rule, 0)
    assert (Obligation.NOTIFY_PRIVACY_OFFICER in refused.obligations) == (asked.break_glass is not None)


@pytest.mark.parametrize(
    ("facts", "given", "rule"),
    [
        ({}, {"relationship": Relationship.NONE}, "2.5"),
        ({}, {"relationship": None}, "2.5"),
        ({}, {"role": Role.CARE_HOME, "relationship": Relationship.SELF_CLAIMED}, "2.5"),
        ({}, {"break_glass": msgspec.structs.replace(GLASS, echo_matches=False)}, "2.3"),
        ({}, {"break_glass": msgspec.structs.replace(GLASS, echo_matches=None)}, "2.3"),
        ({"frozen": True}, {}, "2.5a"),
        ({"frozen": True}, {"role": Role.PATIENT}, "2.5a"),
        ({"frozen": True}, {"by_incident": True, "incident": "CAD-1"}, "2.5a"),
        ({"frozen": True, "sflag": SFlag.VERY_RESTRICTED, "owner_org": True}, {}, "2.6"),
        ({"frozen": True, "life": Life.FORMAL_DEATH}, {"break_glass": GLASS}, "2.7"),
        ({"sflag": SFlag.VERY_RESTRICTED}, {}, "2.6"),
        ({"sflag": SFlag.VERY_RESTRICTED}, {"role": Role.PATIENT}, "2.6"),
        ({"sflag": SFlag.VERY_RESTRICTED}, {"break_glass": GLASS}, "2.6"),
        (
            {"sflag": SFlag.RESTRICTED},
            {"relationship": Relationship.SELF_CLAIMED, "self_claim_reason": "at door"},
            "2.6",
        ),
        ({"life": Life.FORMAL_DEATH, "days_since_death": 1}, {"break_glass": GLASS}, "2.7"),
        ({"life": Life.FORMAL_DEATH, "days_since_death": 0}, {"role": Role.PATIENT}, "2.7"),
        ({"life": Life.FORMAL_DEATH, "days_since_death": 0}, {"role": Role.PROXY}, "2.7"),
        ({"life": Life.FORMAL_DEATH, "days_since_death": 29}, {}, "2.7"),
        ({"life": Life.FORMAL_DEATH, "days_since_death": None}, {}, "2.7"),
        ({"life": Life.FORMAL_DEATH, "days_since_death": 29}, {"role": Role.GP}, "2.7"),
        ({"life": Life.FORMAL_DEATH, "days_since_death": 29, "owner_org": True}, {"role": Role.HOSPICE}, "2.7"),
        ({"withheld": withheld_cells(frozenset(Tier))}, {}, "5.1"),
    ],
)
def test_refusals_after_the_look_up_answer_as_an_absent_record(facts, given, rule):
    decided = decision(facts=facts, **given)
    absent = decide(request(**given), None, OPEN_GATES, NOW)
    assert (decided.status, decided.rule) == (404, rule)
    assert (absent.status, absent.obligations) == (404, decided.obligations)


@pytest.mark.parametrize(
    ("facts", "given"),
    [
        ({"life": Life.FORMAL_DEATH, "days_since_death": 28}, {}),
        ({"life": Life.FORMAL_DEATH, "days_since_death": 400, "owner_org": True}, {"role": Role.GP}),
        (
            {"sflag": SFlag.RESTRICTED},
            {"relationship": Relationship.SELF_CLAIMED, "self_claim_reason": "x", "break_glass": GLASS},
        ),
        ({"sflag": SFlag.RESTRICTED}, {}),
        ({"frozen": True, "owner_org": True}, {}),
        ({"frozen": True}, {"break_glass": GLASS}),
        ({"life": Life.VERIFIED_DEATH}, {"break_glass": GLASS}),
        ({"life": Life.INFORMAL_DEATH}, {"role": Role.PATIENT}),
    ],
)
def test_served_at_the_edges_of_the_steps(facts, given):
    assert decision(facts=facts, **given).permitted


def test_earlier_steps_decide():
    worst: dict[str, Any] = {
        "sflag": SFlag.VERY_RESTRICTED,
        "life": Life.FORMAL_DEATH,
        "days_since_death": 99,
    }
    everything: dict[str, Any] = {
        "purpose": None,
        "break_glass": BreakGlass(None, ""),
        "relationship": Relationship.SELF_CLAIMED,
    }
    assert decision(ConsentState.DISSENT, facts=worst, **everything).rule == "2.2"
    del everything["purpose"]
    assert decision(ConsentState.DISSENT, facts=worst, **everything).rule == "2.3"
    del everything["break_glass"]
    assert decision(ConsentState.DISSENT, facts=worst, **everything).rule == "2.4"
    assert decision(ConsentState.DISSENT, facts=worst, relationship=Relationship.NONE).rule == "2.5"
    assert decision(ConsentState.DISSENT, facts=worst).rule == "2.6"
    worst["sflag"] = SFlag.UNRESTRICTED
    assert decision(ConsentState.DISSENT, facts=worst).rule == "2.7"
    assert decision(ConsentState.DISSENT).rule == "2.8"


@pytest.mark.parametrize("relationship", [None, Relationship.NONE, Relationship.ESTABLISHED])
def test_a_relationship_that_was_not_found_never_makes_a_403(relationship):
    asked = request(relationship=relationship, break_glass=GLASS)
    for facts in (None, RecordFacts(ConsentState.IMPLIED), RecordFacts(ConsentState.DISSENT)):
        assert decide(asked, facts, OPEN_GATES, NOW).status != 403


@pytest.mark.parametrize(
    ("given", "status", "rule"),
    [
        ({"break_glass": GLASS}, 403, "2.3"),
        ({"role": Role.PROXY}, 403, "2.2"),
        ({"relationship": Relationship.SELF_CLAIMED}, 403, "2.4"),
        ({"relationship": Relationship.SELF_CLAIMED, "self_claim_reason": "called to the house"}, 404, "2.5"),
    ],
)
def test_what_is_switched_off_is_refused(given, status, rule):
    decided = decision(under=SHUT_GATES, **given)
    assert (decided.permitted, decided.status, decided.rule) == (False, status, rule)


def test_location_is_closed_for_everybody_under_an_s_flag():
    for role in ROWS:
        given: dict[str, Any] = {"break_glass": GLASS} if role in CLINICAL_ROLES else {}
        decided = decision(ConsentState.EXPLICIT, role, facts={"sflag": SFlag.RESTRICTED}, **given)
        assert decided.permitted
        assert not any(
            decided.opens(section, tier) for section in (Section.LOCATION, Section.ACCESS_DETAILS) for tier in Tier
        )
        assert Obligation.MASK_LOCATION in decided.obligations


def test_the_policy_may_answer_restricted_people_as_not_found():
    decided = decision(facts={"sflag": SFlag.RESTRICTED}, under=policy({"sflag_policy": "not_found"}))
    assert (decided.status, decided.rule) == (404, "2.6")


def test_conditional_cells_close_after_a_formal_death():
    facts = {"life": Life.FORMAL_DEATH, "days_since_death": 1}
    assert Tier.T5 not in open_tiers(decision(ConsentState.EXPLICIT, Role.HOSPITAL, facts=facts))
    assert Tier.T5 in open_tiers(decision(ConsentState.EXPLICIT, Role.HOSPITAL, facts={"life": Life.VERIFIED_DEATH}))


OBLIGATIONS = [
    ({}, {}, {"audit"}),
    ({"consents": ConsentState.NOT_RECORDED}, {}, {"audit", "prompt_consent_discussion"}),
    ({}, {"role": Role.PATIENT}, {"audit", "static_withholding_notice"}),
    ({}, {"role": Role.NHS111}, {"audit", "redacted_flag"}),
    ({}, {"role": Role.HOSPITAL}, {"audit"}),
    ({"consents": ConsentState.EXPLICIT}, {"role": Role.NHS111}, {"audit"}),
    (
        {},
        {"relationship": Relationship.SELF_CLAIMED, "self_claim_reason": "x"},
        {"audit", "ttl_24h", "notify_privacy_officer"},
    ),
    (
        {"consents": ConsentState.DISSENT},
        {"break_glass": GLASS},
        {
            "audit",
            "notify_privacy_officer",
            "ttl_break_glass",
            "patient_log_entry",
            "review_task",
            "dissent_overridden",
        },
    ),
    ({"facts": {"life": Life.INFORMAL_DEATH}}, {}, {"audit", "death_unconfirmed_warning"}),
    ({"facts": {"life": Life.VERIFIED_DEATH}}, {}, {"audit", "deceased_banner"}),
    ({"facts": {"sflag": SFlag.RESTRICTED}}, {}, {"audit", "mask_location"}),
    (
        {"facts": {"withheld": withheld_cells(frozenset({Section.ADRT}))}},
        {},
        {"audit", "redacted_flag", "critical_withheld_warning"},
    ),
    ({"facts": {"withheld": withheld_cells(frozenset({Tier.T6}))}}, {"role": Role.GP}, {"audit"}),
]


@pytest.mark.parametrize(("record", "given", "expected"), OBLIGATIONS)
def test_obligations(record, given, expected):
    assert decision(**record, **given).obligations == expected


def test_an_obligation_that_cannot_be_performed_refuses():
    decided = decision(facts={"sflag": SFlag.RESTRICTED})
    able = frozenset(Obligation) - {Obligation.MASK_LOCATION}
    refused = enforceable(decided, able)
    assert (refused.permitted, refused.status, refused.rule, refused.open_cells) == (False, 404, "6", 0)
    assert enforceable(decided, frozenset(Obligation)) is decided
    assert enforceable(decision(), able).permitted


@pytest.mark.parametrize(("refusal", "told"), [("explain_known", True), ("hide", False)])
def test_only_refusals_by_the_persons_choice_may_be_explained_to_a_known_partner(refusal, told):
    under = policy({"refusal": refusal})
    assert decision(ConsentState.DISSENT, under=under).known_partner_notice is told
    assert not decision(facts={"sflag": SFlag.VERY_RESTRICTED}, under=under).known_partner_notice
    assert not decision(relationship=Relationship.NONE, under=under).known_partner_notice
    assert not decide(request(), None, under, NOW).known_partner_notice


def test_emergency_access_may_be_limited_to_the_emergency_summary():
    narrow = policy({"break_glass_opens": "emergency_summary"})
    decided = decision(ConsentState.DISSENT, Role.GP, under=narrow, break_glass=GLASS)
    assert decided.opens(Section.CPR_DECISION, Tier.T1)
    assert not decided.opens(Section.DIAGNOSES, Tier.T2)
    assert decision(ConsentState.IMPLIED, Role.GP, under=narrow, break_glass=GLASS).opens(Section.DIAGNOSES, Tier.T2)


def test_emergency_access_never_opens_what_the_law_restricts_whatever_the_matrix_says():
    document = msgspec.json.decode(BASE_POLICY.read_bytes())
    document["gates"]["break_glass"] = True
    document["matrix"]["gp"]["T7"] = "B"
    decided = decision(role=Role.GP, under=parse(msgspec.json.encode(document)), break_glass=GLASS)
    assert not decided.opens(Section.GENDER_RECOGNITION, Tier.T7)


@pytest.mark.parametrize(("setting", "opens"), [("no", False), ("yes", True)])
def test_a_section_reserved_to_named_organisations_in_an_emergency(setting, opens):
    exception = provision("deny", provision("permit", org="ZZ9"), sections=("mental_health",))
    reserved = compiled(consent(provision("permit", exception)))
    decided = decision(reserved, under=policy({"break_glass_opens_reserved": setting}), break_glass=GLASS)
    assert decided.opens(Section.MENTAL_HEALTH, Tier.T4) is opens
    assert decided.opens(Section.SAFEGUARDING, Tier.T5)


def test_a_refusal_of_everything_with_one_exception_is_not_a_reserved_section():
    alone = compiled(consent(provision("deny", provision("permit", org="ZZ9"))))
    assert decision(alone, break_glass=GLASS).opens(Section.DIAGNOSES, Tier.T2)


def test_the_person_may_withhold_nothing_from_themselves_but_much_from_a_proxy():
    facts = {"withheld": withheld_cells(frozenset({Section.WHAT_MATTERS}))}
    assert decision(role=Role.PATIENT, facts=facts).opens(Section.WHAT_MATTERS, Tier.T3)
    assert not decision(role=Role.PROXY, facts=facts).opens(Section.WHAT_MATTERS, Tier.T3)


@pytest.mark.parametrize(
    ("authority", "holds"),
    [
        (ProxyAuthority(ProxyKind.ATTORNEY, registered=True, person_lacks_capacity=True), True),
        (ProxyAuthority(ProxyKind.ATTORNEY, registered=True), False),
        (ProxyAuthority(ProxyKind.ATTORNEY, person_lacks_capacity=True), False),
        (ProxyAuthority(ProxyKind.DEPUTY, within_order=True), True),
        (ProxyAuthority(ProxyKind.DEPUTY), False),
        (ProxyAuthority(ProxyKind.PARENT, age=10), True),
        (ProxyAuthority(ProxyKind.PARENT, age=11), False),
        (ProxyAuthority(ProxyKind.PARENT, age=15, competent=True), False),
        (ProxyAuthority(ProxyKind.PARENT, age=15, competent=False), True),
        (ProxyAuthority(ProxyKind.PARENT, age=15, person_agrees=True), True),
        (ProxyAuthority(ProxyKind.PARENT, age=16, competent=False), False),
        (ProxyAuthority(ProxyKind.PARENT, age=17, person_agrees=True), True),
        (ProxyAuthority(ProxyKind.PARENT, age=18, person_agrees=True), False),
        (ProxyAuthority(ProxyKind.PARENT), False),
        (ProxyAuthority(ProxyKind.CONSENTED_CARER, person_agrees=True), True),
        (ProxyAuthority(ProxyKind.CONSENTED_CARER), False),
        (ProxyAuthority(ProxyKind.DEPUTY, within_order=True, suspended=True), False),
    ],
)
def test_a_proxy_reads_while_their_authority_holds(authority, holds):
    decided = decision(role=Role.PROXY, facts={"proxy": authority})
    assert (decided.permitted, decided.rule) == ((True, "3") if holds else (False, "5.8"))


@pytest.mark.parametrize(
    ("section", "given", "facts", "rule"),
    [
        (Section.DIAGNOSES, {}, {}, "3"),
        (Section.MENTAL_HEALTH, {}, {}, "3"),
        (Section.DIAGNOSES, {}, {"withheld": withheld_cells(frozenset({Section.DIAGNOSES}))}, "5.1"),
        (Section.LOCATION, {}, {"sflag": SFlag.RESTRICTED}, "2.6"),
        (Section.CPR_DECISION, {}, {"withheld": withheld_cells(frozenset({Section.ADRT}))}, "5.3"),
        (Section.DIAGNOSES, {"relationship": Relationship.NONE}, {}, "2.5"),
    ],
)
def test_a_decision_explains_every_section(section, given, facts, rule):
    asked = request(**given)
    decided = decide(asked, RecordFacts(ConsentState.IMPLIED, **facts), OPEN_GATES, NOW)
    explained = explain(decided, OPEN_GATES)
    assert set(explained) == set(Section)
    assert explained[section].rule == rule
    assert explained[section].reason
    for result in explained.values():
        assert result.open == decided.opens(result.section, result.tier)


def test_a_decision_names_its_request_and_its_policy():
    decided = decision(id="abc")
    assert (decided.id, decided.policy_id, decided.policy_hash) == ("abc", OPEN_GATES.id, OPEN_GATES.hash)


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        ({"role": "wizard"}, {}),
        ({"purpose": "HRESCH"}, {}),
        ({"relationship": "cousin"}, {}),
        ({}, {"sflag": "Q"}),
        ({}, {"life": "undead"}),
        ({}, {"consents": "perhaps"}),
    ],
)
def test_words_that_are_not_known_are_denied(given, facts):
    """I15, for values that reach the decision although the types forbid them."""
    values: dict[str, Any] = {"consents": ConsentState.EXPLICIT} | facts
    asked = msgspec.structs.replace(request(), **given)
    decided = decide(asked, RecordFacts(**values), OPEN_GATES, NOW)
    assert not decided.permitted
    assert not decided.open_cells


def test_unknown_sections_and_tiers_are_closed():
    assert not decision(role=Role.GP).opens("gossip", Tier.T1)  # type: ignore[arg-type]
    assert not decision(role=Role.GP).opens(Section.DIAGNOSES, 12)  # type: ignore[arg-type]
