"""The demo door `epaccs decide`: strict words in, the same decision out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fhir_profiles.sections import Section, Tier
from security.access_policy import BASE_POLICY, parse
from security.consent import ConsentState, explain
from security.decide_request import answer, read_requests
from security.errors import DecideRequestError
from security.localities import Policies
from security.principal import Role
from tests.security.sharing import (
    NOW,
    OPEN_GATES,
    PATIENT,
    PURPOSE_OF,
    SHIPPED,
    SHUT_GATES,
    consent,
    decision,
    provision,
)

GP = {"role": "gp", "lr": "established"}
GLASS = {"basis": "unable_to_ask", "reason": "found unconscious", "echo_matches": True}


def ask(under=SHIPPED, **given):
    return answer(given, Policies.of(under), NOW)


@pytest.mark.parametrize("state", ConsentState)
@pytest.mark.parametrize("role", PURPOSE_OF)
def test_the_door_gives_the_decision_that_the_service_makes(role, state):
    told = ask(
        OPEN_GATES, role=role.value, purpose=PURPOSE_OF[role].value, lr="established", consent=state.value, org="ZZ1"
    )
    made = decision(state, role)
    assert (told["http"], told["permitted"], told["rule"]) == (made.status, made.permitted, made.rule)
    assert told["obligations"] == sorted(made.obligations)
    for tier in Tier:
        assert told["tiers"][tier.name] == ("open" if made.open_tiers >> tier & 1 else "closed")
    for section, result in explain(made, OPEN_GATES).items():
        if section is not Section.UNKNOWN:
            assert told["sections"][section]["result"] == ("open" if result.open else "closed")


def test_missing_words_take_the_strict_default():
    told = ask()
    assert (told["http"], told["rule"]) == (404, "2.5")
    assert ask(lr="established")["tiers"]["T3"] == "closed"
    assert ask(**GP)["consent_state"] == "not_recorded"


@pytest.mark.parametrize(
    "given",
    [
        {"colour": "red"},
        {"role": "wizard"},
        {"purpose": "FUN"},
        {"lr": "cousin"},
        {"consent": "maybe"},
        {"sflag": "Z"},
        {"life": "undead"},
        {"owner_org": "yes"},
        {"assurance": "2"},
        {"assurance": True},
        {"days_since_death": -1},
        {"days_since_death": 1.5},
        {"org": 1},
        {"withheld": ["T9"]},
        {"withheld": "T1"},
        {"sections": ["gossip"]},
        {"sections": {}},
        {"break_glass": True},
        {"break_glass": {"basis": "curiosity"}},
        {"break_glass": {"motive": "x"}},
        {"consents": [{"resourceType": "Patient"}]},
        {"consents": {}},
        {"consents": [], "consent": "implied"},
        {"consents": [consent(id="a"), consent(id="b", patient={"reference": "Patient/other"})]},
    ],
)
def test_unknown_keys_and_words_are_refused(given):
    with pytest.raises(DecideRequestError):
        ask(**{**GP, **given})


@pytest.mark.parametrize("purpose", ["HRESCH", "HPAYMT", "HMARKT", "HOPERAT", "PUBHLTH", "HCOMPL"])
def test_purposes_that_are_never_served_are_answered_with_403(purpose):
    assert (told := ask(**GP, purpose=purpose))["http"] == 403
    assert told["rule"] == "2.2"


def test_the_gates_are_those_of_the_policy():
    asked = GP | {"assurance": 2, "consent": "dissent", "break_glass": GLASS}
    assert (ask(SHUT_GATES, **asked)["http"], ask(SHUT_GATES, **asked)["rule"]) == (403, "2.3")
    opened = ask(OPEN_GATES, **asked)
    assert opened["http"] == 200
    assert "dissent_overridden" in opened["obligations"]
    assert ask(OPEN_GATES, **(asked | {"break_glass": GLASS | {"basis": "patient_refuses"}}))["http"] == 403
    assert ask(OPEN_GATES, **(asked | {"break_glass": GLASS | {"echo_matches": False}}))["http"] == 404


def test_a_relationship_that_is_claimed_answers_like_none_while_that_is_switched_off():
    claimed = {"role": "ambulance", "lr": "self_claimed"}
    assert ask(SHUT_GATES, **claimed)["http"] == 403
    assert ask(SHUT_GATES, **claimed, self_claim_reason="called to the house")["http"] == 404


def test_what_the_person_closed_is_told_for_each_section():
    told = ask(
        **GP, withheld=["diagnoses", "T3", "adrt"], sections=["diagnoses", "spiritual", "cpr_decision", "allergies"]
    )
    assert {section: one["result"] for section, one in told["sections"].items()} == {
        "cpr_decision": "closed",
        "allergies": "open",
        "diagnoses": "closed",
        "spiritual": "closed",
    }
    assert told["sections"]["cpr_decision"]["rule"] == "5.3"
    assert told["decision_group"] == "closed"
    assert told["tiers"]["T3"] == "closed"
    assert told["tiers"]["T2"] == "open"


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Organization/ZZ1"},
        {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZ1"}},
        {"type": "Organization", "identifier": {"system": "urn:x", "value": "ZZ1"}},
    ],
)
def test_consents_are_fhir_and_organisations_are_named_by_their_code(reference):
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    listed = [consent(provision("deny", actor=[{"role": role, "reference": reference}]))]
    assert ask(**GP, org="ZZ1", consents=listed)["http"] == 404
    assert ask(**GP, org="ZZ2", consents=listed)["http"] == 200


def test_people_are_named_by_id():
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
    listed = [consent(provision("deny", actor=[{"role": role, "reference": {"reference": "Practitioner/u7"}}]))]
    assert ask(**GP, user="u7", consents=listed)["http"] == 404
    assert ask(**GP, user="u8", consents=listed)["http"] == 200


def test_nobody_is_named_by_null_and_somebody_by_silence():
    asked = {**GP, "role": "ambulance", "assurance": 2, "break_glass": GLASS}
    assert ask(OPEN_GATES, **asked)["http"] == 200
    assert ask(OPEN_GATES, **asked, user=None)["http"] == 403


def test_an_answer_is_plain_json_and_always_the_same():
    assert msgspec.json.encode(ask(**GP)) == msgspec.json.encode(ask(**GP))


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"role":"gp"}', 1),
        (b'{"role":"gp"}\n\n{"role":"hospice"}\n', 2),
        (b'[{"role":"gp"},{"role":"hospice"}]', 2),
        (b'{\n "role": "gp"\n}', 1),
    ],
)
def test_a_file_is_json_or_one_request_a_line(body, count):
    assert len(read_requests(body)) == count


@pytest.mark.parametrize("body", [b"", b"gp", b"[]", b"3", b'{"role":"gp"}\n4', b'{"role":'])
def test_a_file_that_is_neither_is_refused(body):
    with pytest.raises(DecideRequestError):
        read_requests(body)


def test_every_role_of_the_rules_is_a_word():
    for role in Role:
        assert ask(role=role.value)["http"] in (403, 404)


def test_a_role_that_the_policy_adds_is_a_word_and_others_are_not():
    assert ask(role="coordination", lr="established")["http"] == 200
    with pytest.raises(DecideRequestError, match="role"):
        ask(role="porter")


def test_the_place_of_care_says_whose_policy_governs():
    text = msgspec.json.decode(BASE_POLICY.read_bytes())
    text["id"], text["locality"] = "north", {"name": "north", "places": ["ZZGP01"]}
    text["matrix"]["nhs111"]["T3"] = "P"
    policies = Policies.of(SHIPPED, [parse(msgspec.json.encode(text))])
    asked = {"role": "nhs111", "lr": "established"}
    north, elsewhere = (answer({**asked, "place": place}, policies, NOW) for place in ("ZZGP01", ["ZZGP02"]))
    assert [told["policy"]["id"] for told in (north, elsewhere)] == ["north", "epaccs-base"]
    assert [told["tiers"]["T3"] for told in (north, elsewhere)] == ["open", "closed"]
    with pytest.raises(DecideRequestError, match="place"):
        answer({**asked, "place": 7}, policies, NOW)


def test_what_a_relationship_rests_on_is_said_or_follows_from_the_incident():
    only = consent(provision("permit", purposes=("ETREAT",)))
    asked = {"role": "ambulance", "lr": "established", "purpose": "ETREAT", "consents": [only]}
    for more, http in (({}, 404), ({"by_incident": True}, 200), ({"incident": "CAD-1"}, 200)):
        assert ask(OPEN_GATES, **(asked | more))["http"] == http
    assert ask(OPEN_GATES, **(asked | {"incident": "CAD-1", "by_incident": False}))["http"] == 404


def test_consents_of_old_shapes_count_beside_the_others_and_unknown_ones_end_the_request():
    refused = {"resourceType": "Consent", "status": "inactive", "patient": {"reference": PATIENT}}
    asked = {"role": "ambulance", "lr": "established"}
    assert ask(OPEN_GATES, **(asked | {"legacy_consents": [refused]}))["consent_state"] == "dissent"
    both = {"legacy_consents": [refused], "consents": [consent(provision("permit"))]}
    assert ask(OPEN_GATES, **(asked | both))["http"] == 404
    for wrong in ([refused | {"status": "draft"}], refused, ["x"]):
        with pytest.raises(DecideRequestError, match="legacy_consents"):
            ask(OPEN_GATES, **(asked | {"legacy_consents": wrong}))
    with pytest.raises(DecideRequestError, match="twice"):
        ask(OPEN_GATES, **(asked | {"legacy_consents": [refused], "consent": "implied"}))


def test_late_consents_are_told_by_when_they_were_recorded():
    known: dict[str, Any] = {"dateTime": "2026-06-01", "meta": {"lastUpdated": "2026-06-02T10:00:00Z"}}
    late: dict[str, Any] = {"dateTime": "2026-01-01", "meta": {"lastUpdated": "2026-07-01T10:00:00Z"}}
    listed = [
        consent(provision("permit", org="ZZ2"), **known),
        consent(provision("permit", org="ZZ1"), id="c2", **late),
    ]
    asked = {"role": "ambulance", "lr": "established", "org": "ZZ1", "consents": listed}
    assert ask(OPEN_GATES, **asked)["http"] == 404
    assert ask(OPEN_GATES, **(asked | {"org": "ZZ2"}))["http"] == 200


@pytest.mark.parametrize(
    ("proxy", "http"),
    [
        (None, 200),
        ({"kind": "attorney"}, 404),
        ({"kind": "attorney", "registered": True, "person_lacks_capacity": True}, 200),
        ({"kind": "deputy", "within_order": True}, 200),
        ({"kind": "parent", "age": 10}, 200),
        ({"kind": "parent", "age": 12}, 404),
        ({"kind": "parent", "age": 12, "competent": False}, 200),
        ({"kind": "parent", "age": 17, "person_agrees": True}, 200),
        ({"kind": "consented_carer", "person_agrees": True}, 200),
        ({"kind": "consented_carer", "person_agrees": True, "suspended": True}, 404),
    ],
)
def test_what_a_proxy_rests_on_is_an_input(proxy, http):
    asked = {"role": "proxy", "lr": "established", "purpose": "FAMRQT", "proxy": proxy}
    assert ask(OPEN_GATES, **asked)["http"] == http


@pytest.mark.parametrize("proxy", [{}, {"kind": "neighbour"}, {"kind": "parent", "age": "10"}, {"x": 1}, "attorney"])
def test_a_proxy_in_other_words_is_refused(proxy):
    with pytest.raises(DecideRequestError, match=r"proxy|kind|age"):
        ask(OPEN_GATES, role="proxy", purpose="FAMRQT", lr="established", proxy=proxy)


def test_what_a_carer_is_permitted_bounds_what_they_get():
    carer = {"kind": "consented_carer", "person_agrees": True}
    asked = {"role": "proxy", "lr": "established", "purpose": "FAMRQT", "sections": ["about_me", "diagnoses"]}
    bounded = ask(OPEN_GATES, **asked, proxy=carer | {"reach": ["about_me"]})
    free = ask(OPEN_GATES, **asked, proxy=carer)
    results = [{name: one["result"] for name, one in told["sections"].items()} for told in (bounded, free)]
    assert results == [{"about_me": "open", "diagnoses": "closed"}, {"about_me": "open", "diagnoses": "open"}]


def test_a_label_that_hides_a_decision_closes_the_group():
    asked = {"role": "ambulance", "lr": "established"}
    assert ask(OPEN_GATES, **asked)["decision_group"] == "open"
    labelled = ask(OPEN_GATES, **asked, decision_tiers=["T4"])
    assert (labelled["decision_group"], labelled["http"]) == ("closed", 200)
    assert "critical_withheld_warning" in labelled["obligations"]
    assert ask(OPEN_GATES, **asked, decision_tiers=["T7"])["decision_group"] == "open", "what must not be noticed"
    with pytest.raises(DecideRequestError, match="decision_tiers"):
        ask(OPEN_GATES, **asked, decision_tiers=["allergies"])
