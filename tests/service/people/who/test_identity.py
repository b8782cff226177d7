"""Identities: the same for the same seed and index, cheap, nobody's, and as awkward as life."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM, is_nhs_number
from fhir_profiles.validation import validate
from service.people.who.identity import NO_NUMBER, Identity, identity
from service.people.who.patient import ADDRESS_KEY, patient
from service.people.who.shared_homes import BLOCK, FEWEST, MOST
from tests.service.people.who.telling import say

MANY = 20_000
EVERYBODY = [identity(index, seed=5) for index in range(MANY)]
PATIENTS = [patient(who) for who in EVERYBODY[:4_000]]


def test_the_same_seed_and_index_give_the_same_person_in_any_order():
    assert [identity(index, seed=5) for index in (700, 3, 19_999)] == [EVERYBODY[index] for index in (700, 3, 19_999)]
    assert identity(3, seed=6) != EVERYBODY[3]
    assert identity(3, seed=6).nhs_number == EVERYBODY[3].nhs_number


def test_every_number_is_valid_of_the_test_range_and_of_one_person():
    numbers = [who.nhs_number for who in EVERYBODY if who.nhs_number]
    assert all(is_nhs_number(number) and number.startswith("999") for number in numbers)
    assert len(set(numbers)) == len(numbers)


def test_who_has_no_number_has_a_reason_and_a_number_of_the_hospital():
    without = [who for who in EVERYBODY if who.nhs_number is None]
    assert {who.no_number_reason for who in without} == set(NO_NUMBER)
    assert 0.002 < len(without) / MANY < 0.015
    assert all(who.hospital_number for who in without)
    numbered = [who.hospital_number for who in EVERYBODY if who.hospital_number]
    assert len(set(numbered)) == len(numbered)


def test_every_patient_is_valid():
    for who, resource in zip(EVERYBODY, PATIENTS, strict=False):
        assert validate(resource) == [], who.index


def test_nobody_can_be_reached_or_visited():
    for who in EVERYBODY:
        phones = [who.landline, who.mobile, *(contact.phone for contact in who.contacts)]
        assert all(re.fullmatch(r"01632 [2-9]\d{5}|07700 900\d{3}", phone) for phone in phones if phone)
        if who.home:
            assert re.fullmatch(r"ZZ9\d \d[A-Z]{2}", who.home.postcode)
            assert re.fullmatch(r"99[01]\d{9}", who.home.uprn)
    assert {one["address"][0].get("text") for one in PATIENTS} == {None, "No fixed address"}


def test_what_a_record_knows_of_a_birth_date_varies():
    assert {who.born_known for who in EVERYBODY} == {"day", "month", "year", "about"}
    lengths = Counter(len(one["birthDate"]) for one in PATIENTS)
    assert lengths[10] > 0.96 * len(PATIENTS)
    assert lengths[7] > 3
    assert lengths[4] > 10


def test_settings_have_their_shares():
    shares = {setting: count / MANY for setting, count in Counter(who.setting for who in EVERYBODY).items()}
    say(f"settings: {shares}")
    assert shares["care-home"] == pytest.approx(0.20, abs=0.03)
    assert shares["hospice"] == pytest.approx(0.026, abs=0.01)
    assert 0.003 < shares["hostel"] < 0.01
    assert 0.003 < shares["no-fixed-address"] < 0.01
    assert Counter(who.locality for who in EVERYBODY)[0] / MANY == pytest.approx(0.58, abs=0.04)


def test_a_care_home_has_twenty_to_sixty_residents_who_share_address_and_telephone():
    homes: dict[tuple[int, str, str], list[Identity]] = {}
    for who in EVERYBODY:
        if who.shared and who.home and who.setting == "care-home":
            homes.setdefault((who.index // BLOCK, who.shared.name, who.home.uprn), []).append(who)
    assert len(homes) == MANY // BLOCK * 2
    for residents in homes.values():
        assert FEWEST <= len(residents) <= MOST
        assert len({(who.home, who.landline, who.locality) for who in residents}) == 1


def test_twins_differ_in_given_name_and_number_alone():
    pairs = [(one, two) for one, two in _pairs() if one.tie == two.tie == "twin"]
    assert len(pairs) >= MANY // 1000
    for one, two in pairs:
        assert (one.family, one.born, one.home) == (two.family, two.born, two.home)
        assert one.given[0] != two.given[0]
        assert one.index != two.index


def test_near_doubles_share_a_name_and_nearly_a_birth_date():
    pairs = [(one, two) for one, two in _pairs() if one.tie == two.tie == "near-double"]
    assert len(pairs) >= MANY // 1000
    for one, two in pairs:
        assert (one.family, one.given[0], one.gender) == (two.family, two.given[0], two.gender)
        assert one.born != two.born
        assert one.home != two.home


def test_couples_share_a_home():
    pairs = [(one, two) for one, two in _pairs() if one.tie == two.tie == "couple"]
    assert len(pairs) > MANY // 200
    assert all((one.family, one.home) == (two.family, two.home) and one.gender != two.gender for one, two in pairs)


def test_names_are_of_every_kind():
    uses = Counter(name.get("use") for one in PATIENTS for name in one["name"])
    assert uses["official"] == uses["usual"] == len(PATIENTS)
    assert uses["nickname"] > 200
    assert uses["maiden"] > 200
    assert uses["old"] > 10
    assert uses[None] > 80
    texts = "".join(name.get("text", "") for one in PATIENTS for name in one["name"])
    for pattern in ("[\u0400-\u04ff]", "[\u0370-\u03ff]", "[\u0a00-\u0a7f]", "[\u4e00-\u9fff]", "[łąęśżŁŚŻ]"):
        assert re.search(pattern, texts), pattern


def test_family_names_have_hyphens_apostrophes_and_spaces():
    for mark, most in (("-", 0.05), ("'", 0.02), (" ", 0.02)):
        share = sum(mark in who.family for who in EVERYBODY) / MANY
        assert 0.002 < share < most, mark


def test_some_have_a_property_number():
    keyed = [one for one in PATIENTS if ADDRESS_KEY in str(one["address"])]
    assert 0.5 < len(keyed) / len(PATIENTS) < 0.8


def test_who_is_protected_is_marked_and_without_whereabouts_only_when_asked():
    protected = [who for who in EVERYBODY if who.protected]
    assert len(protected) > 20
    for who in protected:
        assert "meta" not in patient(who)
        resource = patient(who, flagged=True)
        assert resource["meta"]["security"][0]["code"] == "R"
        assert not {"address", "telecom"} & resource.keys()
        assert validate(resource) == []
    assert patient(EVERYBODY[0], flagged=True) == patient(EVERYBODY[0])


def test_an_identity_costs_little():
    cheapest = min(_cost_of(first) for first in range(0, 5_000, 1_000))
    say(f"an identity costs {cheapest * 1e6:.0f} microseconds")
    assert cheapest < 150e-6  # about 30 on an idle machine; a plan costs five times as much


def test_only_numbers_stand_in_identifiers():
    for who, resource in zip(EVERYBODY, PATIENTS, strict=False):
        numbers = [one["value"] for one in resource["identifier"] if one["system"] == NHS_NUMBER_SYSTEM]
        assert numbers == ([who.nhs_number] if who.nhs_number else [])


def _pairs():
    return zip(EVERYBODY[::2], EVERYBODY[1::2], strict=True)


def _cost_of(first: int) -> float:
    started = time.process_time()
    for index in range(first, first + 1_000):
        identity(index, seed=8)
    return (time.process_time() - started) / 1_000
