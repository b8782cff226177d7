"""A Patient of PDS is read for what it says, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.errors import Unintelligible
from adapters.pds_person import DEATH_STATUS, PdsPerson, person_of
from service.people.invented import nhs_number
from tests.standins.pds import CONFIDENTIALITY, person

NUMBER, OTHER = nhs_number(610_000), nhs_number(610_001)


def flagged(*codes: str) -> dict[str, Any]:
    return person(
        NUMBER, meta={"versionId": "2", "security": [{"system": CONFIDENTIALITY, "code": one} for one in codes]}
    )


def test_everything_that_it_says() -> None:
    assert person_of(person(NUMBER, status="2", died="2026-10-30T22:15:00+00:00"), NUMBER) == PdsPerson(
        asked=NUMBER,
        nhs_number=NUMBER,
        superseded=False,
        sflag="U",
        family="Testley",
        given=("Ada",),
        birth_date="1940-05-06",
        died="2026-10-30T22:15:00+00:00",
        death_status="2",
        gp_ods="ZZGP01",
        version="2",
    )


def test_it_names_nobody_when_it_is_shown() -> None:
    shown = repr(person_of(person(NUMBER), OTHER))
    assert all(one not in shown for one in (NUMBER, OTHER, "Testley", "Ada", "1940", "ZZGP01"))


def test_another_number_than_the_one_asked_for_superseded_it() -> None:
    found = person_of(person(NUMBER), OTHER)
    assert (found.asked, found.nhs_number, found.superseded) == (OTHER, NUMBER, True)
    assert person_of(person(NUMBER), "").superseded is False


@pytest.mark.parametrize(
    ("codes", "flag"),
    [(("U",), "U"), (("R",), "R"), (("U", "R"), "R"), (("V",), "V"), (("REDACTED",), "V"), (("R", "new"), "V")],
)
def test_a_word_that_is_not_known_protects_most(codes: tuple[str, ...], flag: str) -> None:
    assert person_of(flagged(*codes), NUMBER).sflag == flag


def test_whoever_is_restricted_is_nowhere_and_nothing_is_made_up() -> None:
    shown = {
        name: value for name, value in flagged("R").items() if name not in ("address", "telecom", "generalPractitioner")
    }
    found = person_of(shown, NUMBER)
    assert (found.sflag, found.gp_ods, found.family) == ("R", "", "Testley")


def practice(code: str, **period: str) -> dict[str, Any]:
    return {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code, "period": period}}


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([practice("ZZGP01", start="2020-01-01", end="2026-01-01"), practice("ZZGP02", start="2026-01-01")], "ZZGP02"),
        ([practice("ZZGP01"), practice("ZZGP02")], ""),
        ([practice("zz gp")], ""),
        ([{"display": "somewhere"}], ""),
        ([], ""),
    ],
)
def test_the_practice_is_the_one_of_now_or_none(listed: list[dict[str, Any]], found: str) -> None:
    assert person_of(person(NUMBER, generalPractitioner=listed), NUMBER).gp_ods == found


@pytest.mark.parametrize("status", ["1", "2", "U"])
def test_the_status_of_a_death_is_read_flat_or_nested(status: str) -> None:
    nested = person(NUMBER, status=status)
    flat = {**nested, "extension": [{"url": DEATH_STATUS, "valueCodeableConcept": {"coding": [{"code": status}]}}]}
    assert person_of(nested, NUMBER).death_status == person_of(flat, NUMBER).death_status == status


def test_a_name_that_has_ended_is_not_theirs_any_more() -> None:
    old = {"use": "usual", "family": "Before", "given": ["Ada"], "period": {"start": "1960-01-01", "end": "1990-01-01"}}
    assert person_of(person(NUMBER, name=[old, *person(NUMBER)["name"]]), NUMBER).family == "Testley"
    assert person_of(person(NUMBER, name=[{"use": "nickname", "family": "Tess"}]), NUMBER).family == ""


@pytest.mark.parametrize(
    "change",
    [
        {"id": "9990000000"},
        {"resourceType": "Person"},
        {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": OTHER}]},
        {"identifier": "none"},
        {"meta": {"versionId": "2"}},
        {"meta": None},
        {"meta": {"versionId": 2, "security": [{"system": CONFIDENTIALITY, "code": "U"}]}},
        {"birthDate": "6 May 1940"},
        {"birthDate": 1940},
        {"deceasedDateTime": "yesterday"},
        {"name": [{"use": "usual", "family": ["Testley"]}]},
        {"extension": [{"url": DEATH_STATUS, "valueCodeableConcept": {"coding": [{"code": "3"}]}}]},
        {"extension": "none"},
        {"generalPractitioner": [{"identifier": "ZZGP01"}]},
    ],
)
def test_what_cannot_be_understood_is_said_and_repeats_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(Unintelligible) as caught:
        person_of({**person(NUMBER), **change}, NUMBER)
    assert NUMBER not in str(caught.value)
