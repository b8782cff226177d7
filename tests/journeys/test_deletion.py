"""A resource is deleted with a reason: it is gone from the plan, and its past is still there."""

from __future__ import annotations

import json

import httpx

from tests.journeys.people import Person, admitted, crew, gp, issues_of, summary, texts_of, transaction
from tests.running import Running

WHY = "Recorded for the wrong person"


def remove(
    service: Running, reference: str, *, version: int | None = 1, reason: str | None = WHY, token: str | None = None
) -> httpx.Response:
    """Delete a resource, naming its version and saying why."""
    headers = {}
    if version is not None:
        headers["If-Match"] = f'W/"{version}"'
    if reason is not None:
        headers |= _because(reason)
    return service.call("DELETE", f"/{reference}", token or gp(service), None, headers)


def _because(reason: str) -> dict[str, str]:
    return {"X-Provenance": json.dumps({"resourceType": "Provenance", "reason": [{"text": reason}]})}


def _allergy(service: Running, someone: Person) -> str:
    service.open_incident(someone.nhs_number)
    assert summary(service, crew(service), someone.nhs_number).state("allergies") == "recorded"
    return someone.reference("AllergyIntolerance")


def test_what_is_deleted_is_gone_from_the_plan_and_says_so(service: Running) -> None:
    someone = admitted(service, 600)
    allergy = _allergy(service, someone)

    answer = remove(service, allergy)

    assert answer.status_code == 204
    assert answer.headers["etag"] == 'W/"2"'
    assert answer.content == b""
    gone = service.call("GET", f"/{allergy}", gp(service))
    assert gone.status_code == 410
    assert issues_of(gone)[0]["code"] == "deleted"
    assert service.call("GET", f"/{allergy}/_history/2", gp(service)).status_code == 410
    assert summary(service, crew(service), someone.nhs_number).state("allergies") == "not-recorded"
    found = service.call("GET", f"/AllergyIntolerance?patient={someone.patient}", gp(service)).json()
    assert found["total"] == 0


def test_its_history_is_still_there_with_who_deleted_it_and_why(service: Running) -> None:
    someone = admitted(service, 601)
    allergy = _allergy(service, someone)
    remove(service, allergy)

    assert service.call("GET", f"/{allergy}/_history/1", gp(service)).json()["code"]["text"] == "Penicillin"
    bundle = service.call("GET", f"/{allergy}/_history", gp(service)).json()

    deletion, creation = bundle["entry"]
    assert bundle["total"] == 2
    assert deletion["request"]["method"] == "DELETE"
    assert "resource" not in deletion
    assert deletion["response"]["etag"] == 'W/"2"'
    assert deletion["link"][0]["url"].endswith(f"/{allergy}/_history/1")
    said = deletion["response"]["outcome"]["issue"][0]["details"]["text"]
    assert said == f"Deleted by ZZGP01, Dr Anwen Testwick. Reason: {WHY}"
    assert creation["resource"]["code"]["text"] == "Penicillin"


def test_to_somebody_without_access_what_was_deleted_looks_like_what_never_was(service: Running) -> None:
    someone = admitted(service, 602)
    allergy = someone.reference("AllergyIntolerance")
    remove(service, allergy)
    stranger = service.token("hospital", "ZZHOS9")

    deleted = service.call("GET", f"/{allergy}", stranger)
    absent = service.call("GET", "/AllergyIntolerance/never-was", stranger)

    assert deleted.status_code == absent.status_code == 404
    assert deleted.content == absent.content


def test_a_deletion_needs_a_version_and_a_reason(service: Running) -> None:
    someone = admitted(service, 603)
    allergy = someone.reference("AllergyIntolerance")

    assert remove(service, allergy, version=None).status_code == 428
    assert remove(service, allergy, version=4).status_code == 412
    for reason in (None, "", "   "):
        answer = remove(service, allergy, reason=reason)
        assert answer.status_code == 400
        assert "X-Provenance" in texts_of(answer)

    assert service.call("GET", f"/{allergy}", gp(service)).headers["etag"] == 'W/"1"'


def test_what_is_deleted_is_not_deleted_or_changed_again(service: Running) -> None:
    someone = admitted(service, 604)
    allergy = someone.reference("AllergyIntolerance")
    current = service.call("GET", f"/{allergy}", gp(service)).json()
    remove(service, allergy)

    assert remove(service, allergy, version=2).status_code == 410
    again = service.call("PUT", f"/{allergy}", gp(service), current, {"If-Match": 'W/"2"'})
    assert again.status_code == 410


def test_who_may_not_write_it_may_not_delete_it(service: Running) -> None:
    someone = admitted(service, 605)
    service.open_incident(someone.nhs_number)

    assert remove(service, someone.reference("AllergyIntolerance"), token=crew(service)).status_code == 403
    stranger = service.token("hospice", "ZZHSP9")
    assert remove(service, someone.reference("AllergyIntolerance"), token=stranger).status_code == 404


def test_a_decision_is_not_deleted_by_a_system_alone(service: Running) -> None:
    someone = admitted(service, 606)

    assert remove(service, someone.cpr(), token=service.token("system", "ZZGP01")).status_code == 403
    assert service.call("GET", f"/{someone.cpr()}", gp(service)).status_code == 200


def test_a_person_is_not_deleted(service: Running) -> None:
    someone = admitted(service, 607)

    alone = remove(service, someone.patient)
    bundle = transaction(("DELETE", someone.patient, None, {"ifMatch": 'W/"1"'}))
    inside = service.call("POST", "", gp(service), bundle, _because(WHY))

    assert alone.status_code == 405
    assert service.call("POST", "", gp(service), bundle).status_code == 400, "a deletion without a reason"
    assert inside.status_code == 422
    assert service.call("GET", f"/{someone.patient}", gp(service)).status_code == 200


def test_one_resource_comes_once_in_a_transaction(service: Running) -> None:
    someone = admitted(service, 608)
    allergy = someone.reference("AllergyIntolerance")
    current = service.call("GET", f"/{allergy}", gp(service)).json()

    answer = service.call(
        "POST",
        "",
        gp(service),
        transaction(("PUT", allergy, current, {"ifMatch": 'W/"1"'}), ("PUT", allergy, current, {"ifMatch": 'W/"1"'})),
    )

    assert answer.status_code == 422
    assert service.call("GET", f"/{allergy}", gp(service)).headers["etag"] == 'W/"1"'
