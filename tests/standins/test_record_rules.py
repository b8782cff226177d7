"""What breaks a rule at a FHIR stand-in is refused as the rules say, kept in the list, and has no effect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.standins.far_end import ADA, BEN, FORM, NHS_NUMBER, FarEnd, config, cpr, far_end, patient

BAD_DIGIT = "9990000019"


async def refused(end: FarEnd, answer: Any, status: int, rule: str) -> None:
    """Assert that an answer refuses, that the rule is kept, and that nothing of a person is in either."""
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert await end.rules_broken() == [rule]
    assert (await end.effects())["counts"] == {}
    kept = (await end.http.get(f"{end.addresses.page}/violations")).text
    for told in (answer.text, kept):
        assert not any(secret in told for secret in (ADA, BEN, BAD_DIGIT, "Testley"))


@pytest.mark.parametrize(
    ("headers", "status", "rule"),
    [
        ({"Content-Type": "application/json"}, 415, "content-type"),
        ({"Content-Type": "text/plain"}, 415, "content-type"),
        ({"Content-Type": "application/fhir+json; charset=latin-1"}, 415, "content-type"),
        ({"Content-Type": "application/fhir+json; fhirVersion=3.0"}, 415, "content-type"),
        ({"Accept": "text/html"}, 406, "accept"),
        ({"Authorization": ""}, 401, "token"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, 401, "token"),
        ({"Authorization": "Bearer somebody-elses"}, 401, "token"),
        ({"If-None-Exist": "?identifier=a|b"}, 400, "if-none-exist"),
        ({"If-None-Exist": "Observation?identifier=a|b"}, 400, "if-none-exist"),
        ({"If-None-Exist": "everything"}, 400, "if-none-exist"),
        ({"If-None-Exist": "identifier=17"}, 400, "search"),
        ({"If-None-Exist": "colour=red"}, 400, "search"),
        ({"Idempotency-Key": "short"}, 400, "idempotency-key"),
        ({"Idempotency-Key": '"unbalanced-key'}, 400, "idempotency-key"),
        ({"Prefer": "return=everything"}, 400, "prefer"),
    ],
)
async def test_headers_of_a_create(practice: FarEnd, headers: dict[str, str], status: int, rule: str) -> None:
    answer = await practice.create(cpr(await practice.ada()), headers)
    await refused(practice, answer, status, rule)
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("headers", [{"Accept": ""}, {"Accept": "text/html, */*;q=0.1"}])
@pytest.mark.parametrize("kind", ["application/fhir+json; charset=UTF-8", "application/fhir+json;fhirVersion=4.0"])
async def test_headers_that_are_good_in_another_form(practice: FarEnd, headers: dict[str, str], kind: str) -> None:
    answer = await practice.create(cpr(await practice.ada()), {**headers, "Content-Type": kind})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("change", "status", "rule"),
    [
        ({"status": "perhaps"}, 422, "validity"),
        ({"performer": None}, 422, "validity"),
        ({"colour": "red"}, 422, "validity"),
        ({"subject": {"reference": "Patient/nobody"}}, 422, "references"),
        ({"performer": [{"reference": "Practitioner/p1"}]}, 422, "references"),
        ({"subject": {"reference": "https://elsewhere.example.org/Patient/1"}}, 422, "references"),
        ({"subject": {"identifier": {"system": NHS_NUMBER, "value": ADA}}}, 422, "subject"),
        ({"resourceType": "Condition"}, 400, "resource-type"),
    ],
)
async def test_content_of_a_create(practice: FarEnd, change: dict[str, Any], status: int, rule: str) -> None:
    resource = {**cpr(await practice.ada()), **change}
    resource = {name: value for name, value in resource.items() if value is not None}
    await refused(practice, await practice.send("POST", "/Observation", resource), status, rule)


@pytest.mark.parametrize("body", [b"", b'{"resourceType": "Observation", ', b"[]", b'{"a": 1, "a": 2}', b"\xff"])
async def test_a_body_that_is_no_resource(practice: FarEnd, body: bytes) -> None:
    await refused(practice, await practice.send("POST", "/Observation", body), 400, "json")


async def test_a_type_that_is_not_kept(practice: FarEnd) -> None:
    await refused(practice, await practice.create({"resourceType": "Appointment"}), 404, "resource-type")


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        ({"resourceType": "Patient", "name": [{"family": "Testley"}]}, 422),
        (patient(ADA), 409),
    ],
)
async def test_a_person_is_their_nhs_number(practice: FarEnd, resource: dict[str, Any], status: int) -> None:
    await refused(practice, await practice.create(resource), status, "nhs-number")


async def test_a_number_with_a_wrong_digit_is_no_number(practice: FarEnd) -> None:
    await refused(practice, await practice.create(patient(BAD_DIGIT)), 422, "validity")


async def test_a_reference_that_says_another_number(practice: FarEnd) -> None:
    said = {"reference": await practice.ada(), "identifier": {"system": NHS_NUMBER, "value": BEN}}
    await refused(practice, await practice.create(cpr("", subject=said)), 422, "nhs-number")


async def test_nothing_moves_to_another_person_or_number() -> None:
    async with far_end(config(people=(patient(ADA), patient(BEN)))) as end:
        people = (await end.search("Patient", "_count=9")).json()["entry"]
        ada, ben = (entry["resource"] for entry in people)
        kept = (await end.create(cpr(f"Patient/{ada['id']}"))).json()
        moved = {**kept, "subject": {"reference": f"Patient/{ben['id']}"}}
        answer = await end.send("PUT", f"/Observation/{kept['id']}", moved, {"If-Match": 'W/"1"'})
        assert answer.status_code == 422
        renumbered = {**ada, "identifier": [{"system": NHS_NUMBER, "value": "9990000034"}]}
        answer = await end.send("PUT", f"/Patient/{ada['id']}", renumbered, {"If-Match": 'W/"1"'})
        assert answer.status_code == 422
        assert await end.rules_broken() == ["nhs-number", "nhs-number"]
        assert (await end.effects())["counts"] == {"create": 1}


@pytest.mark.parametrize(
    ("headers", "status", "rule"),
    [
        ({}, 412, "if-match"),
        ({"If-Match": '"1"'}, 400, "if-match"),
        ({"If-Match": "1"}, 400, "if-match"),
        ({"If-Match": "*"}, 400, "if-match"),
    ],
)
async def test_an_update_names_the_version(practice: FarEnd, headers: dict[str, str], status: int, rule: str) -> None:
    ada = await practice.ada()
    held = (await practice.send("GET", f"/{ada}")).json()
    await refused(practice, await practice.send("PUT", f"/{ada}", held, headers), status, rule)


async def test_an_update_is_of_the_resource_that_it_names(practice: FarEnd) -> None:
    ada = await practice.ada()
    answer = await practice.send("PUT", f"/{ada}", {**patient(ADA), "id": "other"}, {"If-Match": 'W/"1"'})
    await refused(practice, answer, 400, "id")


async def test_an_update_creates_nothing(practice: FarEnd) -> None:
    answer = await practice.send("PUT", "/Patient/new", {**patient(BEN), "id": "new"}, {"If-Match": 'W/"1"'})
    await refused(practice, answer, 404, "update-of-nothing")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("identifier=17", "search"),
        ("_lastUpdated=2026", "search"),
        ("_lastUpdated=ne2026-11-02T14:30:00Z", "search"),
        ("_sort=family", "search"),
        ("_count=many", "search"),
        ("name=Testley", "search"),
        ("name", "search"),
    ],
)
async def test_a_search_that_cannot_be_asked(practice: FarEnd, body: str, rule: str) -> None:
    await refused(practice, await practice.search("Patient", body), 400, rule)


async def test_a_search_by_post_is_a_form(practice: FarEnd) -> None:
    answer = await practice.send("POST", "/Patient/_search", b"_count=1", {**FORM, "Content-Type": "text/plain"})
    await refused(practice, answer, 415, "content-type")


async def test_an_nhs_number_never_travels_in_an_address(practice: FarEnd) -> None:
    answer = await practice.send("GET", f"/Patient?identifier={NHS_NUMBER}|{ADA}")
    await refused(practice, answer, 400, "number-in-address")


async def test_what_is_no_interaction(practice: FarEnd) -> None:
    await refused(practice, await practice.send("PATCH", "/Patient/1", b"{}"), 405, "interaction")


async def test_what_is_not_there_breaks_no_rule(practice: FarEnd) -> None:
    for path in ("/Patient/nobody", "/Patient/nobody/_history", "/Patient/nobody/_history/1"):
        assert (await practice.send("GET", path)).status_code == 404
    assert (await practice.send("GET", "/Patient?_page=gone.50")).status_code == 410
    assert await practice.rules_broken() == []
