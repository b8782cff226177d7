"""What PDS says of a person against what is recorded: one rule a test, nothing opened."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.pds_person import person_of
from fhir_profiles.validation import validate
from security.labels import SFlag
from service.people.invented import nhs_number
from service.record.derive import identity_of, life_of, places_of
from service.record.registration import reference_to
from service.sync.identity import (
    Did,
    Judged,
    Known,
    is_same,
    judge,
    judge_invalidated,
    judge_unknown,
    status_of,
)
from service.sync.identity_review import Review
from tests.service.record.house import patient as made
from tests.standins import pds

NUMBER, OURS = made(12_000, generalPractitioner=[reference_to("ZZGP01")])
NEW, THIRD = nhs_number(612_001), nhs_number(612_002)
U, R, V = SFlag.UNRESTRICTED, SFlag.RESTRICTED, SFlag.VERY_RESTRICTED


def said(number: str = NUMBER, asked: str = NUMBER, **more: Any) -> Any:
    return person_of(pds.person(number, **more), asked)


def judged(
    patient: dict[str, Any] = OURS,
    known: Known = Known(U),  # noqa: B008 - it is frozen
    *,
    rival: bool = False,
    **more: Any,
) -> Judged:
    before = deepcopy(patient)
    found = judge(patient, known, said(**more), rival=rival, resources={})
    assert patient == before, "what is judged is not changed"
    assert validate(found.patient) == []
    return found


def test_who_fits_is_verified_and_stays_so() -> None:
    first = judged()
    assert (status_of(first.patient), first.did, first.reviews) == ("01", [Did.VERIFIED], [])
    again = judged(first.patient)
    assert (again.patient, again.did, again.known) == (first.patient, [], Known(U))


def test_nothing_else_of_pds_is_taken_over() -> None:
    known = {**OURS, "address": [{"line": ["2 Elsewhere Road"]}], "telecom": [{"system": "phone", "value": "1"}]}
    after = judged(known).patient
    assert {name: after[name] for name in known if name != "identifier"} == {
        name: value for name, value in known.items() if name != "identifier"
    }


@pytest.mark.parametrize(
    ("ours", "fits"),
    [
        ({}, True),
        ({"birthDate": "1940-05"}, True),
        ({"birthDate": "1940-05-07"}, False),
        ({"birthDate": ""}, False),
        ({"name": [{"family": "TESTLEY "}]}, True),
        ({"name": [{"family": "Married"}, {"use": "maiden", "family": "Testley"}]}, True),
        ({"name": [{"family": "Other"}]}, False),
        ({"name": [{"given": ["Ada"]}]}, False),
        ({"name": []}, False),
    ],
)
def test_who_fits(ours: dict[str, Any], fits: bool) -> None:
    assert is_same({**OURS, **ours}, said()) is fits


def test_what_pds_does_not_say_is_no_agreement() -> None:
    unnamed = {name: value for name, value in pds.person(NUMBER).items() if name not in ("name", "birthDate")}
    assert not is_same(OURS, person_of(unnamed, NUMBER))
    assert not is_same({"name": [{"family": ""}], "birthDate": ""}, person_of(unnamed, NUMBER))


def test_of_somebody_else_nothing_is_believed_but_protection() -> None:
    other = {**OURS, "birthDate": "1950-01-01"}
    found = judged(other, flag="R", status="2", died="2026-01-02", gp="ZZGP02", number=NEW)
    assert [review for review, _ in found.reviews] == [Review.DETAILS_DIFFER]
    assert (life_of(found.patient)[0], identity_of(found.patient).nhs_number) == ("alive", NUMBER)
    assert found.patient["generalPractitioner"] == OURS["generalPractitioner"]
    assert found.known.sflag is R
    assert status_of(found.patient) == "05"
    lower = judged(other, Known(R))
    assert lower.known.sflag is R, "a flag is not taken away by what may be somebody else's"


@pytest.mark.parametrize(
    ("before", "said_flag", "after", "did"),
    [
        (U, "R", R, Did.FLAG_RAISED),
        (U, "V", V, Did.FLAG_RAISED),
        (R, "REDACTED", V, Did.FLAG_RAISED),
        (V, "R", R, Did.FLAG_TAKEN),
        (R, "U", U, Did.FLAG_TAKEN),
        (R, "R", R, None),
        (U, "U", U, None),
    ],
)
def test_the_flag_is_the_one_of_pds(before: SFlag, said_flag: str, after: SFlag, did: Did | None) -> None:
    found = judged(known=Known(before), flag=said_flag)
    assert found.known.sflag is after
    assert (did in found.did) if did else not {Did.FLAG_RAISED, Did.FLAG_TAKEN} & set(found.did)


# --- numbers


def test_a_new_number_becomes_theirs_and_the_old_one_an_alias() -> None:
    found = judged(number=NEW)
    assert identity_of(found.patient).nhs_number == NEW
    assert found.known.former_numbers == (NUMBER,)
    uses = {one["value"]: one["use"] for one in found.patient["identifier"]}
    assert uses == {NEW: "official", NUMBER: "old"}
    assert status_of(found.patient) == "01"
    again = judge(found.patient, found.known, said(NEW, NEW), rival=False, resources={})
    assert (again.patient, again.known) == (found.patient, found.known)


def test_numbers_that_follow_each_other_are_all_kept_and_one_may_come_back() -> None:
    first = judged(number=NEW)
    second = judge(first.patient, first.known, said(THIRD, NEW), rival=False, resources={})
    assert second.known.former_numbers == (NUMBER, NEW)
    back = judge(second.patient, second.known, said(NUMBER, THIRD), rival=False, resources={})
    assert identity_of(back.patient).nhs_number == NUMBER
    assert set(back.known.former_numbers) == {NEW, THIRD}
    assert validate(back.patient) == []


def test_other_identifiers_stay() -> None:
    hospital = {"system": "https://hospital.example.org/id", "value": "H1"}
    found = judged({**OURS, "identifier": [hospital, *OURS["identifier"]]}, number=NEW)
    assert hospital in found.patient["identifier"]


def test_where_both_have_a_record_nothing_is_merged() -> None:
    found = judged(number=NEW, rival=True, flag="R", status="1", died="2026-01-02")
    assert [review for review, _ in found.reviews] == [Review.TWO_RECORDS]
    assert (identity_of(found.patient).nhs_number, found.known.former_numbers) == (NUMBER, ())
    assert (found.known.sflag, life_of(found.patient)[0]) == (R, "informal_death"), "what is theirs all the same"


def test_a_number_that_is_unknown_is_checked_by_somebody() -> None:
    found = judge_unknown(OURS, Known(U))
    assert (status_of(found.patient), [one for one, _ in found.reviews]) == ("04", [Review.NOT_KNOWN])
    assert found.known == Known(U)


def test_a_number_that_is_invalid_freezes_until_it_is_valid_again() -> None:
    found = judge_invalidated(OURS, Known(R, (NEW,)))
    assert found.known == Known(R, (NEW,), NUMBER)
    assert Did.FROZEN in found.did
    assert Did.FROZEN not in judge_invalidated(found.patient, found.known).did
    thawed = judged(found.patient, found.known, flag="R")
    assert (thawed.known.invalidated, Did.THAWED in thawed.did) == ("", True)


# --- death

PROVISIONAL = judged(status="1", died="2026-01-02").patient
FORMAL = judged(status="2", died="2026-01-02").patient
SEEN = {**OURS, "deceasedDateTime": "2026-01-02T03:04:05Z"}


@pytest.mark.parametrize(
    ("ours", "status", "died", "life", "review"),
    [
        (OURS, "1", "2026-01-02", "informal_death", False),
        (OURS, "2", "2026-01-02", "formal_death", False),
        (OURS, "2", "", "formal_death", False),
        (PROVISIONAL, "2", "2026-01-02", "formal_death", False),
        (FORMAL, "1", "2026-01-02", "informal_death", False),
        (FORMAL, "U", "", "alive", False),
        (PROVISIONAL, "U", "", "alive", False),
        (OURS, "U", "", "alive", False),
        (SEEN, "1", "2026-01-03", "verified_death", False),
        (SEEN, "2", "2026-01-02", "formal_death", False),
        (SEEN, "", "", "verified_death", False),
        (SEEN, "U", "", "verified_death", True),
        (FORMAL, "", "", "formal_death", True),
        (OURS, "", "2026-01-02", "alive", True),
    ],
)
def test_a_death(ours: dict[str, Any], status: str, died: str, life: str, review: bool) -> None:
    found = judged(ours, status=status, died=died)
    assert life_of(found.patient)[0] == life
    assert ([one for one, _ in found.reviews] == [Review.DEATH_DISAGREES]) is review
    again = judged(found.patient, found.known, status=status, died=died)
    assert again.patient == found.patient


def test_a_removed_death_leaves_nothing_of_it() -> None:
    found = judged({**FORMAL, "deceasedBoolean": True}, status="U").patient
    assert not [name for name in found if "deceased" in name]
    assert "extension" not in found


# --- the practice


def test_the_practice_is_the_one_that_pds_names() -> None:
    after = judged(gp="ZZGP02").patient["generalPractitioner"]
    assert [one["identifier"]["value"] for one in after] == ["ZZGP02"]


def test_where_pds_names_none_ours_stays() -> None:
    named = {**OURS, "generalPractitioner": [{"display": "Dr Example"}]}
    restricted = {name: value for name, value in pds.person(NUMBER, flag="R").items() if name != "generalPractitioner"}
    found = judge(named, Known(R), person_of(restricted, NUMBER), rival=False, resources={})
    assert found.patient["generalPractitioner"] == named["generalPractitioner"]


# --- any order

FACTS = st.fixed_dictionaries(
    {
        "number": st.sampled_from([NUMBER, NEW, THIRD]),
        "flag": st.sampled_from(["U", "R", "V"]),
        "status": st.sampled_from(["1", "2", "U"]),
        "gp": st.sampled_from(["ZZGP01", "ZZGP02"]),
    }
)


@given(st.lists(FACTS, min_size=1, max_size=6))
def test_only_what_pds_says_last_counts(history: list[dict[str, str]]) -> None:
    """Whatever was read before, and however often: number, flag, life and practice are those of the last reading."""
    patient, known = deepcopy(OURS), Known(U)
    numbers = {NUMBER}
    found = Judged(patient, known)
    for facts in (*history, history[-1]):
        died = "" if facts["status"] == "U" else "2026-01-02"
        now = said(**facts, asked=identity_of(patient).nhs_number, died=died)
        found = judge(patient, known, now, rival=False, resources={})
        patient, known = found.patient, found.known
        numbers.add(facts["number"])
    last = history[-1]
    lives = {"1": "informal_death", "2": "formal_death", "U": "alive"}
    assert (identity_of(patient).nhs_number, known.sflag) == (last["number"], SFlag(last["flag"]))
    assert (life_of(patient)[0], places_of(patient, {})) == (lives[last["status"]], [last["gp"]])
    assert {*known.former_numbers, last["number"]} == numbers
    assert last["number"] not in known.former_numbers
    assert (found.did, found.reviews) == ([], [])
    assert validate(patient) == []
