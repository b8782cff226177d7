"""What a nurse writes on the hospice's own page is there for whoever asks over FHIR, coded, with who and when."""

from __future__ import annotations

import httpx

from fhir_profiles.validation import validate
from tests.standins.far_end import ADA, FarEnd, Json, config, cpr, far_end, patient

HOSPICE = config(
    name="hospice",
    title="Example hospice",
    organisation="ZZHSP1",
    nurse="Sister Tamsin Sample",
    people=(patient(ADA),),
)


async def saved(end: FarEnd, form: str, origin: str | None = "", **members: str) -> httpx.Response:
    """Send a form of the page about Ada."""
    person = (await end.ada()).removeprefix("Patient/")
    headers = {} if origin is None else {"Origin": origin or end.addresses.page}
    return await end.http.post(f"{end.addresses.page}/people/{person}/{form}", data=members, headers=headers)


async def held(end: FarEnd, code: str) -> list[Json]:
    """Return what is held about Ada under a code, oldest first."""
    found = (await end.search("Observation", f"patient={await end.ada()}&code={code}&_sort=_lastUpdated")).json()
    return [entry["resource"] for entry in found.get("entry", ())]


async def test_a_place_is_recorded_and_then_changed() -> None:
    async with far_end(HOSPICE) as end:
        assert (await saved(end, "place", place="hospice")).status_code == 303
        (first,) = await held(end, "395091006")
        assert validate(first) == []
        assert first["valueCodeableConcept"]["coding"][0]["code"] == "108401000000102"
        (performer,) = first["performer"]
        assert performer["display"] == "Sister Tamsin Sample"
        role = (await end.send("GET", f"/{performer['reference']}")).json()
        assert (role["resourceType"], role["code"]) == ("PractitionerRole", [{"text": "Nurse"}])
        nurse = (await end.send("GET", f"/{role['practitioner']['reference']}")).json()
        assert (nurse["resourceType"], nurse["name"][0]["family"]) == ("Practitioner", "Sample")
        organisation = (await end.send("GET", f"/{role['organization']['reference']}")).json()
        assert organisation["identifier"][0]["value"] == "ZZHSP1"
        assert [validate(one) for one in (role, nurse, organisation)] == [[], [], []]

        assert (await saved(end, "place", place="home")).status_code == 303
        (second,) = await held(end, "395091006")
        assert (second["id"], second["meta"]["versionId"]) == (first["id"], "2")
        assert second["valueCodeableConcept"]["coding"][0]["code"] == "110481000000108"
        assert second["performer"] == first["performer"], "the nurse is made once"
        counted = await end.effects()
        assert counted["counts"] == {}, "what is written here is nothing that came"
        assert counted["here"] == {"create": 4, "update": 1}


async def test_a_cpr_decision_replaces_what_stood() -> None:
    async with far_end(HOSPICE) as end:
        came = (await end.create(cpr(await end.ada(), "450475007"))).json()
        assert (await saved(end, "cpr", answer="not for CPR", reason="It would not work.")).status_code == 303
        before, now = await held(end, "304251008")
        assert before["id"] == came["id"]
        assert validate(now) == []
        replaced = [one["valueReference"]["reference"] for one in now["extension"] if "valueReference" in one]
        assert replaced == [f"Observation/{came['id']}"]
        assert now["note"] == [{"text": "It would not work."}]
        page = (await end.http.get(end.addresses.page)).text
        assert "not for CPR" in page
        assert "<strong>CPR:</strong> for CPR" not in page, "what was replaced does not stand any more"
        await saved(end, "cpr", answer="for CPR")
        last = (await held(end, "304251008"))[-1]
        replaced = [one["valueReference"]["reference"] for one in last["extension"] if "valueReference" in one]
        assert replaced == [f"Observation/{now['id']}"], "only what still stood"


async def test_forms_that_save_nothing() -> None:
    async with far_end(HOSPICE) as end:
        assert (await saved(end, "place", place="the moon")).status_code == 400
        assert (await saved(end, "place")).status_code == 400
        assert (await saved(end, "cpr", answer="perhaps")).status_code == 400
        assert (await saved(end, "place", "https://elsewhere.example.org", place="home")).status_code == 403
        assert (await saved(end, "place", None, place="home")).status_code == 403
        headers = {"Origin": end.addresses.page}
        nobody = await end.http.post(f"{end.addresses.page}/people/x9/place", data={"place": "home"}, headers=headers)
        assert nobody.status_code == 404
        assert (await end.effects())["here"] == {}


async def test_where_nobody_edits_there_are_no_forms(practice: FarEnd) -> None:
    assert (await saved(practice, "place", place="home")).status_code == 403
    person = (await practice.ada()).removeprefix("Patient/")
    assert "<form" not in (await practice.http.get(f"{practice.addresses.page}/people/{person}")).text
