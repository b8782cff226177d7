"""The number on the page is the one that is open at this hour for the person's practice."""

from __future__ import annotations

from datetime import datetime

import pytest

from security.clock import LONDON
from service.people.rota import rota
from tests.journeys.people import TimeMachine, admitted
from tests.running import Running
from tests.web.browsing import crew_link
from tests.web.cases import fill_directory
from tests.web.visits import visitor

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


def test_a_service_that_is_changed_to_cover_nobody_is_shown_no_more(service: Running) -> None:
    fill_directory(service)
    number = "01632 960999"
    token = service.token("system", "ZZDIR1")
    extra = {**next(iter(rota())), "name": "Extra line", "telecom": [{"system": "phone", "value": number}]}
    extra["identifier"] = [{**extra["identifier"][0], "value": "ZZEXTRA"}]
    extra["availableTime"] = [{"allDay": True}]
    made = service.call("POST", "/HealthcareService", token, extra)
    assert made.status_code == 201, made.text
    link = crew_link(service, admitted(service, 801).nhs_number)
    with visitor(service) as bryn:
        assert number in bryn.get(link.url).text
        changed = {**extra, "id": made.json()["id"], "coverageArea": []}
        changed.pop("coverageArea")
        put = service.call("PUT", f"/HealthcareService/{changed['id']}", token, changed, {"If-Match": 'W/"1"'})
        assert put.status_code == 200, put.text
        assert number not in bryn.get(link.url).text


@pytest.mark.parametrize("changed", [{"coverageArea": [{"display": "Everywhere"}]}, {"availableTime": [{}]}])
def test_a_service_that_says_nothing_useful_does_no_harm(service: Running, changed: dict[str, object]) -> None:
    one = {**next(iter(rota())), **changed}
    one["identifier"] = [{**one["identifier"][0], "value": f"ZZODD{len(str(changed))}"}]
    assert service.call("POST", "/HealthcareService", service.token("system", "ZZDIR1"), one).status_code in (201, 422)
    link = crew_link(service, admitted(service, 802 + len(str(changed))).nhs_number)
    with visitor(service) as bryn:
        assert bryn.get(link.url).status_code == 200
