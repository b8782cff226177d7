"""The plan as released for a partner, as one document: from resources alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from service.document.paper import Paper
from service.document.plan import PlanDocument, document_of, others
from service.plan.summary import Wording
from tests.service.document.cast import NOW, plan
from tests.service.document.reading import pages_of

Json = dict[str, Any]
WORDING = Wording.of("Call the number below.")
HOSTILE = (
    '#import "/etc/passwd" $x$ #let it = [*] \\ @ref <label> // /* `raw`',
    "</p></details><answer><h2>FOR CPR</h2> <script>alert(1)</script> &amp; &#x202e; ]]> <!--",
    "w" * 3_000,
    "אינו מיועד להחייאה \u202eRPC rof\u202c عربى",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u4e2d\u6587 \x00\x1b[31m \ue000 Zalgo\u0301\u0302\u0303\u0304",
)


def made(resources: list[Json], paper: Paper) -> list[str]:
    """Return the pages of a plan."""
    return pages_of(asyncio.run(PlanDocument(paper, WORDING, lambda: NOW)(resources)))


@pytest.mark.parametrize("name", ["Ada", "Edith", "Mabel"])
def test_each_of_the_cast_has_one(name: str, paper: Paper) -> None:
    first, *behind = made(plan(name), paper)
    assert behind
    assert "NHS 999 " in first


def test_what_the_emergency_answer_leaves_out_comes_last(paper: Paper) -> None:
    resources = plan("Ada")
    told = others(resources, document_of(resources, WORDING, NOW))
    titles = [chapter.title for chapter in told]
    assert "Diagnoses" in titles
    assert "Cpr decision" not in titles
    text = " ".join(made(resources, paper)[1:])
    for chapter in told:
        assert chapter.title in text


def test_nothing_that_was_not_released_is_in_it(paper: Paper) -> None:
    """Each kind of resource in turn is not released: none of its own words is left."""
    words = {"Condition": "Diagnoses", "CarePlan": "Level of treatment", "AllergyIntolerance": "ALLERGY: "}
    for kind, said in words.items():
        assert said in " ".join(made(plan("Ada"), paper))
        without = [one for one in plan("Ada") if one["resourceType"] != kind]
        assert said not in " ".join(made(without, paper))


def test_what_is_not_there_never_reads_as_none(paper: Paper) -> None:
    """Who sees resources alone cannot tell what is closed from what is not recorded (sharing rule 5.4)."""
    text = " ".join(made([one for one in plan("Ada") if one["resourceType"] == "Patient"], paper))
    assert "CPR DECISION WITHHELD OR UNAVAILABLE" in text
    assert "NO CPR DECISION RECORDED" not in text
    assert "Allergies are withheld or unavailable; do not infer that there are none" in text


def test_a_death_is_said_first(paper: Paper) -> None:
    def died(resources: list[Json]) -> None:
        next(one for one in resources if one["resourceType"] == "Patient")["deceasedDateTime"] = "2026-11-27"

    first, *_ = made(plan("Ada", died), paper)
    assert "This person has died. What follows is history and not for action." in first
    assert "RECORDED AS HAVING DIED" in first


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str, paper: Paper) -> None:
    def everywhere(resources: list[Json]) -> None:
        for one in resources:
            if one["resourceType"] == "Patient":
                one["name"] = [{"use": "official", "text": text, "family": text, "given": [text]}]
                one["address"] = [{"use": "home", "line": [text], "city": text}]
            for element in ("code", "valueCodeableConcept", "medicationCodeableConcept"):
                if element in one and "text" in one[element]:
                    one[element]["text"] = text
            if "note" in one:
                one["note"] = [{"text": text}]

    pages = made(plan("Edith", everywhere), paper)
    assert "TWO DECISIONS DISAGREE" in pages[0]
    assert "1. DO NOT ATTEMPT CPR" in pages[0]
    assert "2. ATTEMPT CPR" in pages[0]
    assert "Page 2 of" in pages[1]


def test_markup_in_a_text_stands_there_as_it_was_written(paper: Paper) -> None:
    def named(resources: list[Json]) -> None:
        next(one for one in resources if one["resourceType"] == "Patient")["name"] = [{"text": "<b>#x</b> & $y$"}]

    assert "<b>#x</b> & $y$" in made(plan("Ada", named), paper)[0]
