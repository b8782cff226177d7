"""Synthetic people: nobody real, nobody twice, the same for the same seed, and valid."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, is_nhs_number
from fhir_profiles.validation import validate
from service.people.demo import demo_people
from service.people.heavy import heavy_person
from service.people.invented import NUMBERS, nhs_number
from service.people.plans import plans, write_ndjson
from tests.service.plan.build import NOW

PLANS = list(plans(60, seed=3, now=NOW))


def resources(bundle):
    return [entry["resource"] for entry in bundle["entry"]]


def number_of(bundle):
    identifier = next(one for one in resources(bundle) if one["resourceType"] == "Patient")["identifier"][0]
    return identifier["value"] if identifier["system"] == NHS_NUMBER_SYSTEM else None


def test_numbers_are_valid_of_the_test_range_and_never_shared():
    numbers = [nhs_number(index) for index in (*range(3_000), *range(NUMBERS - 3_000, NUMBERS))]
    assert all(is_nhs_number(number) and number.startswith("999") for number in numbers)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("index", [-1, NUMBERS])
def test_there_is_no_number_outside_the_range(index):
    with pytest.raises(ValueError, match="index"):
        nhs_number(index)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_person():
    assert list(plans(5, seed=3, now=NOW)) == PLANS[:5]
    other = next(plans(1, seed=4, now=NOW))
    assert other != PLANS[0]
    assert number_of(other) == number_of(PLANS[0])


def test_a_later_start_continues_the_same_people():
    assert list(plans(2, seed=3, now=NOW, first=5)) == PLANS[5:7]


def test_every_plan_is_valid_and_refers_only_to_itself():
    for bundle in PLANS:
        assert validate(bundle) == []
        assert [issue for one in resources(bundle) for issue in validate(one)] == []
        urns = {entry["fullUrl"] for entry in bundle["entry"]}
        assert len(urns) == len(bundle["entry"])
        text = msgspec.json.encode(bundle).decode()
        assert all(f"urn:uuid:{part[:36]}" in urns for part in text.split("urn:uuid:")[1:])


def test_plans_hold_what_a_plan_holds_and_differ():
    sizes = Counter(len(bundle["entry"]) for bundle in PLANS)
    assert min(sizes) >= 18
    assert len(sizes) > 3
    kinds = {one["resourceType"] for one in resources(PLANS[0])}
    assert kinds >= {"Patient", "CarePlan", "CareTeam", "Consent", "Provenance", "PractitionerRole", "RelatedPerson"}


def test_a_patient_is_created_once_for_one_number():
    for bundle in PLANS:
        requests = [entry["request"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"]
        if number := number_of(bundle):
            assert [one["ifNoneExist"].rpartition("|")[2] for one in requests] == [number]


def test_every_phone_number_is_of_a_range_that_nobody_has():
    phones = {point["value"] for bundle in PLANS for one in resources(bundle) for point in one.get("telecom", ())}
    assert all(re.fullmatch(r"01632 [2-9]\d{5}|07700 900\d{3}", phone) for phone in phones)


def test_the_cast_is_stable_unlike_the_crowd_and_worth_looking_at():
    cast = list(demo_people(NOW))
    assert len({person.nhs_number for person in cast}) == len(cast) == 23
    assert cast[0].nhs_number == "9999988881"
    assert all(validate(one) == [] for person in cast for one in resources(person.bundle))
    assert all(person.look_at and number_of(person.bundle) == person.nhs_number for person in cast)


def test_the_page_of_people_has_the_whole_cast():
    page = (Path(__file__).parents[3] / "docs" / "people.md").read_text()
    for person in demo_people(NOW):
        assert f"| {person.nhs_number} | {person.name} | {person.look_at} |" in page


def test_a_heavy_person_is_as_heavy_as_asked():
    bundle = heavy_person(NOW, resources=120, attachment_bytes=6_000_000)
    assert len(bundle["entry"]) == 120
    documents = [one for one in resources(bundle) if one["resourceType"] == "DocumentReference"]
    assert sum(len(b64decode(one["content"][0]["attachment"]["data"])) for one in documents) == 6_000_000
    assert validate(bundle) == []


def test_ndjson_is_one_plan_a_line():
    out = BytesIO()
    assert write_ndjson(PLANS[:3], out) == 3
    assert [msgspec.json.decode(line) for line in out.getvalue().splitlines()] == PLANS[:3]
