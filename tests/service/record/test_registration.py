"""A change of practice: what moves along, and what stays."""

from __future__ import annotations

from typing import Any

import pytest

from service.record.derive import places_of, relations_of
from service.record.registration import moved, reference_to

OLD, NEW, HOME = "ZZGP01", "ZZGP02", "ZZCH01"
Json = dict[str, Any]


def organisation(code: str) -> Json:
    identifier = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": code}
    return {"resourceType": "Organization", "identifier": [identifier]}


RESOURCES = {
    "Organization/old": organisation(OLD),
    "Organization/home": organisation(HOME),
    "PractitionerRole/gp": {"resourceType": "PractitionerRole", "organization": {"reference": "Organization/old"}},
    "Practitioner/p": {"resourceType": "Practitioner"},
}


def patient(placed: str | None = "Organization/old", *named: str) -> Json:
    found: Json = {"resourceType": "Patient", "birthDate": "1940-05-06"}
    found["generalPractitioner"] = [{"reference": one} for one in named or ("Organization/old",)]
    if placed:
        found["managingOrganization"] = {"reference": placed}
    return found


def after(before: Json, holder: str = HOME) -> tuple[list[str], list[str]]:
    """Return relations and places of care after the move."""
    resources = {**RESOURCES, "Patient/x": moved(before, NEW, RESOURCES)}
    return relations_of(resources, holder), places_of(resources["Patient/x"], resources)


def test_the_new_practice_and_with_it_the_place_of_care():
    assert after(patient()) == ([HOME, NEW], [NEW])


def test_a_placement_elsewhere_stays_and_goes_on_deciding():
    assert after(patient("Organization/home")) == ([HOME, NEW], [HOME, NEW])


def test_who_is_placed_nowhere_stays_so():
    made = moved(patient(None), NEW, RESOURCES)
    assert "managingOrganization" not in made
    assert made["generalPractitioner"] == [reference_to(NEW)]


def test_the_old_practice_as_holder_keeps_what_it_holds():
    assert after(patient(), holder=OLD)[0] == [OLD, NEW]


@pytest.mark.parametrize("named", [("PractitionerRole/gp",), ("Practitioner/p", "Organization/old")])
def test_whoever_was_named_of_the_old_practice_is_not_named_any_more(named: tuple[str, ...]):
    made = moved(patient(None, *named), NEW, RESOURCES)
    assert made["generalPractitioner"] == [reference_to(NEW)]


def test_one_of_several_that_is_the_right_one_is_kept_as_it_was():
    mine = {"display": "Mine", **reference_to(NEW)}
    before = patient()
    before["generalPractitioner"].append(mine)
    made = moved(before, NEW, RESOURCES)
    assert made["generalPractitioner"] == [mine]
    assert made["managingOrganization"] == reference_to(NEW)


@pytest.mark.parametrize("practice", [OLD, "", "no code"])
def test_nothing_to_change_changes_nothing(practice: str):
    before = patient()
    assert moved(before, practice, RESOURCES) is before


def test_what_was_there_is_not_changed_in_place():
    before = patient()
    moved(before, NEW, RESOURCES)
    assert before == patient()
