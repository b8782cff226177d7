"""The number on the page is the one that is open at this hour for the person's practice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.requests import Request

from fhir_profiles.identifiers import ODS_SYSTEM
from security.clock import LONDON
from service.app import crew_of
from service.people.rota import rota
from service.web.assets import StyleSheet
from service.web.pages import Pages
from service.web.reading import Document
from service.web.sign_in import signed_in
from service.web.site import Visit
from tests.journeys.people import TimeMachine, admitted, person, posted
from tests.running import Running, demo_settings
from tests.service.record.house import house
from tests.web.browsing import crew_link
from tests.web.cases import fill_directory
from tests.web.visits import visitor

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
DAY, NIGHT = "01632 960111", "01632 960122"
HOURS = (
    ("2027-03-22T10:00", DAY, "until 18:30"),
    ("2027-03-22T18:29", DAY, "until 18:30"),
    ("2027-03-22T18:30", NIGHT, "until 08:00"),
    ("2027-03-26T10:00", NIGHT, "until Tuesday 08:00"),
    ("2027-03-28T03:00", NIGHT, "until Tuesday 08:00"),
    ("2027-03-30T08:00", DAY, "until 18:30"),
)
"""A Monday, a Good Friday with the weekend and the Monday behind it, the night when clocks go forward, the Tuesday."""


def test_at_every_hour_the_number_that_is_open_then(later: TimeMachine) -> None:
    service = later.service
    fill_directory(service)
    someone = admitted(service, 800)
    told = []
    for moment, _, _ in HOURS:
        later.clock.set(datetime.fromisoformat(moment).replace(tzinfo=LONDON))
        link = crew_link(service, someone.nhs_number)
        with visitor(service) as bryn:
            page = bryn.get(link.url)
        assert page.status_code == 200
        assert "01632 960024" in page.text, "the plan's own number is there at every hour"
        told.append((moment, DAY if DAY in page.text else NIGHT, page.text))
    assert [(moment, number) for moment, number, _ in told] == [(moment, number) for moment, number, _ in HOURS]
    for (_, number, until), (_, _, text) in zip(HOURS, told, strict=True):
        assert until in text
        assert (NIGHT if number == DAY else DAY) not in text
        assert "01632 9602" not in text, "the other locality's services cover other practices"


@contextmanager
def extra_line(service: Running, identifier: str, number: str) -> Iterator[None]:
    """Have one more service answer day and night for the practice; afterwards it covers nobody."""
    token = service.token("system", "ZZDIR1")
    extra = {**next(iter(rota())), "name": "Extra line", "telecom": [{"system": "phone", "value": number}]}
    extra["identifier"] = [{**extra["identifier"][0], "value": identifier}]
    extra["availableTime"] = [{"allDay": True}]
    made = service.call("POST", "/HealthcareService", token, extra)
    assert made.status_code == 201, made.text
    try:
        yield
    finally:
        changed = {**extra, "id": made.json()["id"]}
        changed.pop("coverageArea")
        put = service.call("PUT", f"/HealthcareService/{changed['id']}", token, changed, {"If-Match": 'W/"1"'})
        assert put.status_code == 200, put.text


def test_a_service_that_is_changed_to_cover_nobody_is_shown_no_more(service: Running) -> None:
    fill_directory(service)
    number = "01632 960999"
    link = crew_link(service, admitted(service, 801).nhs_number)
    with visitor(service) as bryn:
        with extra_line(service, "ZZEXTRA", number):
            assert number in bryn.get(link.url).text
        assert number not in bryn.get(link.url).text


@pytest.mark.parametrize(
    ("index", "number", "dialled"),
    [(1624, "01632 960998 ext 45", "01632960998;ext=45"), (1625, "by the switchboard, bleep 45", "")],
)
def test_both_pages_dial_a_number_alike_and_show_what_cannot_be_dialled(
    service: Running, index: int, number: str, dialled: str
) -> None:
    fill_directory(service)
    link = crew_link(service, admitted(service, index).nhs_number)
    with visitor(service) as bryn, extra_line(service, f"ZZEXTRA{index}", number):
        pages = [bryn.get(link.url).text, bryn.get(f"{link.url}/details").text]
    for page in pages:
        assert f"CALL {number}</strong>" in page
        assert ("01632960998" in page) == (f'href="tel:{dialled}"' in page) == bool(dialled)
        assert 'href="tel:"' not in page


@pytest.mark.parametrize("changed", [{"coverageArea": [{"display": "Everywhere"}]}, {"availableTime": [{}]}])
def test_a_service_that_says_nothing_useful_does_no_harm(service: Running, changed: dict[str, object]) -> None:
    one = {**next(iter(rota())), **changed}
    one["identifier"] = [{**one["identifier"][0], "value": f"ZZODD{len(str(changed))}"}]
    assert service.call("POST", "/HealthcareService", service.token("system", "ZZDIR1"), one).status_code in (201, 422)
    link = crew_link(service, admitted(service, 802 + len(str(changed))).nhs_number)
    with visitor(service) as bryn:
        assert bryn.get(link.url).status_code == 200


@pytest.mark.parametrize(
    ("index", "practice"),
    [
        (1620, {"reference": f"Organization?identifier={ODS_SYSTEM}|ZZGP01"}),
        (1621, {"identifier": {"system": ODS_SYSTEM, "value": "ZZGP01"}}),
        (1622, {"reference": "https://surgery.example/Organization/1", "identifier": {"value": "ZZGP01"}}),
        (1623, {"display": "The surgery in the square"}),
    ],
    ids=["of the directory", "by its identifier alone", "elsewhere, without a system", "by name alone"],
)
def test_however_the_practice_is_named_the_plan_is_shown(
    service: Running, index: int, practice: dict[str, object]
) -> None:
    fill_directory(service)
    surgery = {
        "resourceType": "Organization",
        "identifier": [{"system": ODS_SYSTEM, "value": "ZZGP01"}],
        "name": "Exampleton Surgery",
    }
    made = service.call("POST", "/Organization", service.token("system", "ZZDIR1"), surgery)
    assert made.status_code in (200, 201), made.text
    someone = person(index)
    someone.resource("Patient")["generalPractitioner"] = [practice]
    link = crew_link(service, posted(service, someone).nhs_number)
    with visitor(service) as bryn:
        page = bryn.get(link.url)
        assert bryn.get(f"{link.url}/details").status_code == 200
    assert page.status_code == 200
    assert "DO NOT ATTEMPT CPR" in page.text
    assert ("01632 9601" in page.text) == (index in (1620, 1621)), (
        "whoever covers the practice, where its code is known"
    )


async def test_nothing_that_fails_in_finding_who_answers_takes_the_plan_away(tmp_path: Path) -> None:
    demo_settings(tmp_path, 8000)
    async with house(tmp_path, tmp_path / "records.sqlite") as opened:
        crew = crew_of(opened.opened, opened.services, Pages(StyleSheet.read(), demo=True))
        session = crew.sessions.begin(NOW, "bryn")
        person = signed_in(session, crew.registry, NOW, demo=True)
        visit = Visit(Request({"type": "http", "headers": []}), NOW, session, known=True, person=person)
        unheard_of = {"Patient/1": {"resourceType": "Patient", "generalPractitioner": ["not a reference at all"]}}
        document = Document(
            "Patient/1", "", out_of_date=False, redacted=False, notices=(), parts={}, resources=unheard_of
        )
        found = await crew.answering(visit, document)
    assert found is not None
    assert found.unread
