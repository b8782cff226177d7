"""A document says what the screen says: the emergency answer on its first page, all in its own words after it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhir_profiles.sections import Section
from service.document.paper import Paper
from service.document.press import FONTS, NoFonts, NotPrinted, Press
from service.plan.rota import Answering
from service.web.view import view_of
from tests.service.document.cast import NAMES
from tests.service.document.reading import first_of, flat, pages_of
from tests.web.test_view import document


def lines(name: str) -> list[str]:
    """Return every line of the emergency answer about one of the cast."""
    view = view_of(document(name), None, paper=True)
    return [
        *view.notices,
        view.person.name,
        view.person.address,
        f"NHS {view.person.nhs_number}",
        view.headline,
        view.lead,
        *(words for one in view.cpr for words in (one.words, one.state, one.signed)),
        *(one.text for one in (view.ceiling, view.legal, view.place, view.medicines, *view.strip)),
        *(f"CALL {one.number} {one.who}, {one.note}" for one in view.calls),
        view.beside_calls,
        view.fresh,
        *view.prompts,
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_answer_is_on_the_first_page(name: str, paper: Paper) -> None:
    first = first_of(paper.printed(document(name)))
    for line in lines(name):
        assert flat(line) in first


@pytest.mark.parametrize("name", ["Ada", "Edith", "Faisal", "Leonard"])
def test_everything_stands_behind_it_in_its_own_words(name: str, paper: Paper) -> None:
    whole = document(name)
    behind = " ".join(pages_of(paper.printed(whole))[1:])
    for part in whole.parts.values():
        assert flat(part.title) in behind
    for item in whole.parts[next(iter(whole.parts))].items:
        assert flat(item.title) in behind


def test_decisions_that_disagree_are_both_there(paper: Paper) -> None:
    first, *_ = pages_of(paper.printed(document("Edith")))
    assert "TWO DECISIONS DISAGREE Call the number below." in first
    assert "1. DO NOT ATTEMPT CPR" in first
    assert "2. ATTEMPT CPR" in first


def test_what_was_withheld_is_not_there_and_does_not_read_as_none(paper: Paper) -> None:
    closed = frozenset({Section.CPR_DECISION, Section.TREATMENT_ESCALATION, Section.ADRT, Section.LPA_HEALTH_WELFARE})
    text = " ".join(pages_of(paper.printed(document("Ada", closed, nothing=True))))
    assert "CPR DECISION WITHHELD OR UNAVAILABLE" in text
    assert "NO CPR DECISION RECORDED" not in text
    assert "ATTEMPT CPR" not in text


def test_every_page_says_whose_it_is(paper: Paper) -> None:
    pages = pages_of(paper.printed(document("Edith")))
    for number, page in enumerate(pages, 1):
        assert page.startswith("Edith Modelson, born 16 Sep 1948, NHS number 999 998 8946")
        assert page.endswith(f"what is current is in the shared record. Page {number} of {len(pages)}")


def test_a_rota_that_cannot_be_read_does_not_hide_the_plan(paper: Paper) -> None:
    first, *_ = pages_of(paper.printed(document("Ada"), Answering((), unread=True)))
    assert "WHO ANSWERS NOW COULD NOT BE READ." in first


def test_the_same_answer_at_the_same_time_is_the_same_document(paper: Paper, press: Press) -> None:
    once = paper.printed(document("Ada"))
    assert paper.printed(document("Edith")) != once
    assert paper.printed(document("Ada")) == once
    assert Paper(Press()).printed(document("Ada")) == once


def test_a_document_of_the_demo_says_so(press: Press) -> None:
    assert "DEMONSTRATION: these people are synthetic" in pages_of(Paper(press, demo=True).printed(document("Ada")))[0]


async def test_it_is_made_beside_the_event_loop(paper: Paper) -> None:
    assert await paper(document("Ada")) == paper.printed(document("Ada"))


def test_a_page_that_is_none_is_refused_without_a_word_of_it(press: Press) -> None:
    with pytest.raises(NotPrinted) as refused:
        press("<page><title>Ada Testley", datetime(2026, 1, 1, tzinfo=UTC))
    assert "Testley" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_without_fonts_nothing_is_promised(tmp_path) -> None:
    assert FONTS.is_dir()
    with pytest.raises(NoFonts, match="make setup"):
        Press(tmp_path)
