"""A person and a privacy officer look at who used a plan, over HTTP."""

from __future__ import annotations

from fhir_profiles.validation import validate
from tests.journeys.people import admitted, crew, gp
from tests.running import Running


def the_person(service: Running, number: str) -> str:
    return service.token("patient", "ZZGP01", user_id=number, purpose="PATRQT")


def test_who_used_my_plan(service: Running) -> None:
    someone = admitted(service, 985)
    service.open_incident(someone.nhs_number)
    assert service.emergency(crew(service), someone.nhs_number).status_code == 200

    mine = service.call(
        "GET", f"/AuditEvent?entity={someone.patient}&_count=1", the_person(service, someone.nhs_number)
    )

    assert mine.status_code == 200, mine.text
    (entry,) = mine.json()["entry"]
    assert "you looked at the list" in entry["resource"]["text"]["div"], "the look itself is written down first"
    assert validate(entry["resource"]) == []
    (following,) = [link["url"] for link in mine.json()["link"] if link["relation"] == "next"]
    assert someone.patient not in following
    assert someone.nhs_number not in following
    more = service.call("GET", following, the_person(service, someone.nhs_number)).json()
    assert more["entry"][0]["resource"]["recorded"] <= entry["resource"]["recorded"]
    assert "an ambulance service" in more["entry"][0]["resource"]["text"]["div"]

    token = service.token("privacy_officer", "ZZAMB1", user_id="zz-officer-9", purpose="HCOMPL")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    theirs = service.call("POST", "/AuditEvent/_search", token, f"patient={someone.patient}".encode(), form)
    assert [one["resource"]["agent"][0]["who"]["identifier"]["value"] for one in theirs.json()["entry"]]
    assert all(validate(one["resource"]) == [] for one in theirs.json()["entry"])


def test_a_role_without_a_log_is_refused_whoever_is_named(service: Running) -> None:
    someone = admitted(service, 986)
    for whom in (someone.patient, "Patient/nobody"):
        answer = service.call("GET", f"/AuditEvent?entity={whom}", gp(service))
        assert answer.status_code == 403


def test_what_cannot_be_asked(service: Running) -> None:
    for query in ("agent=x", "cursor=abc", "_count=1000"):
        token = service.token("privacy_officer", "ZZAMB1", user_id="zz-officer-9", purpose="HCOMPL")
        assert service.call("GET", f"/AuditEvent?{query}", token).status_code == 400
    assert service.call("POST", "/AuditEvent", gp(service), {"resourceType": "AuditEvent"}).status_code == 405
