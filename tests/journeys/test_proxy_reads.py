"""An attorney reads the plan of somebody who lacks capacity, and looks like a stranger when they may not (rule 5.8)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from fhir_profiles.canonical import structure_definition
from fhir_profiles.identifiers import PROXY_USER_SYSTEM
from fhir_profiles.terminology import EPACCS, SNOMED
from security.access_policy import BASE_POLICY
from tests.journeys.people import Json, Person, admitted, gp, texts_of
from tests.running import Running, running

ATTORNEY = "zz-attorney-7"


@pytest.fixture(scope="module")
def open_to_proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose policy lets proxies in."""
    home = tmp_path_factory.mktemp("proxies")
    own = json.loads(BASE_POLICY.read_text())
    own["gates"]["proxy"] = True
    (home / "policy.json").write_text(json.dumps(own))
    with running(home, EPACCS_POLICY=str(home / "policy.json")) as service:
        yield service


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def with_attorney(service: Running, index: int) -> tuple[Person, str]:
    """Admit somebody who lacks capacity and whose attorney is registered; return the attorney's reference too."""
    someone = admitted(service, index, attorney=False)
    by = {"type": "Practitioner", "identifier": {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "5555"}}
    subject = {"reference": someone.patient}
    stated = {"status": "final", "subject": subject, "performer": [by], "effectiveDateTime": "2026-05-01"}
    person = {
        "resourceType": "RelatedPerson",
        "patient": subject,
        "identifier": [{"system": PROXY_USER_SYSTEM, "value": ATTORNEY}],
        "relationship": [concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "HPOWATT")],
        "name": [{"family": "Example", "given": ["Attorney"]}],
    }
    answer = service.call("POST", "/RelatedPerson", gp(service), person)
    assert answer.status_code == 201, answer.text
    attorney = f"RelatedPerson/{answer.json()['id']}"
    named = {"reference": attorney}
    power = {"code": concept(SNOMED, "816361000000101"), "valueBoolean": True, "focus": [named]}
    lacking = {
        "code": concept(EPACCS, "decision-capacity"),
        "valueCodeableConcept": concept(EPACCS, "lacks-capacity"),
    }
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "docStatus": "final",
        "type": concept(SNOMED, "1052921000000100"),
        "subject": subject,
        "content": [{"attachment": {"title": "Seen at the practice"}}],
        "context": {"related": [named]},
    }
    for resource in (
        {"resourceType": "Observation", **stated, **power},
        {"resourceType": "Observation", **stated, **lacking},
        document,
    ):
        answer = service.call("POST", f"/{resource['resourceType']}", gp(service), resource)
        assert answer.status_code == 201, answer.text
    return someone, attorney


def test_an_attorney_reads_and_ceases_to_without_being_told_why(open_to_proxies: Running) -> None:
    service = open_to_proxies
    someone, attorney = with_attorney(service, 5_101)
    other = admitted(service, 5_102)
    token = service.token("proxy", "ZZAPP1", user_id=ATTORNEY)

    read = service.call("GET", f"/{someone.cpr()}", token)
    assert read.status_code == 200, read.text
    stranger = service.call("GET", f"/{other.cpr()}", token)
    assert stranger.status_code == 404
    nobody_named = service.token("proxy", "ZZAPP1", user_id="zz-attorney-8")
    assert service.call("GET", f"/{someone.cpr()}", nobody_named).status_code == 404

    concern = {
        "resourceType": "Flag",
        "status": "active",
        "code": concept(SNOMED, "761571000000106"),
        "subject": {"reference": someone.patient},
        "extension": [{"url": structure_definition("suspends-proxy"), "valueReference": {"reference": attorney}}],
    }
    assert service.call("POST", "/Flag", gp(service), concern).status_code == 201

    suspended = service.call("GET", f"/{someone.cpr()}", token)
    assert (suspended.status_code, suspended.content) == (404, stranger.content)


def test_a_concern_that_suspends_somebody_is_coded_as_one(open_to_proxies: Running) -> None:
    someone, attorney = with_attorney(open_to_proxies, 5_103)
    shown = {
        "resourceType": "Flag",
        "status": "active",
        "code": concept(SNOMED, "65108000"),
        "subject": {"reference": someone.patient},
        "extension": [{"url": structure_definition("suspends-proxy"), "valueReference": {"reference": attorney}}],
    }
    answer = open_to_proxies.call("POST", "/Flag", gp(open_to_proxies), shown)
    assert answer.status_code == 422
    assert "safeguarding concern" in texts_of(answer)


def test_where_proxies_are_not_switched_on_they_are_all_turned_away(service: Running) -> None:
    someone, _ = with_attorney(service, 5_104)
    token = service.token("proxy", "ZZAPP1", user_id=ATTORNEY)
    assert service.call("GET", f"/{someone.cpr()}", token).status_code == 403
