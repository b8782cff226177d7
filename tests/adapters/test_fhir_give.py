"""What is carried over to a FHIR partner: to the right person, in the right words, and what stays here."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.base import HeldThere
from adapters.errors import (
    OtherPerson,
    PersonUnknown,
    Unreachable,
)
from tests.adapters.fhir_world import (
    NUMBER,
    OUR_BASE,
    Json,
    Ledger,
    observation,
    patient,
    speaking_to,
    theirs_patient,
)
from tests.adapters.small_server import Reply, SmallServer, cut, small_server


@pytest.fixture
def server() -> Iterator[SmallServer]:
    with small_server() as running:
        yield running


async def test_a_person_who_is_known_there_is_found_and_never_ours(server: SmallServer) -> None:
    there = server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(patient(), observation()))

    assert ledger.held["Patient/p1"].theirs == there
    assert ledger.held["Patient/p1"].made is False
    [stored] = server.of("Observation")
    assert stored["subject"] == {"reference": there}
    assert ledger.held["Observation/o1"].theirs == f"Observation/{stored['id']}"
    assert ledger.held["Observation/o1"].version == "1"
    assert server.current(there)["meta"]["versionId"] == "1"
    assert NUMBER not in " ".join(one.path for one in server.asked)


async def test_our_ids_and_versions_stay_here(server: SmallServer) -> None:
    server.add(theirs_patient())
    async with speaking_to(server.base) as partner:
        ledger = Ledger()
        await ledger.give(partner, ledger.parcel(observation()))
    [create] = [one for one in server.sent("POST") if not one.path.endswith("_search")]
    assert "id" not in create.json
    assert create.json["meta"].keys() == {"tag"}
    assert create.json["identifier"] == [{"system": OUR_BASE, "value": "Observation/o1"}]


async def test_what_the_partner_does_not_hold_is_named_and_not_pointed_at(server: SmallServer) -> None:
    there = server.add(theirs_patient())
    author = {"reference": "Practitioner/d1", "type": "Practitioner", "display": "Dr Invented"}
    pointing = observation(
        performer=[author, {"reference": "#inside"}],
        focus=[{"reference": "Observation/o9"}, {"reference": f"{OUR_BASE}/Patient/p1/_history/3"}],
        contained=[{"resourceType": "Organization", "id": "inside"}],
    )
    async with speaking_to(server.base) as partner:
        ledger = Ledger()
        await ledger.give(partner, ledger.parcel(pointing))
    [stored] = server.of("Observation")
    assert stored["performer"] == [{"type": "Practitioner", "display": "Dr Invented"}, {"reference": "#inside"}]
    assert stored["focus"] == [{"type": "Observation"}, {"reference": there}]


async def test_one_resource_points_at_another_of_the_same_parcel(server: SmallServer) -> None:
    server.add(theirs_patient())
    async with speaking_to(server.base) as partner:
        ledger = Ledger()
        second = observation(id="o2", hasMember=[{"reference": "Observation/o1"}])
        await ledger.give(partner, ledger.parcel(observation(), second))
    assert server.current(ledger.held["Observation/o2"].theirs)["hasMember"] == [
        {"reference": ledger.held["Observation/o1"].theirs}
    ]


async def test_a_person_who_is_not_known_there_is_made_known_only_where_the_description_says_so(
    server: SmallServer,
) -> None:
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        with pytest.raises(PersonUnknown):
            await ledger.give(partner, ledger.parcel(observation()))
    assert server.held == {}

    async with speaking_to(server.base, patients="create") as partner:
        await ledger.give(partner, ledger.parcel(patient(), observation()))
        await ledger.give(partner, ledger.parcel(patient(gender="female")))
    [there] = server.of("Patient")
    assert there["gender"] == "female"
    assert ledger.held["Patient/p1"].made is True


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        ([theirs_patient(birthDate="1947-05-02")], "the Patient there has another birth date"),
        ([theirs_patient(), theirs_patient()], "not exactly one Patient there has the NHS number"),
        ([theirs_patient(active=False)], "not exactly one Patient there has the NHS number"),
    ],
)
async def test_somebody_else_is_written_nothing(server: SmallServer, theirs: list[Json], why: str) -> None:
    for one in theirs:
        server.add(one)
    before = dict(server.held)
    async with speaking_to(server.base, patients="create") as partner:
        ledger = Ledger()
        with pytest.raises(OtherPerson) as caught:
            await ledger.give(partner, ledger.parcel(observation()))
    assert caught.value.why == why
    assert server.held == before
    assert "1947" not in str(caught.value)


async def test_a_search_that_answers_with_somebody_else_is_not_believed(server: SmallServer) -> None:
    wrong = b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"x","identifier":[{"system":'
    wrong += b'"https://fhir.nhs.uk/Id/nhs-number","value":"9990000026"}],"birthDate":"1941-05-02"}}]}'
    server.before.append(("POST /fhir/Patient/_search", Reply(200, wrong)))
    async with speaking_to(server.base) as partner:
        ledger = Ledger()
        with pytest.raises(OtherPerson) as caught:
            await ledger.give(partner, ledger.parcel(observation()))
    assert caught.value.why == "the Patient there has another NHS number than was asked for"


async def test_a_known_year_of_birth_agrees_with_the_day(server: SmallServer) -> None:
    server.add(theirs_patient(birthDate="1941"))
    async with speaking_to(server.base) as partner:
        ledger = Ledger()
        await ledger.give(partner, ledger.parcel(observation()))
    assert len(server.of("Observation")) == 1


async def test_an_update_names_the_version_that_it_replaces(server: SmallServer) -> None:
    server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation("First")))
        await ledger.give(partner, ledger.parcel(observation("Second")))
        await ledger.give(partner, ledger.parcel(observation("Third")))
    assert [one.headers["if-match"] for one in server.sent("PUT")] == ['W/"1"', 'W/"2"']
    assert ledger.held["Observation/o1"].version == "3"
    assert server.of("Observation")[0]["valueString"] == "Third"


async def test_a_removal_is_confirmed_and_never_touches_what_was_theirs(server: SmallServer) -> None:
    there = server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base, say_why=True) as partner:
        await ledger.give(partner, ledger.parcel(patient(), observation()))
        receipts = await ledger.give(partner, ledger.parcel(gone=("Observation/o1", "Patient/p1"), patient=None))
    assert [(one.reference, one.there) for one in receipts] == [("Observation/o1", None), ("Patient/p1", None)]
    assert server.of("Observation") == []
    assert server.held[there] is not None
    [delete] = server.sent("DELETE")
    assert delete.headers["if-match"] == 'W/"1"'
    assert "may be shared" in delete.headers["x-provenance"]


async def test_a_server_without_versions_is_updated_without_naming_one(server: SmallServer) -> None:
    server.versions = False
    server.add(theirs_patient())
    there = server.add(observation("First"))
    ledger = Ledger(held={"Observation/o1": HeldThere(there, "", b"old")})
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(observation("Second")))
    assert "if-match" not in server.sent("PUT")[0].headers
    assert server.current(there)["valueString"] == "Second"


async def test_what_changed_is_said_once_for_each_parcel(server: SmallServer) -> None:
    there = server.add(theirs_patient())
    ledger = Ledger()
    async with speaking_to(server.base, write_notes=True) as partner:
        await ledger.give(partner, ledger.parcel(observation(), notes=("New: preferences",), key="k1"))
        server.after.append(("POST /fhir/Communication", cut))
        with pytest.raises(Unreachable):
            await ledger.give(partner, ledger.parcel(notes=("Changed: preferences",), key="k2"))
        await ledger.give(partner, ledger.parcel(notes=("Changed: preferences",), key="k2"))
    first, second = server.of("Communication")
    assert first["payload"] == [{"contentString": "New: preferences"}]
    assert first["subject"] == {"reference": there}
    assert "about" not in first, "a note must not keep what it tells of from being removed"
    assert second["payload"] == [{"contentString": "Changed: preferences"}]
    assert "k2" not in str(second)


async def test_clinicians_are_named_unless_the_description_says_more(server: SmallServer) -> None:
    server.add(theirs_patient())
    doctor = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Invented"}]}
    pointing = observation(performer=[{"reference": "Practitioner/d1", "display": "Dr Invented"}])
    ledger = Ledger()
    async with speaking_to(server.base) as partner:
        await ledger.give(partner, ledger.parcel(doctor, pointing))
    assert server.of("Practitioner") == []
    assert ledger.held["Practitioner/d1"].theirs == ""
    assert server.of("Observation")[0]["performer"] == [{"display": "Dr Invented"}]

    ledger = Ledger()
    async with speaking_to(server.base, clinicians="create") as partner:
        await ledger.give(partner, ledger.parcel(doctor, {**pointing, "id": "o2"}))
    assert server.current(ledger.held["Observation/o2"].theirs)["performer"][0]["reference"].startswith("Practitioner/")


async def test_numbers_keep_their_digits_on_the_way(server: SmallServer) -> None:
    server.add(theirs_patient())
    weight: dict[str, Any] = observation(valueQuantity={"value": Decimal("71.50"), "unit": "kg"})
    async with speaking_to(server.base) as partner:
        ledger = Ledger()
        await ledger.give(partner, ledger.parcel(weight))
    [create] = [one for one in server.sent("POST") if not one.path.endswith("_search")]
    assert b'"value":71.50' in create.body
