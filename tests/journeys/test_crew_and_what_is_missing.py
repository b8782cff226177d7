"""What a crew is told of what is not there, not agreed, out of date, or withheld: never an empty space."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.people import (
    Person,
    admitted,
    crew,
    explained,
    gp,
    keeping_from,
    person,
    sharing,
    summary,
)
from tests.journeys.people import extension as ours
from tests.running import Running

SECTIONS = (
    "demographics cpr_decision treatment_escalation adrt preferred_place anticipatory_medicines allergies "
    "emergency_contacts communication_needs safety_alerts"
).split()


def test_what_is_not_recorded_says_so_and_what_that_does_not_mean(service: Running) -> None:
    someone = admitted(
        service, 102, cpr="none", level="none", medicines=0, allergy="not-recorded", attorney=False, alert=None
    )
    service.open_incident(someone.nhs_number)

    answer = summary(service, crew(service), someone.nhs_number)

    for code in ("cpr_decision", "treatment_escalation", "adrt", "anticipatory_medicines", "allergies"):
        assert answer.state(code) == "not-recorded"
    assert "this does not mean the person has none" in answer.words("cpr_decision")


def test_a_ceiling_is_not_taken_for_a_cpr_decision(service: Running) -> None:
    someone = admitted(service, 103, cpr="none", level="comfort")
    service.open_incident(someone.nhs_number)

    answer = summary(service, crew(service), someone.nhs_number)

    assert answer.state("cpr_decision") == "not-recorded"
    assert answer.state("treatment_escalation") == "recorded"
    assert "is not a CPR decision" in answer.words("cpr_decision")


def test_a_passed_review_is_said_and_hides_nothing(service: Running) -> None:
    someone = admitted(service, 104, review_in_days=-9, decided_days_ago=100)
    service.open_incident(someone.nhs_number)

    answer = summary(service, crew(service), someone.nhs_number)

    assert "DO NOT ATTEMPT CPR" in answer.words("cpr_decision")
    assert "REVIEW OVERDUE" in answer.words("cpr_decision")
    late = ours(answer.composition, "out-of-date")
    assert late is not None
    assert late["valueBoolean"] is True


def test_two_decisions_that_disagree_are_both_shown_and_none_is_picked(service: Running) -> None:
    someone = admitted(service, 105, cpr="conflict")
    service.open_incident(someone.nhs_number)

    answer = summary(service, crew(service), someone.nhs_number)

    assert "CPR DECISIONS IN CONFLICT" in answer.words("cpr_decision")
    codes = {item["code"]["coding"][0]["code"] for item in answer.items("cpr_decision")}
    assert codes == {"450475007", "450476008"}


def _withholding(service: Running, someone: Person, section: str, organisation: str = "ZZAMB1") -> None:
    """Let the practice record that the person keeps a section from an organisation."""
    standing = someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))
    denial = keeping_from(organisation, section)
    new = sharing(someone, "permit", provision={"provision": [denial]}, extension=[explained()])
    old = service.call("GET", f"/{standing}", gp(service)).json()
    new["id"] = old["id"]
    answer = service.call("PUT", f"/{standing}", gp(service), new, {"If-Match": 'W/"1"'})
    assert answer.status_code == 200, answer.text


def test_what_the_person_keeps_from_the_service_is_said_to_be_withheld_never_to_be_absent(service: Running) -> None:
    someone = admitted(service, 106)
    service.open_incident(someone.nhs_number)
    _withholding(service, someone, "anticipatory_medicines")

    answer = summary(service, crew(service), someone.nhs_number)

    assert answer.state("anticipatory_medicines") == "withheld-or-unavailable"
    assert "do not infer that there are none" in answer.words("anticipatory_medicines")
    assert answer.state("cpr_decision") == answer.state("allergies") == "recorded"
    assert not answer.types() & {"MedicationRequest", "MedicationDispense"}
    assert "36128211000001109" not in answer.text
    assert answer.bundle["meta"]["security"][0]["code"] == "REDACTED"


def test_a_section_that_is_withheld_and_empty_looks_the_same_as_one_that_is_withheld_and_full(
    service: Running,
) -> None:
    full, empty = admitted(service, 107), admitted(service, 108, medicines=0)
    sections: list[dict[str, Any]] = []
    for someone in (full, empty):
        service.open_incident(someone.nhs_number)
        _withholding(service, someone, "anticipatory_medicines")
        answer = summary(service, crew(service), someone.nhs_number)
        assert answer.bundle["meta"]["security"][0]["code"] == "REDACTED"
        sections.append(answer.section("anticipatory_medicines"))

    assert sections[0] == sections[1]


def test_decisions_are_withheld_together_and_the_crew_is_warned(service: Running) -> None:
    someone = admitted(service, 109, advance_decision=True)
    service.open_incident(someone.nhs_number)
    group = ["cpr_decision", "treatment_escalation", "adrt", "lpa_health_welfare", "decision_context"]
    denial = keeping_from("ZZAMB1", "cpr_decision")
    denial["code"] = [keeping_from("ZZAMB1", section)["code"][0] for section in group]
    standing = someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))
    new = sharing(
        someone, "permit", provision={"provision": [denial]}, id=standing.partition("/")[2], extension=[explained()]
    )
    answer = service.call("PUT", f"/{standing}", gp(service), new, {"If-Match": 'W/"1"'})
    assert answer.status_code == 200, answer.text

    found = summary(service, crew(service), someone.nhs_number)

    for code in ("cpr_decision", "treatment_escalation", "adrt", "lpa_health_welfare"):
        assert found.state(code) == "withheld-or-unavailable"
        assert "do not infer their absence" in found.words(code)
    assert "450476008" not in found.text
    assert found.state("allergies") == "recorded"


def test_a_consent_that_splits_the_decisions_is_refused_when_it_is_written(service: Running) -> None:
    someone = admitted(service, 110)
    standing = someone.reference("Consent", lambda consent: "patient-privacy" in str(consent["scope"]))
    split = sharing(
        someone,
        "permit",
        provision={"provision": [keeping_from("ZZAMB1", "cpr_decision")]},
        id=standing.partition("/")[2],
    )

    answer = service.call("PUT", f"/{standing}", gp(service), split, {"If-Match": 'W/"1"'})

    assert answer.status_code == 422
    assert "must not split the decision group" in answer.text


def test_the_services_system_without_a_person_gets_the_critical_sections_and_the_address(service: Running) -> None:
    someone = admitted(service, 111)
    service.open_incident(someone.nhs_number)

    answer = summary(service, service.token("system", "ZZAMB1"), someone.nhs_number)

    assert {answer.state(code) for code in SECTIONS} <= {"recorded", "not-recorded"}
    assert answer.state("cpr_decision") == "recorded"
    (patient,) = [
        entry["resource"] for entry in answer.bundle["entry"] if entry["resource"]["resourceType"] == "Patient"
    ]
    assert patient["address"]


def test_the_system_is_given_no_personal_wishes(service: Running) -> None:
    someone = admitted(service, 112)
    service.open_incident(someone.nhs_number)
    wishes = someone.reference("Observation", lambda one: "preferences-and-wishes" in str(one["code"]))

    assert service.call("GET", f"/{wishes}", crew(service)).status_code == 200
    assert service.call("GET", f"/{wishes}", service.token("system", "ZZAMB1")).status_code == 404


def test_a_receptionist_gets_identity_and_address_and_is_told_that_the_rest_is_withheld(service: Running) -> None:
    someone = admitted(service, 113)

    answer = summary(service, service.token("admin", "ZZGP01"), someone.nhs_number)

    assert answer.state("demographics") == "recorded"
    for code in ("cpr_decision", "allergies", "anticipatory_medicines", "emergency_contacts"):
        assert answer.state(code) == "withheld-or-unavailable"
    assert answer.types() <= {"Composition", "Patient", "Organization"}


@pytest.mark.parametrize("role", ["researcher", "privacy_officer"])
def test_who_has_no_business_at_the_door_is_refused_whoever_it_is_about(service: Running, role: str) -> None:
    someone, nobody, token = admitted(service, 116 + (role == "researcher")), person(118), service.token(role, "ZZGP01")

    answers = [service.emergency(token, one.nhs_number) for one in (someone, nobody)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content


def test_the_practice_itself_gets_the_answer_without_an_incident(service: Running) -> None:
    someone = admitted(service, 114)
    assert summary(service, gp(service), someone.nhs_number).state("cpr_decision") == "recorded"


def test_without_a_sharing_decision_it_is_served_with_a_prompt_to_ask(service: Running) -> None:
    someone = admitted(service, 115, sharing="not-recorded")
    service.open_incident(someone.nhs_number)

    answer = summary(service, crew(service), someone.nhs_number)

    assert "No consent to share is recorded" in answer.composition["text"]["div"]


def test_a_decision_that_its_label_hides_takes_the_others_with_it_in_every_way_of_reading(service: Running) -> None:
    someone = admitted(service, 119)
    service.open_incident(someone.nhs_number)
    decision = service.call("GET", f"/{someone.cpr()}", gp(service)).json()
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}
    decision["meta"]["security"] = [label]
    assert service.call("PUT", f"/{someone.cpr()}", gp(service), decision, {"If-Match": 'W/"1"'}).status_code == 200
    escalation = someone.reference("CarePlan")

    found = summary(service, crew(service), someone.nhs_number)

    assert found.state("treatment_escalation") == found.state("cpr_decision") == "withheld-or-unavailable"
    for reference in (someone.cpr(), escalation):
        for path in (reference, f"{reference}/_history", f"{reference}/_history/1"):
            assert service.call("GET", f"/{path}", crew(service)).status_code == 404
            assert service.call("GET", f"/{path}", gp(service)).status_code == 200
    assert service.call("GET", f"/CarePlan?patient={someone.patient}", crew(service)).json()["total"] == 0
