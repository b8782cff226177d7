"""FHIR Consents under rules 5.1 and 5.2, one rule a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from fhir_profiles.canonical import structure_definition
from fhir_profiles.sections import TIER, Section, Tier
from security.consent import CompiledConsents, ConsentState, compile_consents
from security.errors import ConsentForAnotherPatient
from security.principal import Purpose, Role
from security.purposes import ACT_REASON
from tests.security.sharing import (
    ACT_CODE,
    GLASS,
    IRCP,
    PATIENT,
    SNOMED,
    compiled,
    consent,
    decision,
    organisation_of,
    provision,
    replaces,
)

PERMIT = provision("permit")
DENY = provision("deny")


def rule(code: str) -> dict[str, Any]:
    return {"coding": [{"system": ACT_CODE, "code": code}]}


def statement(code: str) -> dict[str, Any]:
    return {"category": [{"coding": [{"system": SNOMED, "code": code}]}]}


def sees(decided, *sections: Section) -> bool:
    return all(decided.opens(section, TIER[section]) for section in sections)


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ([], "not_recorded"),
        ([consent(PERMIT)], "explicit"),
        ([consent(None, policyRule=rule("OPTIN"))], "explicit"),
        ([consent(None, policyRule=rule("IMPLIED"))], "implied"),
        ([consent(PERMIT, policyRule=rule("IMPLIEDD"))], "implied"),
        ([consent(PERMIT, policyRule=rule("OPTOUT"))], "implied"),
        ([consent(PERMIT, **statement("882921000000109"))], "explicit"),
        ([consent(PERMIT, **statement("882961000000101"))], "best_interests"),
        ([consent(PERMIT, **statement("883001000000106"))], "best_interests"),
        (
            [consent(PERMIT, extension=[{"url": structure_definition("basis"), "valueCode": "best-interests"}])],
            "best_interests",
        ),
        ([consent(DENY)], "dissent"),
        ([consent(None, policyRule=rule("OPTOUT"))], "dissent"),
        ([consent(PERMIT, **statement("882941000000102"))], "dissent"),
        ([consent(None, **statement("882941000000102"))], "dissent"),
        ([consent(provision("perhaps"))], "dissent"),
        ([consent(provision("deny", purposes=("TREAT", "ETREAT")))], "dissent_absolute"),
        ([consent(provision("deny", purposes=("TREAT", "BTG")))], "dissent_absolute"),
        ([consent(provision("deny", purposes=("TREAT",)))], "dissent"),
        ([consent(PERMIT, status="inactive")], "not_recorded"),
        ([consent(DENY, status="inactive")], "not_recorded"),
        ([consent(DENY, status="bogus")], "not_recorded"),
        ([consent(DENY, scope={"coding": [{"system": "urn:x", "code": "patient-privacy"}]})], "not_recorded"),
        ([consent(provision("permit", end="2026-11-22"))], "not_recorded"),
        ([consent(provision("deny", start="2026-11-24"))], "not_recorded"),
    ],
)
def test_the_state_that_consents_give(given, state):
    decided = decision(compiled(*given))
    assert decided.consent_state == state
    assert decided.permitted == (state not in ("dissent", "dissent_absolute"))


def test_a_consent_that_states_nothing_grants_nothing():
    assert decision(compiled(consent(None))).rule == "5.2"
    assert decision(compiled(consent(None), consent(PERMIT, id="c2"))).permitted


@pytest.mark.parametrize("scope", ["adr", "treatment"])
def test_other_consents_are_content_and_never_rules(scope):
    system = "http://terminology.hl7.org/CodeSystem/consentscope"
    assert compiled(consent(DENY, scope={"coding": [{"system": system, "code": scope}]})) == CompiledConsents()


@pytest.mark.parametrize(
    "limits",
    [{"org": "ZZ1"}, {"role": "ambulance"}, {"person": "u1"}, {}],
)
def test_a_section_is_withheld_from_whom_the_provision_names(limits):
    kept = compiled(consent(provision("permit", provision("deny", sections=("diagnoses",), **limits))))
    assert not sees(decision(kept), Section.DIAGNOSES)
    assert sees(decision(kept), Section.MEDICATIONS)
    other = decision(kept, Role.GP, organisation="ZZ2", user="u2")
    assert sees(other, Section.DIAGNOSES) == bool(limits)
    assert sees(decision(kept, Role.PATIENT), Section.DIAGNOSES)


def test_withholding_binds_the_holder_and_a_blocked_person_everywhere():
    kept = compiled(consent(provision("permit", provision("deny", sections=("diagnoses",)))))
    assert not sees(decision(kept, Role.GP, facts={"owner_org": True}), Section.DIAGNOSES)
    blocked = compiled(consent(provision("permit", provision("deny", person="u1"))))
    assert not decision(blocked, Role.GP, facts={"owner_org": True}).permitted
    assert decision(blocked, Role.GP, facts={"owner_org": True}, user="u2").permitted


def test_a_refusal_of_sharing_does_not_bind_the_holder():
    for root in (DENY, provision("deny", org="ZZ1"), provision("permit", org="ZZ9")):
        assert decision(compiled(consent(root)), Role.GP, facts={"owner_org": True}).permitted
        assert not decision(compiled(consent(root)), Role.GP).permitted


def test_a_tier_is_withheld_with_entries_that_labels_raised_to_it():
    kept = compiled(consent(provision("permit", provision("deny", tiers=("T4",)))))
    decided = decision(kept, Role.GP)
    assert not decided.opens(Section.MENTAL_HEALTH, Tier.T4)
    assert not decided.opens(Section.DIAGNOSES, Tier.T4)
    assert decided.opens(Section.DIAGNOSES, Tier.T2)


def test_safeguarding_is_not_governed_by_consent():
    kept = compiled(consent(provision("permit", provision("deny", tiers=("T5",)))))
    assert sees(decision(kept, Role.GP), Section.SAFEGUARDING)


def test_emergency_access_beats_withholding_unless_emergencies_are_named():
    kept = compiled(consent(provision("permit", provision("deny", sections=("diagnoses",)))))
    assert sees(decision(kept, break_glass=GLASS), Section.DIAGNOSES)
    named = provision("deny", sections=("diagnoses",), purposes=("TREAT", "ETREAT"))
    assert not sees(decision(compiled(consent(provision("permit", named))), break_glass=GLASS), Section.DIAGNOSES)


def test_the_deepest_matching_provision_decides():
    deepest = provision("deny", person="u1")
    inner = provision("permit", deepest, org="ZZ1")
    tree = compiled(consent(provision("permit", provision("deny", inner, sections=("diagnoses",)))))
    assert not sees(decision(tree, user="u1"), Section.DIAGNOSES)
    assert sees(decision(tree, user="u2"), Section.DIAGNOSES)
    assert not sees(decision(tree, user="u2", organisation="ZZ2"), Section.DIAGNOSES)


def test_an_exception_to_a_refusal_permits_what_it_names_and_no_more():
    tree = compiled(consent(provision("deny", provision("permit", org="ZZ1", sections=("allergies",)))))
    decided = decision(tree)
    assert decided.permitted
    assert sees(decided, Section.ALLERGIES)
    assert not sees(decided, Section.DIAGNOSES)
    assert not decision(tree, organisation="ZZ2").permitted


def test_among_siblings_deny_wins():
    permit, deny = provision("permit", org="ZZ1"), provision("deny", role="ambulance")
    deeper = provision("permit", provision("permit", sections=("allergies",), org="ZZ9"), org="ZZ1")
    for children in ((permit, deny), (deny, permit), (deeper, deny), (deny, deeper)):
        assert not decision(compiled(consent(provision("permit", *children)))).permitted
        assert not decision(compiled(consent(provision("deny", *children)))).permitted


def test_a_child_of_a_provision_that_does_not_match_is_not_reached():
    tree = provision("permit", provision("deny", provision("deny", sections=("allergies",)), org="ZZ9"))
    assert sees(decision(compiled(consent(tree))), Section.ALLERGIES)


def test_across_consents_deny_wins_however_new_the_permit():
    old, new = consent(DENY, dateTime="2026-01-01"), consent(PERMIT, id="c2", dateTime="2026-06-01")
    assert not decision(compiled(old, new)).permitted


@pytest.mark.parametrize(
    ("extra", "superseded"),
    [
        ({"extension": replaces("c1")}, True),
        ({"extension": replaces("c9")}, False),
        ({"identifier": [{"system": "urn:x", "value": "1"}]}, True),
        ({"identifier": [{"system": "urn:y", "value": "1"}]}, False),
        ({"extension": replaces("c1"), "dateTime": "2025-12-31"}, False),
        ({"identifier": [{"system": "urn:x", "value": "1"}], "dateTime": "2025-12-31"}, False),
        ({"identifier": [{"system": "urn:x", "value": "1"}], "dateTime": "2026-01-01"}, False),
    ],
)
def test_one_consent_supersedes_another_explicitly_and_never_a_newer_one(extra, superseded):
    old = consent(DENY, dateTime="2026-01-01", identifier=[{"system": "urn:x", "value": "1"}])
    new = consent(PERMIT, id="c2", **({"dateTime": "2026-06-01"} | extra))
    assert decision(compiled(old, new)).permitted == superseded
    assert decision(compiled(new, old)).permitted == superseded


def test_two_that_claim_to_supersede_each_other_both_stand():
    one, two = consent(PERMIT, extension=replaces("c2")), consent(DENY, id="c2", extension=replaces("c1"))
    assert not decision(compiled(one, two)).permitted


def test_what_supersedes_counts_only_while_it_is_in_force():
    old = consent(DENY)
    new = consent(provision("permit", start="2026-12-01"), id="c2", extension=replaces("c1"))
    assert not decision(compiled(old, new)).permitted
    assert decision(compiled(old, new), at=datetime(2026, 12, 2, tzinfo=UTC)).permitted


def test_what_no_permission_covers_is_not_permitted():
    narrow = compiled(consent(provision("permit", org="ZZ1", sections=("allergies", "diagnoses"))))
    decided = decision(narrow)
    assert sees(decided, Section.ALLERGIES, Section.DIAGNOSES)
    assert not sees(decided, Section.MEDICATIONS)
    assert decision(narrow, organisation="ZZ2").rule == "5.2"


def test_a_refusal_that_names_one_organisation_leaves_the_others_as_they_were():
    one = compiled(consent(provision("deny", org="ZZ1")))
    assert decision(one).rule == "2.8"
    assert decision(one, organisation="ZZ2").consent_state is ConsentState.NOT_RECORDED


def test_explicit_permission_opens_conditional_cells_only_where_it_reaches():
    both = compiled(
        consent(None, policyRule=rule("IMPLIED")),
        consent(provision("permit", sections=("mental_health",)), id="c2"),
    )
    decided = decision(both, Role.CARE_HOME)
    assert sees(decided, Section.MENTAL_HEALTH, Section.DIAGNOSES)
    assert not sees(decided, Section.SUBSTANCE_USE)


@pytest.mark.parametrize(
    ("named", "asked", "permitted"),
    [
        ("TREAT", Purpose.TREAT, True),
        ("TREAT", Purpose.ETREAT, True),
        ("ETREAT", Purpose.TREAT, False),
        ("ETREAT", Purpose.ETREAT, True),
        ("PurposeOfUse", Purpose.TREAT, True),
        ("HRESCH", Purpose.TREAT, False),
    ],
)
def test_purposes_are_hierarchical(named, asked, permitted):
    named = compiled(consent(provision("permit", purposes=(named,))))
    assert decision(named, purpose=asked, by_incident=True).permitted == permitted


@pytest.mark.parametrize(
    ("at", "in_force"),
    [
        (datetime(2026, 6, 30, 22, 59, 59, 999999, tzinfo=UTC), True),
        (datetime(2026, 6, 30, 23, 0, tzinfo=UTC), False),
        (datetime(2026, 3, 28, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 29, 0, 0, tzinfo=UTC), True),
    ],
)
def test_dates_are_whole_days_in_london(at, in_force):
    """The clocks go forward on 29 March 2026; at the end of June London is an hour ahead of UTC."""
    dated = compiled(consent(provision("deny", start="2026-03-29", end="2026-06-30")))
    assert decision(dated, at=at).permitted != in_force


@pytest.mark.parametrize(("end", "last"), [("2026", 2026_12_31), ("2026-02", 2026_02_28), ("2028-02", 2028_02_29)])
def test_a_partial_date_ends_with_its_last_day(end, last):
    dated = compiled(consent(provision("deny", end=end)))
    day = datetime(last // 10000, last // 100 % 100, last % 100, 23, 30, tzinfo=UTC)
    assert not decision(dated, at=day).permitted
    assert decision(dated, at=day + timedelta(hours=1)).permitted


def test_a_time_ends_at_its_instant():
    dated = compiled(consent(provision("deny", end="2026-11-23T12:00:00Z")))
    assert not decision(dated, at=datetime(2026, 11, 23, 12, tzinfo=UTC)).permitted
    assert decision(dated, at=datetime(2026, 11, 23, 12, 0, 0, 1, tzinfo=UTC)).permitted


UNINTELLIGIBLE = [
    {"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]},
    {"actor": [{"role": IRCP, "reference": {"reference": "Group/1"}}]},
    {"code": [{"coding": [{"system": "urn:x", "code": "diagnoses"}]}]},
    {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]},
    {"securityLabel": [{"system": "urn:x", "code": "R"}]},
    {"purpose": [{"system": "urn:x", "code": "TREAT"}]},
    {"action": [{"coding": [{"system": "urn:x", "code": "access"}]}]},
    {"purpose": [{"system": ACT_REASON, "code": "HRESCH"}, {"system": ACT_REASON, "code": "FUN"}]},
    {"period": {"start": "yesterday"}},
    {"period": {"end": "2026-01-01T00:00:00"}},
    {"dataPeriod": {"start": "2020-01-01"}},
    {"data": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}]},
]


@pytest.mark.parametrize("extra", UNINTELLIGIBLE)
def test_what_cannot_be_understood_matches_in_a_deny_and_not_in_a_permit(extra):
    assert not decision(compiled(consent(provision("deny", **extra)))).permitted
    assert not decision(compiled(consent(provision("permit", provision("deny", **extra))))).permitted
    assert not decision(compiled(consent(provision("permit", **extra)))).permitted
    assert not decision(compiled(consent(provision("deny", provision("permit", **extra))))).permitted


def test_a_modifier_on_the_consent_takes_every_permission_with_it():
    extra: dict[str, Any] = {"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}
    assert not decision(compiled(consent(PERMIT, **extra))).permitted
    assert not decision(compiled(consent(provision("deny", PERMIT), **extra))).permitted


@pytest.mark.parametrize("participation", ["AUT", "CST"])
def test_an_actor_must_be_a_recipient(participation):
    system = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
    actor = {
        "role": {"coding": [{"system": system, "code": participation}]},
        "reference": {"reference": "Organization/ZZ1"},
    }
    assert decision(compiled(consent(provision("deny", actor=[actor])))).permitted
    assert not decision(compiled(consent(provision("permit", actor=[actor])))).permitted


def test_elements_are_anded_and_repeats_ored():
    both = provision("deny", org="ZZ1", role="gp", sections=("diagnoses",))
    kept = compiled(consent(provision("permit", both)))
    assert not sees(decision(kept), Section.DIAGNOSES)
    assert not sees(decision(kept, Role.GP, organisation="ZZ2"), Section.DIAGNOSES)
    assert sees(decision(kept, organisation="ZZ2"), Section.DIAGNOSES)
    anded = provision("deny", sections=("diagnoses",), securityLabel=[{"system": ACT_CODE, "code": "PSY"}])
    decided = decision(compiled(consent(provision("permit", anded))), Role.GP)
    assert not decided.opens(Section.DIAGNOSES, Tier.T4)
    assert decided.opens(Section.DIAGNOSES, Tier.T2)
    assert decided.opens(Section.MENTAL_HEALTH, Tier.T4)


def test_a_provision_about_other_actions_is_not_about_reading():
    action = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "correct"}]}]
    assert decision(compiled(consent(provision("permit", provision("deny", action=action))))).permitted


def test_a_consent_for_another_patient_is_an_error():
    with pytest.raises(ConsentForAnotherPatient):
        compiled(consent(PERMIT, patient={"reference": "Patient/p2"}))
    with pytest.raises(ConsentForAnotherPatient):
        compiled(consent(PERMIT, status="inactive", patient={"reference": "Patient/p2"}))


def test_compiled_consents_survive_storage_and_name_their_versions():
    tree = provision("permit", provision("deny", org="ZZ1", sections=("diagnoses",), start="2026-01-01"))
    made = compiled(consent(tree), consent(DENY, id="c2", extension=replaces("c1")))
    assert msgspec.json.decode(msgspec.json.encode(made), type=CompiledConsents) == made
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=CompiledConsents) == made
    assert made.versions == ("Consent/c1/_history/1", "Consent/c2/_history/1")


def test_people_are_told_apart_by_whoever_resolves_them():
    named = provision("deny", actor=[{"role": IRCP, "reference": {"reference": "Practitioner/9"}}])
    known = compile_consents([consent(named)], PATIENT, organisation_of, lambda reference: "u1")
    assert not decision(known, user="u1").permitted
    assert decision(known, user="u2").permitted
