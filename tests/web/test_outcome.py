"""What became of the plan: written once as the crew member, read by the practice and the hospice."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.journeys.people import Person, admitted, gp, person
from tests.journeys.test_crew_searches import opened
from tests.journeys.test_finding_the_right_person import named
from tests.running import Running, parameters
from tests.web.browsing import crew_link
from tests.web.cases import not_shared
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
    (note,) = notes(service, someone, gp(service))
    assert note["payload"] == [{"contentString": "Plan followed."}]


def test_what_is_said_after_something_else_is_there_to_be_added(service: Running) -> None:
    """A mistaken tap on "Plan followed" takes nothing of what somebody then has to say."""
    someone = admitted(service, 1546)
    link = crew_link(service, someone.nhs_number)
    path = f"{path_of(link.url)}/outcome"
    meant = {"outcome": "not-followed", "reason": "nobody-could-come", "text": "Rang the heliotrope line."}
    with visitor(service) as bryn:
        form = form_of(bryn.get(link.url))
        assert bryn.post(path, form=form, n="0", outcome="followed").status_code == 303
        other = bryn.post(path, form=form, n="0", **meant)
        assert other.status_code == 409
        assert "You said something else before. Save to add this." in other.text
        assert "Rang the heliotrope line." in other.text
        assert checked(other.text) == ["not-followed", "nobody-could-come"]
        number = re.search(r'name="n" value="(\d+)"', other.text)
        assert number is not None
        added = bryn.post(path, form=form, n=number[1], **meant)
        assert added.status_code == 303
        assert "Saved" in bryn.get(added.headers["location"]).text
    assert {note["category"][0]["coding"][0]["code"] for note in notes(service, someone, gp(service))} == {
        "followed",
        "not-followed",
    }


def test_of_many_notes_the_last_is_told_where_else_to_say_it(service: Running) -> None:
    link = crew_link(service, admitted(service, 1547).nhs_number)
    path = f"{path_of(link.url)}/outcome"
    with visitor(service) as bryn:
        form = form_of(bryn.get(link.url))
        assert bryn.post(path, form=form, n="20", outcome="followed").status_code == 303
        page = bryn.post(path, form=form, n="21", outcome="followed", text="Heliotrope.")
    assert page.status_code == 409
    assert "Tell your control room" in page.text
    assert "Heliotrope." in page.text
    assert "Save" not in buttons(page.text)


def close(service: Running, incident: str) -> None:
    """Close an incident as the control room."""
    answer = service.call("POST", "/$close-incident", service.token("system", "ZZCAD1"), parameters(id=incident))
    assert answer.status_code == 200, answer.text


def by_link(bryn: Visitor, service: Running, someone: Person) -> tuple[str, str]:
    """Return the path of an answer that a control room's link leads to, and the incident."""
    link = crew_link(service, someone.nhs_number)
    return path_of(link.url), link.incident


def by_number(bryn: Visitor, service: Running, someone: Person) -> tuple[str, str]:
    """The same for a number that was typed."""
    incident = service.open_incident(someone.nhs_number)
    found = bryn.post("/crew/find", form=bryn.form(), nhs_number=someone.nhs_number)
    return found.headers["location"], incident


def by_picking(bryn: Visitor, service: Running, someone: Person) -> tuple[str, str]:
    """The same for who was picked of those whom an incident without a number may be about."""
    reference = f"INC-{someone.nhs_number}"
    incident = opened(service, named(someone), reference)
    made = service.call("POST", "/$crew-link", service.token("system", "ZZCAD1"), parameters(id=incident))
    url = next(item["valueString"] for item in made.json()["parameter"] if item["name"] == "url")
    return re.findall(r'href="(/crew/i/[^"/]{32})"', bryn.get(url).text)[0], incident


@pytest.mark.parametrize(("index", "way"), [(1548, by_link), (1549, by_number), (1550, by_picking)])
def test_when_the_incident_has_ended_what_was_typed_is_there_and_it_is_said_whom_to_tell(
    service: Running, index: int, way: Callable[[Visitor, Running, Person], tuple[str, str]]
) -> None:
    someone = admitted(service, index)
    said = {"n": "0", "outcome": "not-followed", "reason": "other-reason", "text": "Two minutes of heliotrope."}
    with visitor(service) as bryn:
        path, incident = way(bryn, service, someone)
        page = bryn.get(path)
        assert page.status_code == 200
        faults = service.log.read_text().count("epaccs.faults")
        close(service, incident)
        for address in (path, f"{path}/outcome"):
            closed = bryn.get(address)
            assert closed.status_code == 404
            assert "THIS LINK DOES NOT OPEN" in closed.text
        told = bryn.post(f"{path}/outcome", **hidden_of(page), **said)
        tapped = bryn.post(f"{path}/outcome", **hidden_of(page), n="0", outcome="followed")
    for answer in (told, tapped):
        assert answer.status_code == 404
        assert "Not saved: the incident has ended" in answer.text
        assert "Tell your control room" in answer.text
        assert "Nothing is lost" not in answer.text
        assert "Save" not in buttons(answer.text)
    assert "Two minutes of heliotrope." in told.text
    assert notes(service, someone, gp(service)) == []
    assert service.log.read_text().count("epaccs.faults") == faults


