"""What became of the plan: written once as the crew member, read by the practice and the hospice."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.journeys.people import Person, admitted, gp, person
from tests.running import Running
from tests.web.browsing import crew_link
from tests.web.visits import Visitor, form_of, hidden_of, path_of, visitor

Json = dict[str, Any]


def notes(service: Running, someone: Person, token: str) -> list[Json]:
    """Return the notes that a caller may read."""
    answer = service.call("GET", f"/Communication?patient={someone.patient}", token)
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", ())]


def told(bryn: Visitor, url: str, **fields: str) -> int:
    """Tell what became of the plan, return the status."""
    path = f"{path_of(url)}/outcome"
    form = form_of(bryn.get(path))
    return bryn.post(path, form=form, **{"n": "0", **fields}).status_code


def test_one_tap_becomes_a_note_that_practice_and_hospice_read(service: Running) -> None:
    someone = admitted(service, 740)
    link = crew_link(service, someone.nhs_number)
    with visitor(service) as bryn:
        page = bryn.get(link.url)
        answer = bryn.post(f"{path_of(link.url)}/outcome", form=form_of(page), n="0", outcome="followed")
        assert answer.status_code == 303
        assert "Saved" in bryn.get(answer.headers["location"]).text
    for token in (gp(service), service.token("hospice", "ZZHSP1")):
        (note,) = notes(service, someone, token)
        assert note["category"][0]["coding"][0]["code"] == "followed"
        assert note["sender"]["display"] == "Paramedic Bryn Testcase"
        assert note["payload"] == [{"contentString": "Plan followed."}]
        assert note["meta"]["source"].endswith("ZZAMB1#demo-ambulance")


def test_why_it_could_not_be_followed_in_a_code_and_in_words(service: Running) -> None:
    someone = admitted(service, 741)
    link = crew_link(service, someone.nhs_number)
    with visitor(service) as bryn:
        fields = {
            "outcome": "not-followed",
            "reason": "medicines-missing",
            "text": "Box was empty.\r\nNurse called <b>.",
        }
        assert told(bryn, link.url, **fields) == 303
    (note,) = notes(service, someone, gp(service))
    assert note["reasonCode"][0]["coding"][0]["code"] == "medicines-missing"
    assert note["payload"][1]["contentString"] == "Box was empty.\nNurse called <b>."


def test_double_tap_and_the_way_back_write_it_once(service: Running) -> None:
    someone = admitted(service, 742)
    link = crew_link(service, someone.nhs_number)
    path = f"{path_of(link.url)}/outcome"
    with visitor(service) as bryn:
        form = form_of(bryn.get(link.url))
        with ThreadPoolExecutor(4) as taps:
            send = [taps.submit(bryn.post, path, None, form=form, n="0", outcome="followed") for _ in range(4)]
            assert {one.result().status_code for one in send} == {303}
        again = form_of(bryn.get(link.url))
        assert bryn.post(path, form=again, n="0", outcome="followed").status_code == 303
        other = bryn.post(path, form=again, n="0", outcome="not-followed", reason="nobody-could-come")
        assert other.status_code == 409
        assert "You have told us already" in other.text
        number = re.search(r"outcome\?n=(\d)", other.text)
        assert number is not None
        assert told(bryn, link.url, n=number[1], outcome="not-followed", reason="nobody-could-come") == 303
    assert len(notes(service, someone, gp(service))) == 2


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "Choose whether the plan was followed"),
        ({"outcome": "x"}, "Choose whether the plan was followed"),
        ({"outcome": "not-followed"}, "Choose why the plan could not be followed"),
        ({"outcome": "not-followed", "reason": "x"}, "Choose why"),
        ({"outcome": "not-followed", "reason": "other-reason"}, "Say in a few words"),
        ({"outcome": "followed", "text": "x" * 10_000}, "Shorten it to 1000"),
        ({"outcome": "followed", "text": "a\x00b"}, "cannot be printed"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(service: Running, fields: dict[str, str], why: str) -> None:
    link = crew_link(service, person(743).nhs_number)
    path = f"{path_of(link.url)}/outcome"
    with visitor(service) as bryn:
        page = bryn.post(path, form=form_of(bryn.get(path)), n="0", **fields)
    assert page.status_code == 422
    assert why in page.text
    assert fields.get("text", "").replace("\x00", "") in page.text.replace("\x00", "").replace("\ufffd", "")


def test_what_is_typed_is_shown_as_text_and_never_runs(service: Running) -> None:
    link = crew_link(service, admitted(service, 744).nhs_number)
    path = f"{path_of(link.url)}/outcome"
    with visitor(service) as bryn:
        page = bryn.post(
            path, form=form_of(bryn.get(path)), n="0", outcome="x", text="</textarea><script>alert(1)</script>"
        )
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


def test_a_form_of_an_earlier_session_is_shown_again_with_what_was_typed(service: Running) -> None:
    link = crew_link(service, admitted(service, 745).nhs_number)
    path = f"{path_of(link.url)}/outcome"
    with visitor(service) as bryn:
        by = hidden_of(bryn.get(path))["by"]
        page = bryn.post(path, form="0" * 32, by=by, n="0", outcome="followed", text="He was calm.")
    assert page.status_code == 409
    assert "He was calm." in page.text
