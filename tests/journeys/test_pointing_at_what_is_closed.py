"""A resource that may be read points at one that may not: the pointer leaves with nobody, and is lost by nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhir_profiles.canonical import code_system
from service.people.values import USER_ID
from tests.journeys.people import (
    DR_TESTWICK,
    Json,
    Person,
    admitted,
    crew,
    explained,
    gp,
    keeping_from,
    sharing,
)
from tests.running import Running


def _note(someone: Person, section: str, *derived_from: str) -> Json:
    note: Json = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": code_system("section"), "code": section}]}],
        "code": {"text": "A note"},
        "subject": {"reference": someone.patient},
    }
    return note | ({"derivedFrom": [{"reference": one} for one in derived_from]} if derived_from else {})


def _written(service: Running, note: Json) -> str:
    answer = service.call("POST", f"/{note['resourceType']}", gp(service), note)
    assert answer.status_code == 201, answer.text
    return "/".join(answer.headers["location"].split("/")[-4:-2])


def test_what_is_closed_is_not_pointed_at_in_any_answer_and_not_lost_by_a_write(service: Running) -> None:
    someone = admitted(service, 8_360)
    service.open_incident(someone.nhs_number, "ZZHOS1")
    consent = sharing(someone, "permit", provision={"provision": [keeping_from("ZZHOS1", "what_matters")]})
    assert service.call("POST", "/Consent", gp(service), consent).status_code == 201
    hidden = _written(service, _note(someone, "what_matters"))
    seen = _written(service, _note(someone, "allergies", hidden))
    doctor = service.token("hospital", "ZZHOS1")

    whole, shown = (service.call("GET", f"/{seen}", token) for token in (gp(service), doctor))

    assert whole.json()["derivedFrom"] == [{"reference": hidden}]
    assert shown.status_code == 200
    assert "derivedFrom" not in shown.json()
    for path in (f"/{seen}", f"/{seen}/_history/1", f"/{seen}/_history", f"/Observation?patient={someone.patient}"):
        assert hidden.partition("/")[2] not in service.call("GET", path, doctor).text
    answer = service.emergency(doctor, someone.nhs_number)
    assert seen.partition("/")[2] in answer.text
    assert hidden.partition("/")[2] not in answer.text
    assert hidden.partition("/")[2] in service.emergency(gp(service), someone.nhs_number).text

    replaced = service.call("PUT", f"/{seen}", doctor, shown.json(), {"If-Match": shown.headers["etag"]})
    assert replaced.status_code == 403
    assert "only part" in replaced.text
    assert service.call("PUT", f"/{seen}", gp(service), whole.json(), {"If-Match": 'W/"1"'}).status_code == 200


def _allergy(someone: Person, to: str) -> Json:
    active = {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [active]},
        "code": {"text": to},
        "patient": {"reference": someone.patient},
    }


def _signed(service: Running, *targets: str) -> str:
    who = {"display": DR_TESTWICK.name, "identifier": {"system": USER_ID, "value": DR_TESTWICK.id}}
    provenance: Json = {
        "resourceType": "Provenance",
        "target": [{"reference": one} for one in targets],
        "recorded": datetime.now(UTC).isoformat(timespec="seconds"),
        "agent": [{"who": who}],
    }
    return _written(service, provenance)


@pytest.mark.parametrize("put_together", [False, True])
def test_a_provenance_that_tells_of_something_closed_as_well_is_not_named_in_the_emergency_answer(
    service: Running, put_together: bool
) -> None:
    """As the answer lies ready, and as it is put together for whom a part is closed."""
    someone = admitted(service, 8_361 + put_together)
    service.open_incident(someone.nhs_number, "ZZAMB1")
    seen = _written(service, _allergy(someone, "Penicillin"))
    hidden = _written(service, _note(someone, "mental_health"))
    both = _signed(service, seen, hidden)
    other = _written(service, _allergy(someone, "Latex"))
    alone = _signed(service, other)
    if put_together:
        consent = sharing(someone, "permit", provision={"provision": [keeping_from("ZZAMB1", "communication_needs")]})
        consent["extension"] = [explained()]
        assert service.call("POST", "/Consent", gp(service), consent).status_code == 201

    told = service.emergency(crew(service), someone.nhs_number).text
    whole = service.emergency(gp(service), someone.nhs_number).text

    for note, provenance in ((seen, both), (other, alone)):
        assert f'"entry":[{{"reference":"{note}"}}]' in told
        assert provenance in whole
    assert alone in told
    assert both.partition("/")[2] not in told
    assert service.call("GET", f"/{both}", crew(service)).status_code == 404
