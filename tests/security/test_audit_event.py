"""Entries shown as FHIR AuditEvent follow the IHE patterns, and are valid FHIR."""

from __future__ import annotations

import base64

import msgspec
import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from security.audit import AuditEntry, EventKind, Outcome
from security.audit_event import Json, to_audit_event, to_authorisation_event
from tests.security.test_audit import ENTRY

SERVER = "epaccs.example.org"


def event(**changes: object) -> Json:
    return to_audit_event(msgspec.structs.replace(ENTRY, **changes), SERVER)


def agents(shown: Json) -> dict[str, Json]:
    return {agent["type"]["coding"][0]["code"]: agent for agent in shown["agent"]}


def entities(shown: Json) -> dict[str, Json]:
    return {entity.get("role", entity["type"])["code"]: entity for entity in shown["entity"]}


def details(entity: Json) -> dict[str, str]:
    return {detail["type"]: detail["valueString"] for detail in entity["detail"]}


@pytest.mark.parametrize(
    ("kind", "interaction", "action", "client", "server"),
    [
        (EventKind.READ, "read", "R", "110152", "110153"),
        (EventKind.READ, "vread", "R", "110152", "110153"),
        (EventKind.QUERY, "search-type", "E", "110153", "110152"),
        (EventKind.CREATE, "create", "C", "110153", "110152"),
        (EventKind.UPDATE, "update", "U", "110153", "110152"),
        (EventKind.DELETE, "delete", "D", "110150", "custodian"),
    ],
)
def test_served_events_follow_their_pattern(kind, interaction, action, client, server):
    shown = event(kind=kind, interaction=interaction, references=("Observation/o1/_history/3",))
    assert shown["type"]["code"] == "rest"
    assert shown["subtype"][0]["code"] == interaction
    assert (shown["action"], shown["outcome"]) == (action, "0")
    assert shown["recorded"] == "2026-11-22T10:30:00.123Z"
    assert agents(shown)[client]["who"]["identifier"]["value"] == "demo-ambulance"
    assert agents(shown)[client]["network"] == {"address": "192.0.2.7", "type": "2"}
    assert agents(shown)[server]["who"]["identifier"]["value"] == SERVER
    user = agents(shown)["IRCP"]
    assert user["who"]["identifier"] == {"system": "https://issuer.example.org", "value": "para-17"}
    assert user["policy"] == ["urn:ietf:params:oauth:jti:jti-1"]
    assert user["name"] == "A Paramedic"
    assert user["purposeOfUse"][0]["coding"][0]["code"] == "ETREAT"
    assert [agent["requestor"] for agent in shown["agent"]].count(True) == 1
    assert entities(shown)["1"]["what"]["reference"] == "Patient/p1"
    assert entities(shown)["XrequestId"]["what"]["identifier"]["value"] == "req-1"


def test_data_is_one_resource_or_the_record_with_its_resources():
    one = event(kind=EventKind.READ, references=("Observation/o1/_history/3",))
    assert entities(one)["4"]["what"]["reference"] == "Observation/o1/_history/3"
    whole = entities(event())["4"]
    assert whole["what"]["identifier"]["value"] == "aa" * 16 + ":12"
    several = entities(event(references=("Observation/o1/_history/3", "Task/t/_history/1")))["4"]
    assert [detail["valueString"] for detail in several["detail"]] == ["Observation/o1/_history/3", "Task/t/_history/1"]


def test_a_search_shows_names_and_no_values():
    query = entities(event(kind=EventKind.QUERY, search_parameters=("identifier", "birthdate")))["24"]
    assert base64.b64decode(query["query"]) == b"identifier&birthdate"
    assert "what" not in query


def test_an_operation_is_shown_as_one():
    assert event()["subtype"][0] == {
        "system": "http://hl7.org/fhir/restful-interaction",
        "code": "operation",
        "display": "$emergency-summary",
    }


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.FAILED, Outcome.UNAVAILABLE])
def test_a_decision_follows_the_authorisation_pattern(outcome):
    shown = event(kind=EventKind.DECISION, outcome=outcome, reason="dissent", permitted=False)
    assert shown["type"]["code"] == "110113"
    assert shown["subtype"][0]["code"] == "AuthZ-Consent"
    assert (shown["action"], shown["outcome"], shown["outcomeDesc"]) == ("E", outcome.value, "dissent")
    assert set(agents(shown)) == {"110150", "IRCP", "PROV", "authserver"}
    assert agents(shown)["PROV"]["who"]["identifier"]["value"] == "ZZ501"
    codes = entities(shown)
    assert codes["Consent"]["what"]["reference"] == "Consent/c1/_history/2"
    assert codes["UserOauthAgent"]["what"]["identifier"]["value"] == "urn:ietf:params:oauth:jti:jti-1"
    assert details(codes["1"])["rule"] == "3"


def test_a_refused_read_is_shown_as_the_decision_it_was():
    assert event(outcome=Outcome.REFUSED)["type"]["code"] == "110113"
    assert to_authorisation_event(ENTRY, SERVER)["type"]["code"] == "110113"


def test_without_consents_the_decision_was_by_role():
    assert event(kind=EventKind.DECISION, consents=())["subtype"][0]["code"] == "AuthZ-Role"


def test_everything_the_rules_record_can_be_seen():
    changes = {
        "self_claim_reason": "called to the house",
        "break_glass_basis": "lacks_capacity",
        "break_glass_reason": "found unconscious at home",
    }
    shown = details(entities(event(**changes))["1"])
    assert shown == {
        "decision": "decision-1",
        "rule": "3",
        "policy": "epaccs",
        "policy-version": "1",
        "policy-hash": "ab" * 32,
        "consent-state": "implied",
        "relationship": "established",
        "incident": "INC-9",
        "self-claim-reason": "called to the house",
        "break-glass-basis": "lacks_capacity",
        "break-glass-reason": "found unconscious at home",
        "legal-basis": "6(1)(e), 9(2)(h)",
        "obligation": "redacted_flag",
        "assurance": "2",
    }


def test_where_no_person_is_known_details_stand_on_the_request_or_token():
    assert "1" not in entities(event(patient=""))
    assert details(entities(event(patient=""))["XrequestId"])["rule"] == "3"
    assert details(entities(event(patient="", kind=EventKind.DECISION))["UserOauthAgent"])["rule"] == "3"


def test_a_machine_alone_is_the_requestor():
    shown = event(user_id="", user_name="")
    assert "IRCP" not in agents(shown)
    assert agents(shown)["110152"]["requestor"] is True


def test_refused_sign_ins_are_a_count():
    entry = AuditEntry(
        time=ENTRY.time,
        kind=EventKind.REFUSED_SIGN_INS,
        outcome=Outcome.REFUSED,
        request_id="summary-1",
        interaction="token",
        count=40,
    )
    shown = to_audit_event(entry, SERVER)
    assert shown["type"]["code"] == "110114"
    assert shown["entity"][0]["detail"] == [{"type": "count", "valueString": "40"}]


@pytest.mark.parametrize("kind", list(EventKind))
def test_what_is_shown_is_fhir(kind):
    for entry in (ENTRY, msgspec.structs.replace(ENTRY, references=("Task/t/_history/1",), device="", patient="")):
        shown = to_audit_event(msgspec.structs.replace(entry, kind=kind), SERVER)
        # A second judge: it refuses elements that AuditEvent does not have and those that lack what they need.
        assert AuditEvent.model_validate(shown).action == shown["action"]
