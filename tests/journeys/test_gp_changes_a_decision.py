"""The GP changes the CPR decision; who wrote on an older version is told so and loses nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx

from tests.journeys.people import (
    Person,
    TimeMachine,
    admitted,
    bare_patient,
    code_of,
    crew,
    gp,
    issues_of,
    summary,
    texts_of,
    transaction,
)
from tests.running import Running

_KEPT = re.compile(r"\$refused-text\?id=[A-Za-z0-9_-]+")
FOR_CPR = {"coding": [{"system": "http://snomed.info/sct", "code": "450475007"}]}


def _changed(service: Running, someone: Person, **elements: Any) -> dict[str, Any]:
    """Return the current CPR decision with some elements changed, as its reader would send it back."""
    current: dict[str, Any] = service.call("GET", f"/{someone.cpr()}", gp(service)).json()
    return {**current, **elements}


def _put(
    service: Running, someone: Person, resource: dict[str, Any], version: int, token: str | None = None
) -> httpx.Response:
    return service.call("PUT", f"/{someone.cpr()}", token or gp(service), resource, {"If-Match": f'W/"{version}"'})


def test_the_new_version_has_a_new_etag_and_the_crew_sees_it_next(service: Running) -> None:
    someone = admitted(service, 300)
    service.open_incident(someone.nhs_number)
    assert "DO NOT ATTEMPT CPR" in summary(service, crew(service), someone.nhs_number).words("cpr_decision")

    answer = _put(service, someone, _changed(service, someone, valueCodeableConcept=FOR_CPR), 1)

    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"2"'
    assert answer.headers["location"].endswith(f"/{someone.cpr()}/_history/2")
    assert answer.json()["meta"]["versionId"] == "2"
    words = summary(service, crew(service), someone.nhs_number).words("cpr_decision")
    assert "ATTEMPT CPR" in words
    assert "DO NOT ATTEMPT" not in words


def test_a_writer_who_did_not_say_which_version_it_read_is_asked_to(service: Running) -> None:
    someone = admitted(service, 301)

    answer = service.call("PUT", f"/{someone.cpr()}", gp(service), _changed(service, someone))

    assert answer.status_code == 428
    assert "If-Match" in texts_of(answer)


def test_a_stale_writer_is_told_what_changed_when_and_by_whom(service: Running) -> None:
    someone = admitted(service, 302)
    mine = _changed(service, someone, note=[{"text": "Spoke to the daughter."}])
    newer = _put(service, someone, _changed(service, someone, valueCodeableConcept=FOR_CPR), 1).json()

    answer = _put(service, someone, mine, 1, service.token("hospice", "ZZGP01"))

    assert answer.status_code == 412
    assert answer.headers["etag"] == 'W/"2"'
    told = texts_of(answer)
    assert "You named version 1; version 2" in told
    assert newer["meta"]["lastUpdated"] in told
    assert "ZZGP01, Dr Anwen Testwick" in told
    assert "Changed since: valueCodeableConcept." in told
    assert "Spoke to the daughter" not in answer.text


def test_a_stale_writer_who_may_not_read_the_resource_learns_the_version_alone(service: Running) -> None:
    someone = admitted(service, 330)
    system = service.token("system", "ZZGP01")
    hidden = [
        reference for reference in someone.references if service.call("GET", f"/{reference}", system).status_code == 404
    ]
    personal = next(reference for reference in hidden if reference.startswith("Observation/"))
    current = service.call("GET", f"/{personal}", gp(service)).json()
    assert service.call("PUT", f"/{personal}", gp(service), current, {"If-Match": 'W/"1"'}).status_code == 200

    answer = service.call("PUT", f"/{personal}", system, current, {"If-Match": 'W/"1"'})

    assert answer.status_code == 412
    told = texts_of(answer)
    assert "version 2 is the current one" in told
    assert "recorded at" not in told
    assert "Testwick" not in answer.text
    assert "Changed since" not in told


def test_a_stale_writer_fetches_its_own_text_back_byte_for_byte(service: Running) -> None:
    someone = admitted(service, 303)
    token, body = gp(service), _changed(service, someone, note=[{"text": "Äußerst wichtig: ring the niece."}])
    _put(service, someone, _changed(service, someone), 1)
    refused = _put(service, someone, body, 1, token)
    (address,) = _KEPT.findall(texts_of(refused))

    answer = service.call("GET", f"/{address}", gp(service))

    assert answer.status_code == 200
    assert answer.content == refused.request.content
    assert answer.headers["cache-control"] == "no-store"


def test_nobody_else_is_given_a_refused_text(service: Running) -> None:
    someone = admitted(service, 304)
    stale = _changed(service, someone)
    _put(service, someone, _changed(service, someone), 1)
    (address,) = _KEPT.findall(texts_of(_put(service, someone, stale, 1)))

    others = [
        service.token("gp", "ZZGP01"),
        service.token("gp", "ZZGP01", user_id="555500000011"),
        service.token("hospice", "ZZHSP1"),
        service.token("system", "ZZGP01"),
    ]
    for token in others:
        answer = service.call("GET", f"/{address}", token)
        assert answer.status_code == 404
    unknown = service.call("GET", "/$refused-text?id=nothing-of-the-kind", gp(service))
    assert unknown.status_code == 404
    assert unknown.content == service.call("GET", f"/{address}", others[0]).content


def test_a_refused_text_is_gone_after_seven_days(later: TimeMachine) -> None:
    service = later.service
    someone = admitted(service, 305)
    stale = _changed(service, someone)
    _put(service, someone, _changed(service, someone), 1)
    (address,) = _KEPT.findall(texts_of(_put(service, someone, stale, 1)))

    later.clock.advance(timedelta(days=6, hours=23))
    assert service.call("GET", f"/{address}", gp(service)).status_code == 200

    later.clock.advance(timedelta(hours=2))
    assert service.call("GET", f"/{address}", gp(service)).status_code == 404


def test_a_stale_entry_stops_its_whole_transaction(service: Running) -> None:
    someone = admitted(service, 306)
    stale = _changed(service, someone)
    _put(service, someone, _changed(service, someone, valueCodeableConcept=FOR_CPR), 1)
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "Oxygen in the house"},
        "subject": {"reference": someone.patient},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety"}]}],
    }

    answer = service.call(
        "POST",
        "",
        gp(service),
        transaction(("POST", "Flag", flag), ("PUT", someone.cpr(), stale, {"ifMatch": 'W/"1"'})),
    )

    assert answer.status_code == 412
    assert service.call("GET", f"/Flag?patient={someone.patient}", gp(service)).json()["total"] == 0


def test_a_version_that_never_was_is_stale_too(service: Running) -> None:
    someone = admitted(service, 307)
    assert _put(service, someone, _changed(service, someone), 7).status_code == 412


def test_who_may_not_write_the_decision_does_not_change_it(service: Running) -> None:
    someone = admitted(service, 308)
    service.open_incident(someone.nhs_number)
    changed = _changed(service, someone, valueCodeableConcept=FOR_CPR)

    paramedic = _put(service, someone, changed, 1, crew(service))
    stranger = _put(service, someone, changed, 1, service.token("hospice", "ZZHSP9"))

    assert paramedic.status_code == 403
    assert code_of(paramedic) == "not-allowed-to-write"
    assert stranger.status_code == 404
    assert service.call("GET", f"/{someone.cpr()}", gp(service)).headers["etag"] == 'W/"1"'


def test_another_organisation_of_the_care_team_may_change_it_and_is_named_as_the_source(service: Running) -> None:
    someone = admitted(service, 309)
    sister = service.token("hospice", "ZZHSP1")
    service.call("POST", "/Patient", sister, bare_patient(someone))

    answer = _put(service, someone, _changed(service, someone, valueCodeableConcept=FOR_CPR), 1, sister)

    assert answer.status_code == 200, answer.text
    assert answer.json()["meta"]["source"].startswith("https://fhir.nhs.uk/Id/ods-organization-code/ZZHSP1#")


def test_every_version_can_be_read_back_with_its_source_and_what_it_replaced(service: Running) -> None:
    someone = admitted(service, 310)
    _put(service, someone, _changed(service, someone, valueCodeableConcept=FOR_CPR), 1)
    _put(service, someone, _changed(service, someone, note=[{"text": "Reviewed."}]), 2, service.token("gp", "ZZGP01"))
    address = f"{service.settings.fhir_base}/{someone.cpr()}/_history"

    bundle = service.call("GET", f"/{someone.cpr()}/_history", gp(service)).json()

    assert bundle["type"] == "history"
    assert bundle["total"] == 3
    told = [
        (entry["request"]["method"], entry["response"]["etag"], entry["resource"]["meta"]["source"].partition("#")[2])
        for entry in bundle["entry"]
    ]
    assert told == [
        ("PUT", 'W/"3"', "demo-door:ZZGP01:gp"),
        ("PUT", 'W/"2"', "demo-gp"),
        ("POST", 'W/"1"', "demo-gp"),
    ]
    replaced = [entry.get("link") for entry in bundle["entry"]]
    assert replaced == [
        [{"relation": "predecessor-version", "url": f"{address}/2"}],
        [{"relation": "predecessor-version", "url": f"{address}/1"}],
        None,
    ]
    codes = [entry["resource"]["valueCodeableConcept"]["coding"][0]["code"] for entry in bundle["entry"]]
    assert codes == ["450475007", "450475007", "450476008"]


def test_a_single_version_names_the_one_it_replaced(service: Running) -> None:
    someone = admitted(service, 311)
    _put(service, someone, _changed(service, someone, valueCodeableConcept=FOR_CPR), 1)

    first = service.call("GET", f"/{someone.cpr()}/_history/1", gp(service))
    second = service.call("GET", f"/{someone.cpr()}/_history/2", gp(service))

    assert first.json()["valueCodeableConcept"]["coding"][0]["code"] == "450476008"
    assert first.headers["etag"] == 'W/"1"'
    assert "link" not in first.headers
    base = service.settings.fhir_base
    assert second.headers["link"] == f'<{base}/{someone.cpr()}/_history/1>; rel="predecessor-version"'
    assert service.call("GET", f"/{someone.cpr()}/_history/3", gp(service)).status_code == 404
    assert service.call("GET", f"/{someone.cpr()}/_history/0", gp(service)).status_code == 404


def test_what_a_sender_says_of_version_time_and_source_is_not_believed(service: Running) -> None:
    someone = admitted(service, 312)
    lie = {"versionId": "9", "lastUpdated": "1999-01-01T00:00:00Z", "source": "https://elsewhere.example.org/"}

    answer = _put(service, someone, _changed(service, someone, meta=lie), 1)

    meta = answer.json()["meta"]
    assert meta["versionId"] == "2"
    assert not meta["lastUpdated"].startswith("1999")
    assert meta["source"] == "https://fhir.nhs.uk/Id/ods-organization-code/ZZGP01#demo-gp"


def test_a_refused_change_is_no_version(service: Running) -> None:
    someone = admitted(service, 313)
    wrong = _changed(service, someone, status="no-such-status")

    answer = _put(service, someone, wrong, 1)

    assert answer.status_code == 422
    assert issues_of(answer)[0]["expression"] == ["Observation.status"]
    assert service.call("GET", f"/{someone.cpr()}/_history", gp(service)).json()["total"] == 1
