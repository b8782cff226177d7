"""The mix of synthetic people: every state that a reader must tell apart occurs, all of it valid, and it loads."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from fhir_profiles.identifiers import ODS_SYSTEM
from fhir_profiles.validation import validate
from service.cli.load import loading_caller
from service.people import traits as kinds
from service.people.illnesses import DIAGNOSES
from service.people.localities import LOCALITIES
from service.people.plans import plan_of, plans, practice_of
from service.people.traits import Traits, drawn
from service.people.who.identity import identity
from tests.service.people.who.telling import say
from tests.service.record.house import NOW, house

FIRST = 2_000
WHO = [identity(index, seed=1) for index in range(FIRST)]
TRAITS = [drawn(Random(f"1:{who.index}"), who) for who in WHO]
SAMPLE = [plan_of(Random(f"1:{who.index}"), who, drawn(Random(f"1:{who.index}"), who), NOW) for who in WHO[:200]]
AWKWARD = [
    who
    for who in WHO
    if who.nhs_number is None
    or who.setting in ("hostel", "no-fixed-address")
    or who.age < 18
    or who.born_known != "day"
]


def resources(bundle):
    return [entry["resource"] for entry in bundle["entry"]]


def test_every_state_of_every_decision_occurs_among_the_first():
    states = Counter((name, getattr(one, name)) for one in TRAITS for name in ("cpr", "level", "place", "illness"))
    say("\n" + "\n".join(f"  {name:8} {value:15} {count:5}" for (name, value), count in sorted(states.items())))
    assert {value for name, value in states if name == "cpr"} == set(kinds.CPR)
    assert {value for name, value in states if name == "level"} == set(kinds.LEVELS)
    assert {value for name, value in states if name == "place"} == set(kinds.PLACES)
    assert {value for name, value in states if name == "illness"} == set(DIAGNOSES)
    assert {one.attorney_for for one in TRAITS if one.attorney} == set(kinds.ATTORNEYS)
    assert {one.advance_decision_seen for one in TRAITS if one.advance_decision} == {True, False}
    assert {one.medicines_held for one in TRAITS if one.medicines} == set(kinds.MEDICINES_HELD)
    assert {(bool(one.medicines), one.box) for one in TRAITS} == {(a, b) for a in (True, False) for b in (True, False)}
    assert {one.second_place for one in TRAITS} == {True, False}
    decided = [one for one in TRAITS if one.cpr in ("for", "not-for", "modified", "conflict", "superseded")]
    assert sum(one.review_in_days < 0 for one in decided) > 50
    assert sum(one.authorised_for_days < 0 for one in TRAITS if one.medicines) > 20
    assert {one.allergy for one in TRAITS} >= {"none-known", "not-recorded", "Penicillin"}


def test_every_kind_of_person_occurs_among_the_first():
    assert {who.setting for who in WHO} == {"home", "care-home", "hospice", "hostel", "no-fixed-address"}
    assert {who.tie for who in WHO} == {"", "twin", "couple", "near-double"}
    assert {who.locality for who in WHO} == {0, 1}
    assert {who.born_known for who in WHO} == {"day", "month", "year", "about"}
    assert any(who.nhs_number is None for who in WHO)
    assert any(who.foreign for who in WHO)
    assert any(who.age < 18 for who in WHO)
    assert any(who.protected for who in WHO)


def test_modified_cpr_is_for_children_only_and_children_have_childrens_illnesses():
    for who, one in zip(WHO, TRAITS, strict=True):
        assert who.age < 18 or one.cpr != "modified"
        assert (who.age < 20) == (one.illness == "childhood")


def test_a_plan_is_about_the_identity_of_the_same_number():
    for who, bundle in zip(WHO, plans(40, seed=1, now=NOW), strict=False):
        patient = next(one for one in resources(bundle) if one["resourceType"] == "Patient")
        assert patient["name"][0]["family"] == who.family
        assert practice_of(bundle) == LOCALITIES[who.locality].practice[0]


def test_a_plan_has_about_25_resources():
    sizes = [len(bundle["entry"]) for bundle in SAMPLE]
    say(f"\nresources of a plan: {sum(sizes) / len(sizes):.1f} on average, {min(sizes)} to {max(sizes)}")
    assert 23 <= sum(sizes) / len(sizes) <= 29


@pytest.mark.parametrize("part", range(4))
def test_plans_are_valid(part):
    chosen = [plan_of(Random(f"1:{who.index}"), who, drawn(Random(f"1:{who.index}"), who), NOW) for who in AWKWARD]
    for bundle in (*SAMPLE, *chosen)[part::4]:
        assert validate(bundle) == []
        assert [issue for one in resources(bundle) for issue in validate(one)] == []


@pytest.mark.parametrize("cpr", kinds.CPR)
@pytest.mark.parametrize("place", kinds.PLACES)
def test_every_state_is_valid(cpr, place):
    changes: dict[str, Any] = {
        "level": kinds.LEVELS[len(place) % 4],
        "attorney_for": kinds.ATTORNEYS[len(cpr) % 3],
        "medicines_held": kinds.MEDICINES_HELD[len(place) % 3],
        "advance_decision": True,
        "advance_decision_seen": len(cpr) % 2 == 0,
    }
    bundle = plan_of(Random(1), WHO[0], Traits(cpr=cpr, place=place, **changes), NOW)
    assert [issue for one in resources(bundle) for issue in validate(one)] == []


def test_organisations_exist_nowhere():
    codes = {
        one["identifier"][0]["value"]
        for bundle in SAMPLE
        for one in resources(bundle)
        if one["resourceType"] == "Organization" and one["identifier"][0]["system"] == ODS_SYSTEM
    }
    assert codes > {"ZZGP01", "ZZGP02", "ZZHSP1", "ZZHSP2"}
    assert all(re.fullmatch(r"ZZ[A-Z0-9]{1,10}", code) for code in codes)
    for locality in LOCALITIES:
        named = (locality.practice, locality.hospice, locality.ambulance, locality.call_handler, locality.hospital)
        assert all(code.startswith("ZZ") for code, _, _ in (*named, locality.community))


async def test_a_sample_loads_through_the_real_use_case(tmp_path: Path):
    chosen = [*WHO[:30], *AWKWARD[:50]]
    async with house(tmp_path, tmp_path / "records.sqlite") as opened:
        now = opened.opened.clock()
        for who in chosen:
            bundle = plan_of(Random(f"1:{who.index}"), who, drawn(Random(f"1:{who.index}"), who), now)
            await opened.post(bundle, loading_caller(who.index, practice_of(bundle)))
            if who.nhs_number:
                record = await opened.record_of(who.nhs_number)
                assert record.manifest.identity is not None


def test_what_is_made_does_not_depend_on_the_clock_but_for_its_dates():
    later = datetime(2027, 1, 1, tzinfo=UTC)
    one, two = (msgspec.json.encode(next(plans(1, seed=1, now=now))).decode() for now in (NOW, later))
    assert re.sub(r"20\d\d-\d\d-\d\d", "", one).replace("T09:00:00Z", "") == re.sub(
        r"20\d\d-\d\d-\d\d", "", two
    ).replace("T00:00:00Z", "")
