"""The lines on the pages: whatever is kept can be told in a few words, and what stands comes first."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.people.demo import DemoPerson, demo_people
from service.standins.config import RECORD_TYPES
from service.standins.decisions import ENDS, lines_of, words_of
from service.standins.moments import Moments
from service.standins.shelf import Shelf
from tests.standins.far_end import cpr, patient

CAST = list(demo_people(datetime(2026, 11, 2, 12, tzinfo=UTC)))


@pytest.mark.parametrize("person", CAST, ids=lambda person: person.name)
def test_every_resource_of_the_demo_can_be_told(person: DemoPerson) -> None:
    shelf = Shelf(Moments())
    resources = [entry["resource"] for entry in person.bundle["entry"]]
    told = {one["resourceType"]: words_of(one) for one in resources}
    assert all(told.values())
    assert "CodeableConcept" not in str(told)
    versions = [shelf.create(one) for one in resources if one["resourceType"] in RECORD_TYPES]
    lines = lines_of(versions)
    assert all(line.title for line in lines)


@pytest.mark.parametrize("kind", RECORD_TYPES)
def test_even_a_bare_resource_can_be_told(kind: str) -> None:
    assert words_of({"resourceType": kind}) or kind == "Communication"


def test_what_was_replaced_or_revoked_or_withdrawn_is_not_among_the_lines() -> None:
    shelf = Shelf(Moments(), prefix="t")
    person = shelf.create(patient()).reference
    first, second = (shelf.create(cpr(person, code)) for code in ("450475007", "450475007"))
    third = shelf.create(
        cpr(
            person,
            extension=[
                {"url": ENDS[0], "valueReference": {"reference": first.reference}},
                {"url": ENDS[1], "valueReference": {"reference": second.reference}},
            ],
        )
    )
    wrong = shelf.create({**cpr(person, "450475007"), "status": "entered-in-error"})
    lines = lines_of([first, second, third, wrong])
    assert [(line.title, line.value, line.reference) for line in lines] == [("CPR", "not for CPR", third.reference)]


def test_a_decision_entered_in_error_ends_nothing() -> None:
    shelf = Shelf(Moments(), prefix="t")
    person = shelf.create(patient()).reference
    first = shelf.create(cpr(person))
    ends = [{"url": ENDS[0], "valueReference": {"reference": first.reference}}]
    wrong = shelf.create({**cpr(person, "450475007"), "status": "entered-in-error", "extension": ends})
    assert [line.reference for line in lines_of([first, wrong])] == [first.reference]


def test_decisions_come_before_everything_else_and_the_newest_first() -> None:
    shelf = Shelf(Moments(), prefix="t")
    person = shelf.create(patient()).reference
    allergy = {"resourceType": "AllergyIntolerance", "code": {"text": "Latex"}, "patient": {"reference": person}}
    versions = [
        shelf.create(allergy),
        shelf.create(cpr(person)),
        shelf.create({**cpr(person, "450475007"), "effectiveDateTime": "2026-11-03T09:00:00Z"}),
    ]
    told = [(line.title, line.value) for line in lines_of(versions)]
    assert told == [("CPR", "for CPR"), ("CPR", "not for CPR"), ("Allergy", "Latex")]
