"""A crew breaks glass for somebody who cannot be asked: what opens, what never does, what is always written down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from fhir_profiles.canonical import code_system
from security.audit import AuditEntry
from tests.journeys.audit import entries_of
from tests.journeys.people import (
    Person,
    TimeMachine,
    admitted,
    explained,
    gp,
    issues_of,
    nhs_number,
    sharing,
    texts_of,
    transaction,
)
from tests.running import Running

REASON = "Found unconscious at home, nobody else there"
OVERRIDDEN = "has refused to share"


def paramedic(service: Running, user: str, assurance: int = 2, **claims: Any) -> str:
    """Return a token of a paramedic who signed in with so many factors."""
    return service.token("ambulance", "ZZAMB1", user_id=user, assurance=assurance, **claims)


def breaks(service: Running, token: str, someone: Person | str, **said: str | None) -> httpx.Response:
    """Ask for emergency access; `said` replaces parts of what is said, None leaves one out."""
    whom = someone if isinstance(someone, str) else someone.nhs_number
    born = "1940-01-01" if isinstance(someone, str) else str(someone.resource("Patient")["birthDate"])
    parts = {"nhsNumber": whom, "birthDate": born, "basis": "unable_to_ask", "reason": REASON} | said
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": value} for name, value in parts.items() if value is not None],
    }
    return service.call("POST", "/Patient/$break-glass", token, body)


def refusing(service: Running, index: int, *, emergencies: bool = False) -> Person:
    """Return somebody who refuses to share, with emergencies too if so."""
    someone = admitted(service, index)
    purposes = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "ETREAT"}]
    more = {"provision": {"purpose": purposes}} if emergencies else {}
    refusal = [("POST", "Consent", sharing(someone, "deny"))]
    if emergencies:
        refusal.append(("POST", "Consent", sharing(someone, "deny", **more)))
    written = service.call("POST", "", gp(service), transaction(*refusal))
    assert written.status_code == 200, written.text
    return someone


def told(answer: httpx.Response) -> tuple[Any, ...]:
    """Return everything that an answer tells, but for ids and times."""
    kept = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return answer.status_code, kept, answer.content


def entry_of(service: Running, answer: httpx.Response) -> AuditEntry:
    (entry,) = entries_of(service, answer)
    return entry


def test_one_more_request_gives_the_plan_of_somebody_who_refused_to_share(service: Running) -> None:
    someone = refusing(service, 8_001)
    token = paramedic(service, "zz-glass-1")
    assert service.emergency(token, someone.nhs_number).status_code == 404

    answer = breaks(service, token, someone)

    assert answer.status_code == 200, answer.text
    assert answer.json()["type"] == "document"
    assert OVERRIDDEN in answer.text
    entry = entry_of(service, answer)
    assert (entry.interaction, entry.relationship, entry.rule) == ("$break-glass", "self_claimed", "4")
    assert (entry.break_glass_basis, entry.break_glass_reason) == ("unable_to_ask", REASON)
    due = {"notify_privacy_officer", "patient_log_entry", "review_task", "ttl_break_glass", "dissent_overridden"}
    assert due <= set(entry.obligations)


def test_what_is_read_next_opens_with_the_grant_and_alerts_no_second_time(service: Running) -> None:
    someone = refusing(service, 8_002)
    token = paramedic(service, "zz-glass-2")
    given = breaks(service, token, someone)
    grant = {"Emergency-Access": given.headers["emergency-access"]}

    read = service.call("GET", f"/{someone.cpr()}", token, headers=grant)

    assert read.status_code == 200
    assert service.call("GET", f"/{someone.cpr()}", token).status_code == 404, "without the grant nothing opens"
    found = service.call("GET", f"/Observation?patient={someone.patient}", token, headers=grant)
    assert found.json()["total"] >= 1
    entry = entry_of(service, read)
    assert entry.break_glass_reason == REASON
    assert "patient_log_entry" in entry.obligations
    assert not {"notify_privacy_officer", "review_task"} & set(entry.obligations)


def test_a_grant_is_for_one_user_one_person_and_a_while(later: TimeMachine) -> None:
    service = later.service
    someone, other = refusing(service, 8_003), refusing(service, 8_004)
    token = paramedic(service, "zz-glass-3")
    grant = {"Emergency-Access": breaks(service, token, someone).headers["emergency-access"]}

    assert service.call("GET", f"/{other.patient}", token, headers=grant).status_code == 404
    for stranger in (paramedic(service, "zz-glass-4"), service.token("nhs111", "ZZ1110", user_id="zz-glass-3")):
        answer = service.call("GET", f"/{someone.patient}", stranger, headers=grant)
        assert answer.status_code == 403
        assert "ended" in answer.text
    weaker = paramedic(service, "zz-glass-3", assurance=1)
    assert service.call("GET", f"/{someone.patient}", weaker, headers=grant).status_code == 403

    later.clock.advance(timedelta(minutes=239))
    assert (
        service.call("GET", f"/{someone.patient}", paramedic(service, "zz-glass-3"), headers=grant).status_code == 200
    )
    later.clock.advance(timedelta(minutes=2))
    assert (
        service.call("GET", f"/{someone.patient}", paramedic(service, "zz-glass-3"), headers=grant).status_code == 403
    )


def test_glass_that_is_broken_never_writes(service: Running) -> None:
    someone = refusing(service, 8_005)
    token = paramedic(service, "zz-glass-5")
    grant = {"Emergency-Access": breaks(service, token, someone).headers["emergency-access"]}
    note = {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": someone.patient},
        "payload": [{"contentString": "Seen at home"}],
    }

    assert service.call("POST", "/Communication", token, note, grant).status_code in (403, 404)
    assert service.call("GET", f"/Communication?patient={someone.patient}", gp(service)).json()["total"] == 0


@pytest.fixture(scope="module")
def somebody(service: Running) -> Person:
    """Somebody with a plan, for questions that are refused."""
    return admitted(service, 8_006)


@pytest.mark.parametrize(
    ("user", "assurance", "said"),
    [
        ("zz-glass-6", 2, {"reason": "help"}),
        ("zz-glass-7", 2, {"reason": None}),
        ("zz-glass-8", 2, {"basis": "patient_refuses"}),
        ("zz-glass-9", 2, {"basis": None}),
        ("zz-glass-10", 2, {"basis": "public_interest"}),
        ("zz-glass-11", 1, {}),
    ],
)
def test_what_does_not_meet_the_conditions_is_refused_and_alerted_with_and_without_a_record(
    service: Running, somebody: Person, user: str, assurance: int, said: dict[str, str | None]
) -> None:
    nobody = nhs_number(8_007)
    token = paramedic(service, user, assurance)

    known, unknown = (breaks(service, token, whom, **said) for whom in (somebody, nobody))

    assert known.status_code == 403
    assert told(known) == told(unknown)
    for answer in (known, unknown):
        entry = entry_of(service, answer)
        assert "notify_privacy_officer" in entry.obligations
        assert entry.record == ""


def test_a_machine_breaks_no_glass(service: Running) -> None:
    answer = breaks(service, service.token("system", "ZZAMB1"), admitted(service, 8_008))

    assert answer.status_code == 403
    assert "notify_privacy_officer" in entry_of(service, answer).obligations


def test_an_absent_record_another_birth_date_and_an_absolute_refusal_answer_alike_and_alert(service: Running) -> None:
    absolute = refusing(service, 8_009, emergencies=True)
    someone = refusing(service, 8_010)
    nobody = nhs_number(8_011)

    answers = [
        breaks(service, paramedic(service, "zz-glass-12"), absolute),
        breaks(service, paramedic(service, "zz-glass-13"), someone, birthDate="1901-02-03"),
        breaks(service, paramedic(service, "zz-glass-14"), nobody),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert told(answers[0]) == told(answers[1]) == told(answers[2])
    assert all("notify_privacy_officer" in entry_of(service, answer).obligations for answer in answers)


def test_who_is_refused_too_often_is_locked_whomever_they_ask_for(later: TimeMachine) -> None:
    service = later.service
    someone = refusing(service, 8_012)
    nobody = nhs_number(8_013)
    for _ in range(5):
        assert breaks(service, paramedic(service, "zz-glass-15"), nobody).status_code == 404

    locked = breaks(service, paramedic(service, "zz-glass-15"), someone)

    assert locked.status_code == 403
    assert "locked" in issues_of(locked)[0]["details"]["text"]
    assert "notify_privacy_officer" in entry_of(service, locked).obligations
    assert told(locked) == told(breaks(service, paramedic(service, "zz-glass-15"), nobody))
    assert breaks(service, paramedic(service, "zz-glass-16"), someone).status_code == 200, "others are not"
    later.clock.advance(timedelta(minutes=61))
    assert breaks(service, paramedic(service, "zz-glass-15"), someone).status_code == 200


def test_a_section_kept_from_the_ambulance_opens_and_what_it_has_stays(service: Running) -> None:
    someone = admitted(service, 8_014)
    service.open_incident(someone.nhs_number)
    section = {"coding": [{"system": code_system("section"), "code": "allergies"}]}
    kept = {"type": "deny", "code": [section]}
    consent = sharing(someone, "permit", provision={"provision": [kept]}, extension=[explained()])
    assert service.call("POST", "/Consent", gp(service), consent).status_code == 201
    token = paramedic(service, "zz-glass-17")
    search = f"/AllergyIntolerance?patient={someone.patient}"
    before = service.call("GET", search, token).json()

    given = breaks(service, token, someone, basis="lacks_capacity")

    after = service.call("GET", search, token, headers={"Emergency-Access": given.headers["emergency-access"]}).json()
    assert (before["total"], after["total"]) == (0, 1)
    assert entry_of(service, given).relationship == "established"
    assert OVERRIDDEN not in given.text


def test_public_interest_needs_a_senior_and_has_one(service: Running) -> None:
    someone = refusing(service, 8_015)
    answer = breaks(service, paramedic(service, "zz-glass-18"), someone, basis="public_interest", senior="Dr Z Duty")
    assert answer.status_code == 200


def test_a_wrong_question_is_told_what_is_wrong_with_it_and_nothing_else(service: Running, somebody: Person) -> None:
    token = paramedic(service, "zz-glass-19")
    for said in ({"birthDate": "yesterday"}, {"nhsNumber": "9990000000"}, {"reason": "x" * 501}):
        answer = breaks(service, token, somebody, **said)
        assert answer.status_code == 422
        assert next(iter(said.values())) not in answer.text


def test_a_claimed_relationship_alerts_once_a_day(later: TimeMachine) -> None:
    service = later.service
    someone = admitted(service, 8_017)

    def asks() -> AuditEntry:
        claim = "Called to the door by a neighbour"
        token = paramedic(service, "zz-glass-20", assurance=1, self_claim_reason=claim)
        answer = service.emergency(token, someone.nhs_number)
        assert answer.status_code == 200, texts_of(answer)
        return entry_of(service, answer)

    first, second = asks(), asks()
    assert first.relationship == second.relationship == "self_claimed"
    assert "notify_privacy_officer" in first.obligations
    assert "notify_privacy_officer" not in second.obligations
    later.clock.advance(timedelta(hours=25))
    assert "notify_privacy_officer" in asks().obligations
