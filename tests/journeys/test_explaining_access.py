"""A privacy officer asks what somebody would get of a plan, and why; the answer is what that somebody really gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from fhir_profiles.sections import Section
from tests.journeys.audit import entries_of
from tests.journeys.people import Person, admitted, gp, issues_of, keeping_from, nhs_number, sharing
from tests.running import Running, parameters

OFFICER = ("privacy_officer", "ZZGP01")


def asks(service: Running, whom: str, token: str | None = None, **said: str) -> httpx.Response:
    """Ask as the officer of the practice, which holds the record, unless told another."""
    given = {"role": "ambulance", "organization": "ZZAMB1", "purpose": "TREAT", "user": "zz-1"} | said
    body = parameters(**{"patient" if "/" in whom else "nhsNumber": whom, **given})
    return service.call("POST", "/Patient/$explain-access", token or service.token(*OFFICER), body)


def told(answer: httpx.Response) -> dict[str, Any]:
    """Return what is told of the decision, and the sections that are open."""
    assert answer.status_code == 200, answer.text
    plain: dict[str, Any] = {"open": set(), "sections": {}, "obligations": set()}
    for one in answer.json()["parameter"]:
        if one["name"] == "section":
            part = {item["name"]: item.get("valueString", item.get("valueBoolean")) for item in one["part"]}
            plain["sections"][part["section"]] = part
            if part["open"]:
                plain["open"].add(part["section"])
        elif one["name"] == "obligation":
            plain["obligations"].add(one["valueCode"])
        else:
            plain[one["name"]] = next(value for name, value in one.items() if name != "name")
    return plain


@pytest.fixture(scope="module")
def someone(service: Running) -> Person:
    """Somebody who keeps allergies from the hospital."""
    found = admitted(service, 8_300)
    consent = sharing(found, "permit", provision={"provision": [keeping_from("ZZHOS1", "allergies")]})
    assert service.call("POST", "/Consent", gp(service), consent).status_code == 201
    return found


def test_it_says_what_the_service_does_and_by_which_rule(service: Running, someone: Person) -> None:
    stranger = told(asks(service, someone.nhs_number))
    assert (stranger["http"], stranger["rule"], stranger["relationship"]) == (404, "2.5", "none")
    assert service.emergency(service.token("ambulance", "ZZAMB1"), someone.nhs_number).status_code == 404

    service.open_incident(someone.nhs_number)

    sent = told(asks(service, someone.patient))
    assert (sent["http"], sent["rule"], sent["relationship"]) == (200, "3", "established")
    assert service.emergency(service.token("ambulance", "ZZAMB1"), someone.nhs_number).status_code == 200
    assert "cpr_decision" in sent["open"]
    assert "mental_health" not in sent["open"]
    assert sent["sections"]["mental_health"]["reason"] == "this tier opens in an emergency only"
    assert set(sent["sections"]) == {section.value for section in Section}
    broken = told(asks(service, someone.patient, basis="unable_to_ask", reason="found unconscious", assurance="2"))
    assert broken["rule"] == "2.3", "assurance is a number"


def test_consents_policy_and_what_is_withheld_are_named_without_content(service: Running, someone: Person) -> None:
    answer = asks(service, someone.patient, role="hospital", organization="ZZHOS1", selfClaimReason="admitted at night")
    plain = told(answer)
    assert plain["http"] == 200
    assert plain["sections"]["allergies"]["rule"] == "5.1"
    assert plain["policy"].startswith("epaccs-base|")
    assert "Consent/" in plain["consent"]["reference"]
    assert {"notify_privacy_officer", "ttl_24h"} <= plain["obligations"]
    for secret in (someone.nhs_number, str(someone.resource("Patient")["name"][0]["family"]), someone.cpr()):
        assert secret not in answer.text


def test_asking_is_written_down_about_the_person_and_nothing_of_the_supposed_caller(
    service: Running, someone: Person
) -> None:
    answer = asks(service, someone.patient, selfClaimReason="supposed")
    (entry,) = entries_of(service, answer)
    assert (entry.interaction, entry.role, entry.patient) == ("$explain-access", "privacy_officer", someone.patient)
    assert entry.self_claim_reason == ""
    real = service.token("ambulance", "ZZAMB9", user_id="zz-real", self_claim_reason="really here")
    (claimed,) = entries_of(service, service.emergency(real, someone.nhs_number))
    assert "notify_privacy_officer" in claimed.obligations, "a supposed claim uses up nobody's alert"


def test_at_another_time(service: Running, someone: Person) -> None:
    later = (datetime.now(UTC) + timedelta(hours=13)).isoformat(timespec="seconds")
    service.open_incident(someone.nhs_number)
    assert told(asks(service, someone.patient))["http"] == 200
    assert told(asks(service, someone.patient, at=later))["http"] == 404, "the incident has ended by then"


@pytest.mark.parametrize("role", ["gp", "system", "patient", "admin"])
def test_it_is_for_privacy_officers(service: Running, someone: Person, role: str) -> None:
    for whom in (someone.patient, nhs_number(8_301)):
        assert asks(service, whom, service.token(role, "ZZGP01")).status_code == 403


@pytest.mark.parametrize("operation", ["$explain-access", "$copies-held", "$answer-as-given"])
def test_who_may_not_ask_is_told_so_whatever_the_question_is(service: Running, operation: str) -> None:
    bodies: list[Any] = [b"not JSON", {"resourceType": "Patient"}, parameters(role="no-role"), parameters(patient="x")]
    token = service.token("gp", "ZZGP01")
    answers = [service.call("POST", f"/Patient/{operation}", token, body) for body in bodies]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1
    for answer in answers:
        (entry,) = entries_of(service, answer)
        assert (entry.permitted, entry.interaction) == (False, operation)
    officers = [service.call("POST", f"/Patient/{operation}", service.token(*OFFICER), body) for body in bodies]
    assert {answer.status_code for answer in officers} <= {400, 404, 422}


def test_out_of_scope_and_absent_are_the_same(service: Running, someone: Person) -> None:
    elsewhere = service.token("privacy_officer", "ZZHSP9")
    answers = [
        asks(service, someone.patient, elsewhere),
        asks(service, nhs_number(8_302), elsewhere),
        asks(service, someone.nhs_number, elsewhere, role="hospice", organization="ZZHSP9"),
        asks(service, "Patient/00000000-0000-4000-8000-000000000001"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_an_officer_may_ask_what_their_own_organisation_gets_of_whom_it_had(service: Running, someone: Person) -> None:
    service.open_incident(someone.nhs_number)
    assert service.emergency(service.token("ambulance", "ZZAMB1"), someone.nhs_number).status_code == 200
    assert asks(service, someone.patient, service.token("privacy_officer", "ZZAMB1")).status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"role": "porter"}, {"purpose": "FUN"}, {"organization": "?"}, {"at": "noon"}, {"user": "x" * 129}]
)
def test_a_wrong_question_is_told_what_is_wrong(service: Running, someone: Person, wrong: dict[str, str]) -> None:
    answer = asks(service, someone.patient, **wrong)
    ((name, value),) = wrong.items()
    assert answer.status_code == 422
    assert name in issues_of(answer)[0]["expression"][0]
    assert value not in answer.text.replace("fun", "")
