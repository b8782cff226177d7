"""A FHIR stand-in keeps to https://hl7.org/fhir/R4/http.html, and counts its effects exactly."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fhir_profiles.validation import validate
from tests.standins.far_end import ADA, BEN, NHS_NUMBER, FarEnd, config, cpr, far_end, patient


async def test_a_resource_is_created_read_changed_and_removed(practice: FarEnd) -> None:
    made = await practice.create(cpr(await practice.ada()))
    assert made.status_code == 201
    kept = made.json()
    assert kept["meta"]["versionId"] == "1"
    assert made.headers["etag"] == 'W/"1"'
    assert made.headers["location"] == f"{practice.addresses.wire}/Observation/{kept['id']}/_history/1"
    path = f"/Observation/{kept['id']}"

    changed = {**kept, "status": "amended"}
    answer = await practice.send("PUT", path, changed, {"If-Match": 'W/"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')
    assert (await practice.send("GET", path)).json()["status"] == "amended"
    assert (await practice.send("GET", f"{path}/_history/1")).json()["status"] == "final"

    assert (await practice.send("DELETE", path, headers={"If-Match": 'W/"2"'})).status_code == 204
    assert (await practice.send("GET", path)).status_code == 410
    assert (await practice.send("DELETE", path)).status_code == 204, "what is gone may be deleted again"

    past = (await practice.send("GET", f"{path}/_history")).json()
    assert [entry["request"]["method"] for entry in past["entry"]] == ["DELETE", "PUT", "POST"]
    assert "resource" not in past["entry"][0]

    counted = await practice.effects()
    assert counted["counts"] == {"create": 1, "update": 1, "delete": 1}
    assert counted["versions"] == {f"Observation/{kept['id']}": 3}
    assert counted["repeated"] == 1
    assert counted["violations"] == 0


async def test_the_time_of_each_change_is_its_own(practice: FarEnd) -> None:
    ada = await practice.ada()
    times = [(await practice.create(cpr(ada))).json()["meta"]["lastUpdated"] for _ in range(5)]
    assert times == sorted(set(times))


async def test_a_conditional_create_happens_once(practice: FarEnd) -> None:
    own = {"system": "https://example.org/ours", "value": "17"}
    resource = cpr(await practice.ada(), identifier=[own])
    condition = {"If-None-Exist": f"identifier={own['system']}|{own['value']}"}
    first, second = await practice.create(resource, condition), await practice.create(resource, condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    await practice.create(resource)
    assert (await practice.create(resource, condition)).status_code == 412
    counted = await practice.effects()
    assert counted["counts"] == {"create": 2}
    assert counted["repeated"] == 1


async def test_a_conditional_create_by_tag_for_types_without_identifier(practice: FarEnd) -> None:
    made = (await practice.create(cpr(await practice.ada()))).json()
    resource = {
        "resourceType": "Provenance",
        "meta": {"tag": [{"system": "https://example.org/ours", "code": "Provenance/17"}]},
        "target": [{"reference": f"Observation/{made['id']}"}],
        "recorded": "2026-11-02T14:40:00Z",
        "agent": [{"who": {"display": "Dr Tamsin Invented"}}],
    }
    condition = {"If-None-Exist": "_tag=https://example.org/ours|Provenance/17"}
    assert [(await practice.create(resource, condition)).status_code for _ in range(2)] == [201, 200]


async def test_of_many_at_once_one_has_the_effect(practice: FarEnd) -> None:
    own = {"system": "https://example.org/ours", "value": "17"}
    resource = cpr(await practice.ada(), identifier=[own])
    condition = {"If-None-Exist": f"identifier={own['system']}|{own['value']}"}
    answers = await asyncio.gather(*(practice.create(resource, condition) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    kept = answers[0].json()
    path, match = f"/Observation/{kept['id']}", {"If-Match": 'W/"1"'}
    answers = await asyncio.gather(*(practice.send("PUT", path, kept, match) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    assert (await practice.effects())["counts"] == {"create": 1, "update": 1}


async def test_an_idempotency_key_happens_once(practice: FarEnd) -> None:
    ada = await practice.ada()
    key = {"Idempotency-Key": '"parcel-0001"'}
    first, second = await practice.create(cpr(ada), key), await practice.create(cpr(ada), key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = await practice.create(cpr(ada, "450475007"), key)
    assert other.status_code == 422
    assert (await practice.effects())["counts"] == {"create": 1}
    assert await practice.rules_broken() == ["idempotency-key"]


async def test_the_second_of_two_writers_is_told(practice: FarEnd) -> None:
    kept = (await practice.create(cpr(await practice.ada()))).json()
    path = f"/Observation/{kept['id']}"
    assert (await practice.send("PUT", path, kept, {"If-Match": 'W/"1"'})).status_code == 200
    late = await practice.send("PUT", path, kept, {"If-Match": 'W/"1"'})
    assert late.status_code == 412
    assert late.json()["issue"][0]["code"] == "conflict"
    assert await practice.rules_broken() == [], "to be late breaks no rule"
    assert (await practice.effects())["refused"] == {"412": 1}


async def test_less_comes_back_when_less_is_asked_for(practice: FarEnd) -> None:
    ada = await practice.ada()
    minimal = await practice.create(cpr(ada), {"Prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    told = await practice.create(cpr(ada), {"Prefer": "return=OperationOutcome"})
    assert told.json()["resourceType"] == "OperationOutcome"


async def test_what_others_point_at_is_not_deleted(practice: FarEnd) -> None:
    ada = await practice.ada()
    made = (await practice.create(cpr(ada))).json()
    assert (await practice.send("DELETE", f"/{ada}")).status_code == 409
    assert await practice.rules_broken() == [], "what points at it may be the practice's own"
    await practice.send("DELETE", f"/Observation/{made['id']}")
    assert (await practice.send("DELETE", f"/{ada}")).status_code == 204


async def test_search_by_person_code_time_and_page(practice: FarEnd) -> None:
    ada = await practice.ada()
    ben = f"Patient/{(await practice.create(patient(BEN))).json()['id']}"
    made = [(await practice.create(cpr(ada))).json() for _ in range(5)]
    await practice.create(cpr(ben))

    first = (await practice.search("Observation", f"patient={ada}&_count=2")).json()
    assert validate(first) == []
    assert first["total"] == 5
    seen = [entry["resource"]["id"] for entry in first["entry"]]
    page = first
    while link := next((one["url"] for one in page["link"] if one["relation"] == "next"), None):
        await practice.create(cpr(ada))  # what comes meanwhile does not shift the pages
        page = (await practice.http.get(link, headers=practice.headers)).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
    assert seen == [one["id"] for one in made]

    since = made[2]["meta"]["lastUpdated"]
    later = (await practice.search("Observation", f"patient={ada}&_lastUpdated=gt{since}&_sort=_lastUpdated")).json()
    assert [entry["resource"]["id"] for entry in later["entry"]][:2] == [made[3]["id"], made[4]["id"]]
    coded = (await practice.search("Observation", "code=http://snomed.info/sct|304251008&_count=0")).json()
    assert coded["total"] == 8
    assert "entry" not in coded
    assert (await practice.search("Observation", "code=395091006")).json()["total"] == 0
    assert (await practice.search("Patient", f"identifier={NHS_NUMBER}|{ADA}")).json()["total"] == 1
    assert (await practice.send("GET", f"/Observation?_id={made[0]['id']}")).json()["total"] == 1
    assert await practice.rules_broken() == []


async def test_it_says_what_it_can_do(practice: FarEnd) -> None:
    answer = await practice.send("GET", "/metadata", headers={"Authorization": ""})
    told = answer.json()
    assert (told["resourceType"], told["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    observation = next(one for one in told["rest"][0]["resource"] if one["type"] == "Observation")
    assert observation["versioning"] == "versioned-update"
    assert observation["conditionalCreate"] is True


async def test_what_it_holds_can_outlive_it(tmp_path: Path) -> None:
    described = config(state=str(tmp_path / "gp.ndjson"))
    async with far_end(described) as before:
        kept = (await before.create(cpr(await before.ada()))).json()
        await before.send("PUT", f"/Observation/{kept['id']}", kept, {"If-Match": 'W/"1"'})
    assert (tmp_path / "gp.ndjson").stat().st_mode & 0o777 == 0o600
    async with far_end(described) as after:
        again = (await after.send("GET", f"/Observation/{kept['id']}")).json()
        assert again["meta"]["versionId"] == "2"
        assert (await after.search("Patient", "_count=9")).json()["total"] == 1
        assert (await after.create(cpr(await after.ada()))).json()["id"] != kept["id"]
