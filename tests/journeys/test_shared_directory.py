"""Organisations and services stand in a directory that one client keeps, everybody reads, and plans point at."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.identifiers import ODS_SYSTEM
from tests.journeys.people import admitted, gp, issues_of, texts_of
from tests.running import Running

SERVICE_IDS = "https://example.org/service-ids"


def _keeper(service: Running) -> str:
    return service.token("system", "ZZDIR1")


def _organisation(code: str, name: str = "Exampleshire Hospice at Home") -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "identifier": [{"system": ODS_SYSTEM, "value": code}],
        "active": True,
        "name": name,
    }


def _made(service: Running, resource: dict[str, Any]) -> str:
    answer = service.call("POST", f"/{resource['resourceType']}", _keeper(service), resource)
    assert answer.status_code == 201, answer.text
    return f"{resource['resourceType']}/{answer.json()['id']}"


def test_an_entry_is_created_once_for_its_identifier(service: Running) -> None:
    first = service.call("POST", "/Organization", _keeper(service), _organisation("ZZD01"))
    again = service.call("POST", "/Organization", _keeper(service), _organisation("ZZD01"))

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]


@pytest.mark.parametrize(
    ("role", "organisation"),
    [("gp", "ZZGP01"), ("ambulance", "ZZAMB9"), ("care_home", "ZZCH01"), ("system", "ZZCAD1"), ("patient", "ZZAPP1")],
)
def test_every_client_reads_it(service: Running, role: str, organisation: str) -> None:
    code = f"ZZD{len(role)}{organisation[2]}"
    reference, token = _made(service, _organisation(code)), service.token(role, organisation)

    assert service.call("GET", f"/{reference}", token).json()["name"] == "Exampleshire Hospice at Home"
    found = service.call("GET", f"/Organization?identifier={ODS_SYSTEM}|{code}", token).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [reference.partition("/")[2]]


@pytest.mark.parametrize(("role", "organisation"), [("gp", "ZZGP01"), ("system", "ZZGP01"), ("admin", "ZZENG1")])
def test_nobody_else_writes_it(service: Running, role: str, organisation: str) -> None:
    reference = _made(service, _organisation(f"ZZD{len(role)}W{organisation[2]}"))
    token = service.token(role, organisation)
    changed = {**_organisation("ZZDXX", "Taken over"), "id": reference.partition("/")[2]}

    created = service.call("POST", "/HealthcareService", token, {"resourceType": "HealthcareService", "name": "Mine"})
    updated = service.call("PUT", f"/{reference}", token, changed, {"If-Match": 'W/"1"'})

    assert created.status_code in (403, 404, 422)
    assert updated.status_code in (403, 404)
    assert service.call("GET", f"/{reference}", token).json()["name"] == "Exampleshire Hospice at Home"


def test_it_is_updated_at_the_version_that_was_read(service: Running) -> None:
    reference = _made(service, _organisation("ZZD20"))
    changed = {**_organisation("ZZD20", "Exampleshire Hospice"), "id": reference.partition("/")[2]}

    assert service.call("PUT", f"/{reference}", _keeper(service), changed).status_code == 428
    updated = service.call("PUT", f"/{reference}", _keeper(service), changed, {"If-Match": 'W/"1"'})
    stale = service.call("PUT", f"/{reference}", _keeper(service), changed, {"If-Match": 'W/"1"'})

    assert updated.status_code == 200
    assert updated.headers["etag"] == 'W/"2"'
    assert stale.status_code == 412
    assert service.call("GET", f"/{reference}", gp(service)).json()["name"] == "Exampleshire Hospice"


def test_an_update_names_the_entry_that_its_address_names(service: Running) -> None:
    reference = _made(service, _organisation("ZZD21"))

    answer = service.call(
        "PUT", f"/{reference}", _keeper(service), {**_organisation("ZZD21"), "id": "another"}, {"If-Match": 'W/"1"'}
    )

    assert answer.status_code == 400
    assert issues_of(answer)[0]["expression"] == ["Organization.id"]


def test_an_entry_without_an_identifier_or_with_a_person_in_it_is_refused(service: Running) -> None:
    someone = admitted(service, 750)
    nameless = {"resourceType": "Organization", "name": "Nobody finds me"}
    personal = {
        "resourceType": "Location",
        "identifier": [{"system": SERVICE_IDS, "value": "loc-1"}],
        "name": "Front room",
        "extension": [{"url": "https://example.org/of", "valueReference": {"reference": someone.patient}}],
    }

    first = service.call("POST", "/Organization", _keeper(service), nameless)
    second = service.call("POST", "/Location", _keeper(service), personal)

    assert first.status_code == second.status_code == 422
    assert "identifier" in texts_of(first)
    assert "holds no person" in texts_of(second)


def test_the_directorys_client_sees_no_person(service: Running) -> None:
    someone = admitted(service, 751)
    assert service.call("GET", f"/{someone.patient}", _keeper(service)).status_code == 404
    assert service.emergency(_keeper(service), someone.nhs_number).status_code == 404


def _team(someone_reference: str, condition: str) -> dict[str, Any]:
    return {
        "resourceType": "CareTeam",
        "status": "active",
        "name": "Night sitters",
        "subject": {"reference": someone_reference},
        "managingOrganization": [{"reference": condition}],
    }


def test_a_plan_points_at_an_entry_by_its_identifier(service: Running) -> None:
    someone, reference = admitted(service, 752), _made(service, _organisation("ZZD30"))
    team = _team(someone.patient, f"Organization?identifier={ODS_SYSTEM}|ZZD30")

    answer = service.call("POST", "/CareTeam", gp(service), team)

    assert answer.status_code == 201, answer.text
    assert answer.json()["managingOrganization"] == [
        {"reference": reference, "identifier": {"system": ODS_SYSTEM, "value": "ZZD30"}}
    ]


def test_an_organisation_of_the_care_team_that_is_named_so_may_read_the_plan(service: Running) -> None:
    someone = admitted(service, 753)
    _made(service, _organisation("ZZD31"))
    token = service.token("community", "ZZD31")
    assert service.call("GET", f"/{someone.cpr()}", token).status_code == 404

    service.call(
        "POST", "/CareTeam", gp(service), _team(someone.patient, f"Organization?identifier={ODS_SYSTEM}|ZZD31")
    )

    assert service.call("GET", f"/{someone.cpr()}", token).status_code == 200


@pytest.mark.parametrize(
    ("index", "condition"),
    [
        (754, f"Organization?identifier={ODS_SYSTEM}|ZZNOWHERE"),
        (755, "Organization?name=Canaryfield"),
        (756, "Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9998000000"),
        (757, "Organization/not-in-any-directory"),
    ],
)
def test_a_reference_that_leads_nowhere_stops_the_write(service: Running, index: int, condition: str) -> None:
    someone = admitted(service, index)

    answer = service.call("POST", "/CareTeam", gp(service), _team(someone.patient, condition))

    assert answer.status_code == 422
    assert issues_of(answer)[0]["expression"] == ["CareTeam.managingOrganization[0].reference"]
    assert condition not in answer.text
    found = service.call("GET", f"/CareTeam?patient={someone.patient}", gp(service)).json()
    assert [entry["resource"]["name"] for entry in found["entry"]] == ["Sampleford Hospice advice line"]
