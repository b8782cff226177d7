"""What somebody typed when their sign-in ended: it is there for them after the next, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from tests.journeys.people import TimeMachine, admitted, person
from tests.running import Running
from tests.web.browsing import crew_link
from tests.web.visits import Visitor, draft_of, form_of, hidden_of, path_of, visitor

TYPED = {"outcome": "not-followed", "reason": "wishes-changed", "text": "He asked for the heliotrope umbrella."}


def sign_in_with(somebody: Visitor, page: httpx.Response, persona: str) -> httpx.Response:
    """Sign in on the page that something typed led to."""
    sent = {"form": form_of(page), "draft": draft_of(page), "next": "/crew"}
    return somebody.post("/crew/sign-in", persona=persona, **sent)


def an_outcome(service: Running, index: int) -> str:
    """Return the path of the form about somebody."""
    return f"{path_of(crew_link(service, admitted(service, index).nhs_number).url)}/outcome"


def ended(bryn: Visitor, later: TimeMachine) -> None:
    later.clock.advance(timedelta(minutes=31))


def signed_out_elsewhere(bryn: Visitor, later: TimeMachine) -> None:
    bryn.post("/crew/sign-out")


def cookie_lost(bryn: Visitor, later: TimeMachine) -> None:
    bryn.client.cookies.clear()


@pytest.mark.parametrize(("index", "ending"), [(1522, ended), (1632, signed_out_elsewhere), (1633, cookie_lost)])
def test_it_is_there_for_who_typed_it_and_for_nobody_else(
    later: TimeMachine, index: int, ending: Callable[[Visitor, TimeMachine], None]
) -> None:
    path = an_outcome(later.service, index)
    with visitor(later.service) as bryn:
        hidden = hidden_of(bryn.get(path))
        ending(bryn, later)
        page = bryn.post(path, **hidden, n="0", **TYPED)
        assert page.status_code == 401
        assert "What you typed is kept" in page.text
        assert "heliotrope" not in page.text

        if ending is cookie_lost:
            page = bryn.post("/crew/sign-in", form="", persona="", next=path, draft=draft_of(page))
        other = sign_in_with(bryn, page, "ada")
        assert (other.status_code, other.text) == (303, "")
        signed_out_elsewhere(bryn, later)
        again = bryn.post("/crew/sign-in", form="", persona="", next=path, draft=draft_of(page))
        back = sign_in_with(bryn, again, "bryn")
        assert back.status_code == 200
        assert "heliotrope umbrella" in back.text
        assert bryn.post(path, **hidden_of(back), n="0", **TYPED).status_code == 303


def test_what_nobody_can_be_named_for_is_not_kept(service: Running) -> None:
    path = an_outcome(service, 1524)
    with visitor(service) as bryn:
        bryn.post("/crew/sign-out")
        for by in ({}, {"by": ""}, {"by": "AAAA"}, {"by": "x" * 200}):
            page = bryn.post(path, form="0" * 32, n="0", **TYPED, **by)
            assert page.status_code == 401
            assert "What you typed is kept" not in page.text
            assert draft_of(page) == ""


def test_a_text_that_fills_a_form_comes_through_the_sign_in(service: Running) -> None:
    path = an_outcome(service, 1525)
    with visitor(service) as bryn:
        hidden = hidden_of(bryn.get(path))
        bryn.post("/crew/sign-out")
        page = bryn.post(path, **hidden, n="0", outcome="followed", text="calm " * 3_000)
        assert page.status_code == 401
        assert "calm calm" in sign_in_with(bryn, page, "bryn").text


def test_a_second_tap_on_one_s_name_still_brings_it(service: Running) -> None:
    path = an_outcome(service, 1526)
    with visitor(service) as bryn:
        hidden = hidden_of(bryn.get(path))
        bryn.post("/crew/sign-out")
        page = bryn.post(path, **hidden, n="0", **TYPED)
        assert "heliotrope" in sign_in_with(bryn, page, "bryn").text
        assert "heliotrope" in sign_in_with(bryn, page, "bryn").text


def test_what_was_typed_to_find_somebody_is_there_again(service: Running) -> None:
    number = person(1527).nhs_number
    with visitor(service) as bryn:
        for path, typed in (
            ("/crew", {"nhs_number": number}),
            ("/crew/search", {"incident": "INC-9", "family": "Testworthy", "year": "1941"}),
        ):
            hidden = hidden_of(bryn.get(path))
            bryn.post("/crew/sign-out")
            page = bryn.post("/crew/find" if path == "/crew" else path, **hidden, **typed)
            assert page.status_code == 401
            assert not any(text in page.text for text in typed.values())
            back = sign_in_with(bryn, page, "bryn")
            assert back.status_code == 200
            assert all(f'value="{text}"' in back.text for text in typed.values())
            assert "You had to sign in again" in back.text


def test_a_page_of_one_person_tells_the_next_nothing(service: Running) -> None:
    path = an_outcome(service, 1634)
    with visitor(service) as somebody:
        told, looked = hidden_of(somebody.get(path)), hidden_of(somebody.get("/crew/search"))
        somebody.post("/crew/sign-out")
        somebody.sign_in("ada")
        outcome = somebody.post(path, **told, n="0", **TYPED)
        search = somebody.post("/crew/search", **looked, family="Heliotropeworthy")
        somebody.sign_in("bryn")
        own = somebody.post(path, **told, n="0", **TYPED)
    assert [page.status_code for page in (outcome, search, own)] == [409, 409, 409]
    assert "eliotrope" not in outcome.text + search.text
    assert "heliotrope umbrella" in own.text
