"""After a withdrawal the holder's privacy officer sees who may hold copies, from the audit and from nowhere else."""

from __future__ import annotations

from typing import Any

import httpx

from tests.journeys.audit import entries_of
from tests.journeys.people import Person, admitted, gp, sharing
from tests.running import Running, parameters


def asks(service: Running, patient: str, organisation: str = "ZZGP01", role: str = "privacy_officer") -> httpx.Response:
    return service.call("POST", "/Patient/$copies-held", service.token(role, organisation), parameters(patient=patient))


def told(answer: httpx.Response) -> dict[str, Any]:
    """Return organisation -> (first, last, times), in the order of the answer."""
    assert answer.status_code == 200, answer.text
    found = {}
    for one in answer.json().get("parameter", ()):
        part = {item["name"]: next(value for key, value in item.items() if key != "name") for item in one["part"]}
        found[part["code"]["value"]] = (part["first"], part["last"], part["times"])
    return found


def read_by_several(service: Running, index: int) -> Person:
    someone = admitted(service, index)
    service.open_incident(someone.nhs_number)
    crew, hospice = service.token("ambulance", "ZZAMB1"), service.token("hospice", "ZZHSP1")
    for token in (crew, crew, hospice):
        assert service.emergency(token, someone.nhs_number).status_code == 200
    assert service.call("GET", f"/{someone.cpr()}", service.token("hospital", "ZZHOS9")).status_code == 404
    own = service.token("patient", "ZZAPP1", user_id=someone.nhs_number)
    assert service.call("GET", f"/{someone.patient}", own).status_code == 200
    return someone


def test_whoever_was_given_something_is_named_and_nobody_else(service: Running) -> None:
    someone = read_by_several(service, 8_350)
    assert service.call("POST", "/Consent", gp(service), sharing(someone, "deny")).status_code == 201
    assert service.emergency(service.token("ambulance", "ZZAMB1"), someone.nhs_number).status_code == 404

    answer = asks(service, someone.patient)

    copies = told(answer)
    assert list(copies) == ["ZZHSP1", "ZZAMB1"], "the latest first; not the holder, a stranger, or the person"
    assert [times for _, _, times in copies.values()] == [1, 2]
    assert copies["ZZAMB1"][0] <= copies["ZZAMB1"][1] <= copies["ZZHSP1"][1]
    (entry,) = entries_of(service, answer)
    assert (entry.interaction, entry.patient) == ("$copies-held", someone.patient)
    assert list(told(asks(service, someone.patient))) == ["ZZHSP1", "ZZAMB1"], "to ask gives nobody a copy"


def test_it_is_for_the_officers_of_the_holder(service: Running) -> None:
    someone, absent = admitted(service, 8_351), "Patient/00000000-0000-4000-8000-000000000001"
    assert told(asks(service, someone.patient)) == {}
    elsewhere, nobody = asks(service, someone.patient, "ZZAMB1"), asks(service, absent)
    assert (elsewhere.status_code, elsewhere.content) == (nobody.status_code, nobody.content)
    assert nobody.status_code == 404
    assert {asks(service, whom, "ZZGP01", "gp").status_code for whom in (someone.patient, absent)} == {403}