def test_when_the_incident_has_ended_who_may_write_otherwise_still_does(service: Running) -> None:
    """The link says who was visited; the sharing decision alone says what may be written."""
    someone = admitted(service, 1551)
    with visitor(service) as bryn:
        path, incident = by_link(bryn, service, someone)
        page = bryn.get(path)
        close(service, incident)
        service.open_incident(someone.nhs_number)
        saved = bryn.post(f"{path}/outcome", **hidden_of(page), n="0", outcome="followed")
        assert saved.status_code == 303
        assert "Saved" in bryn.get(saved.headers["location"]).text
    assert len(notes(service, someone, gp(service))) == 1


def test_a_second_tap_is_told_that_the_first_was_saved_when_the_incident_ended_between(service: Running) -> None:
    someone = admitted(service, 1552)
    with visitor(service) as bryn:
        path, incident = by_link(bryn, service, someone)
        page = bryn.get(path)
        sent = {**hidden_of(page), "n": "0", "outcome": "followed"}
        assert bryn.post(f"{path}/outcome", **sent).status_code == 303
        close(service, incident)
        again = bryn.post(f"{path}/outcome", **sent)
        assert again.status_code == 303
        assert "Saved" in bryn.get(again.headers["location"]).text


def test_whoever_has_not_shared_is_said_to_and_the_text_stays(service: Running) -> None:
    link = not_shared(service, 1553)
    with visitor(service) as bryn:
        path = f"{path_of(link.url)}/outcome"
        page = bryn.post(path, **hidden_of(bryn.get(path)), n="0", outcome="followed", text="Heliotrope.")
    assert page.status_code == 404
    assert "Not saved." in page.text
    assert "not shared" in page.text
    assert "Heliotrope." in page.text


def test_saved_is_said_of_what_was_saved_and_of_nothing_else(service: Running) -> None:
    link = crew_link(service, admitted(service, 1554).nhs_number)
    path = f"{path_of(link.url)}/outcome"
    with visitor(service) as bryn:
        never = bryn.get(f"{path}/saved?n=0")
        assert (never.status_code, never.headers["location"]) == (303, path)
        assert bryn.get(f"/crew/i/{'A' * 32}/outcome/saved?n=0").status_code == 404
        assert told(bryn, link.url, outcome="followed") == 303
        assert "<h1>Saved</h1>" in bryn.get(f"{path}/saved?n=0").text
        assert bryn.get(f"{path}/saved?n=1").status_code == 303


def checked(page: str) -> list[str]:
    """Return the values that are chosen on a page."""
    return re.findall(r'value="([^"]*)" checked', page)


def buttons(page: str) -> list[str]:
    """Return the words on the buttons of a page."""
    return [words.strip() for words in re.findall(r"<button[^>]*>(.*?)</button>", page, re.DOTALL)]


@pytest.mark.parametrize(
    ("fields", "field", "why"),
    [
        ({}, "outcome", "Choose whether the plan was followed"),
        ({"outcome": "x"}, "outcome", "Choose whether the plan was followed"),
        ({"outcome": "not-followed"}, "reason", "Choose why the plan could not be followed"),
        ({"outcome": "not-followed", "reason": "x"}, "reason", "Choose why"),
        ({"outcome": "not-followed", "reason": "other-reason"}, "text", "Say in a few words"),
        ({"outcome": "followed", "text": "x" * 10_000}, "text", "Shorten it to 1000"),
        ({"outcome": "followed", "text": "a\x00b"}, "text", "cannot be printed"),
    ],
)
def test_what_is_missing_is_said_at_its_field_and_what_was_typed_stays(
    service: Running, fields: dict[str, str], field: str, why: str
) -> None:
    link = crew_link(service, person(743).nhs_number)
    path = f"{path_of(link.url)}/outcome"
    with visitor(service) as bryn:
        page = bryn.post(path, form=form_of(bryn.get(path)), n="0", **fields)
    assert page.status_code == 422
    assert page.text.count(why) == 2, "in the summary and at the field"
    assert f'href="#{field}"' in page.text
    assert f'id="{field}"' in page.text
    assert f'id="{field}-error"' in page.text
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
