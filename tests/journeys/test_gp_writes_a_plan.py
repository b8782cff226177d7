"""The GP records the whole plan of a person in one go."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from security.assertions import Asserted
from security.principal import NamedPerson, Purpose, Role
from tests.journeys.people import (
    DR_TESTWICK,
    TimeMachine,
    admitted,
    ask_for_token,
    assertion,
    code_of,
    gp,
    is_cpr,
    person,
    references_of,
    send_assertion,
    texts_of,
)
from tests.running import Running

_LOCATION = re.compile(r"^[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}/_history/1$")


def test_the_practice_gets_a_token_for_the_clinician_it_names(service: Running) -> None:
    answer = ask_for_token(service, "demo-gp", Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"
    assert answer.json()["expires_in"] == 600


def test_the_token_ends_after_ten_minutes(later: TimeMachine) -> None:
    service = later.service
    token = gp(service)
    assert service.call("GET", "/Flag/never-was", token).status_code == 404

    later.clock.advance(timedelta(minutes=9))
    assert service.call("GET", "/Flag/never-was", token).status_code == 404

    later.clock.advance(timedelta(minutes=2))

    assert service.call("GET", "/Flag/never-was", token).status_code == 401


def test_a_whole_plan_is_recorded_and_every_part_has_an_id_a_version_and_an_etag(service: Running) -> None:
    someone = person(0, advance_decision=True)

    answer = service.call("POST", "", gp(service), someone.bundle)

    assert answer.status_code == 200
    bundle = answer.json()
    assert bundle["type"] == "transaction-response"
    assert len(bundle["entry"]) == len(someone.bundle["entry"])
    for sent, entry in zip(someone.bundle["entry"], bundle["entry"], strict=True):
        response = entry["response"]
        assert response["status"] == "201 Created"
        assert response["etag"] == 'W/"1"'
        assert _LOCATION.match(response["location"])
        assert response["location"].startswith(sent["resource"]["resourceType"] + "/")
        assert response["lastModified"].endswith("Z")
    kinds = {entry["resource"]["resourceType"] for entry in someone.bundle["entry"]}
    assert kinds >= {
        "Patient",
        "Observation",
        "CarePlan",
        "MedicationRequest",
        "AllergyIntolerance",
        "RelatedPerson",
        "CareTeam",
        "Consent",
        "Provenance",
    }


def test_every_part_can_be_read_back_where_its_location_says(service: Running) -> None:
    someone = admitted(service, 1)
    token = gp(service)

    for reference in someone.references:
        answer = service.call("GET", f"/{reference}", token)
        assert answer.status_code == 200, reference
        assert answer.headers["etag"] == 'W/"1"'
        resource_type, _, id = reference.partition("/")
        assert (answer.json()["resourceType"], answer.json()["id"]) == (resource_type, id)


def test_references_inside_the_plan_lead_to_the_resources_that_were_made(service: Running) -> None:
    someone = admitted(service, 2)

    decision = service.call("GET", f"/{someone.cpr()}", gp(service)).json()

    assert decision["subject"]["reference"] == someone.patient
    assert decision["performer"][0]["reference"] in someone.references
    assert "urn:uuid:" not in str(decision)


def test_the_same_request_under_one_key_is_answered_the_same_and_done_once(service: Running) -> None:
    someone, token, key = person(3), gp(service), {"Idempotency-Key": "plan-of-person-3"}

    first = service.call("POST", "", token, someone.bundle, key)
    second = service.call("POST", "", token, someone.bundle, key)

    assert first.status_code == second.status_code == 200
    assert references_of(first) == references_of(second)
    assert [entry["response"]["etag"] for entry in second.json()["entry"]] == ['W/"1"'] * len(someone.bundle["entry"])
    found = service.call("GET", f"/Observation?patient={_patient(references_of(first))}", token).json()
    assert found["total"] == sum(
        entry["resource"]["resourceType"] == "Observation" for entry in someone.bundle["entry"]
    )


def test_another_request_under_a_used_key_is_refused(service: Running) -> None:
    someone, token, key = person(4), gp(service), {"Idempotency-Key": "plan-of-person-4"}
    service.call("POST", "", token, someone.bundle, key)

    answer = service.call("POST", "", token, person(5).bundle, key)

    assert answer.status_code == 422
    assert "Idempotency-Key" in texts_of(answer)
    nobody = person(5).nhs_number
    assert (
        service.call("GET", f"/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|{nobody}", token).json()["total"]
        == 0
    )


def test_a_practices_system_without_a_person_may_carry_what_its_clinicians_decided(service: Running) -> None:
    token = service.token("system", "ZZGP01")

    answer = service.call("POST", "", token, person(6).bundle, {"Prefer": "return=minimal"})

    assert answer.status_code == 200, answer.text


def test_a_system_may_not_carry_a_decision_that_names_no_clinician(service: Running) -> None:
    someone = person(7)
    someone.resource("Observation", is_cpr)["performer"] = [{"display": "somebody"}]
    someone.resource("Provenance")["agent"] = [{"who": {"display": "somebody"}}]

    answer = service.call("POST", "", service.token("system", "ZZGP01"), someone.bundle)

    assert answer.status_code == 403
    assert code_of(answer) == "not-allowed-to-write"
    assert "clinician" in texts_of(answer)


@pytest.mark.parametrize(
    ("index", "role", "organisation"),
    [(20, "ambulance", "ZZAMB1"), (22, "nhs111", "ZZ1110"), (24, "care_home", "ZZCH01"), (26, "social_care", "ZZSOC1")],
)
def test_who_does_not_own_plans_takes_nobody_on(service: Running, index: int, role: str, organisation: str) -> None:
    known, unknown, token = admitted(service, index), person(index + 1), service.token(role, organisation)

    answers = [service.call("POST", "", token, someone.bundle) for someone in (known, unknown)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content
    assert service.call("GET", f"/{known.patient}", token).status_code == 404


def test_a_receptionist_writes_no_plan(service: Running) -> None:
    answer = service.call("POST", "", service.token("admin", "ZZGP01"), person(10).bundle)

    assert answer.status_code == 403


def test_a_researcher_is_refused_before_anything_is_looked_up(service: Running) -> None:
    known = admitted(service, 11)
    token = service.token("researcher", "ZZGP01")

    there = service.call("GET", f"/{known.patient}", token)
    nowhere = service.call("GET", "/Patient/nobody", token)

    assert there.status_code == nowhere.status_code == 403
    assert there.content == nowhere.content


@pytest.mark.parametrize(
    "asserted",
    [
        pytest.param(
            Asserted("ZZGP01", Role.AMBULANCE, Purpose.TREAT, NamedPerson("zz-9", "Bryn Pretend")),
            id="a role the client is not registered for",
        ),
        pytest.param(
            Asserted("ZZHSP1", Role.GP, Purpose.TREAT, DR_TESTWICK), id="an organisation it is not registered for"
        ),
    ],
)
def test_no_token_for_a_person_whom_the_registration_does_not_allow(service: Running, asserted: Asserted) -> None:
    answer = ask_for_token(service, "demo-gp", asserted)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    assert "access_token" not in answer.json()


def test_no_token_for_a_client_that_is_not_registered(service: Running) -> None:
    asserted = Asserted("ZZGP01", Role.GP, Purpose.TREAT, DR_TESTWICK)
    stranger = assertion(service, "demo-gp", asserted, client_id="nobody-knows-me").sign()

    answer = send_assertion(service, stranger)

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


def test_without_a_token_nothing_is_written(service: Running) -> None:
    answer = service.call("POST", "", None, person(12).bundle)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def _patient(references: list[str]) -> str:
    return next(reference for reference in references if reference.startswith("Patient/"))
