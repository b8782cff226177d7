"""Who answers now: at midnight, when clocks change, on bank holidays, when hours overlap, when nobody is there."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from security.clock import LONDON
from service.people.rota import rota
from service.plan.bank_holidays import ENGLAND
from service.plan.rota import Cover, Hours, covers_of, who_answers

WEEK = frozenset(range(5))
DAILY = frozenset(range(7))


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)


def cover(*hours: Hours, name: str = "Nurses", **more: object) -> Cover:
    return Cover(name, "01632 960111", hours, **more)  # type: ignore[arg-type]


def open_names(covers: list[Cover], when: str) -> list[str]:
    return [one.service for one in who_answers(covers, london(when)).open_now]


def test_by_day_and_not_before_nor_after() -> None:
    day = [cover(Hours(WEEK, time(8), time(18, 30)))]
    assert open_names(day, "2026-11-25T07:59:59") == []
    assert open_names(day, "2026-11-25T08:00:00") == ["Nurses"]
    assert open_names(day, "2026-11-25T18:29:59") == ["Nurses"]
    assert open_names(day, "2026-11-25T18:30:00") == []
    assert open_names(day, "2026-11-28T12:00:00") == []


def test_over_midnight_belongs_to_the_evening_s_weekday() -> None:
    night = [cover(Hours(frozenset({4}), time(22), time(6)))]
    assert open_names(night, "2026-11-27T23:59:59") == ["Nurses"]
    assert open_names(night, "2026-11-28T00:00:00") == ["Nurses"]
    assert open_names(night, "2026-11-28T05:59:00") == ["Nurses"]
    assert open_names(night, "2026-11-27T05:00:00") == []
    assert who_answers(night, london("2026-11-28T00:30:00")).open_now[0].until_words == "until 06:00"


def test_the_clock_going_forward_makes_a_night_an_hour_shorter() -> None:
    night = cover(Hours(DAILY, time(22), time(6)))
    (one,) = who_answers([night], london("2026-03-28T23:00:00")).open_now
    assert one.until == datetime(2026, 3, 29, 5, tzinfo=UTC)
    early = cover(Hours(DAILY, time(1, 30), time(3)))
    assert who_answers([early], datetime(2026, 3, 29, 1, 29, tzinfo=UTC)).open_now == ()
    assert who_answers([early], datetime(2026, 3, 29, 1, 30, tzinfo=UTC)).open_now


def test_the_clock_going_back_makes_it_an_hour_longer_and_an_end_in_the_repeated_hour_is_the_first() -> None:
    night = cover(Hours(DAILY, time(22), time(6)))
    (one,) = who_answers([night], london("2026-10-24T23:00:00")).open_now
    assert one.until == datetime(2026, 10, 25, 6, tzinfo=UTC)
    late = cover(Hours(DAILY, time(22), time(1, 30)))
    assert who_answers([late], datetime(2026, 10, 25, 0, 29, tzinfo=UTC)).open_now
    assert not who_answers([late], datetime(2026, 10, 25, 0, 30, tzinfo=UTC)).open_now


@pytest.mark.parametrize(
    ("holidays", "on_christmas", "on_a_friday"),
    [
        ("included", True, True),
        ("excluded", False, True),
        ("only", True, False),
    ],
)
def test_bank_holidays(holidays: str, on_christmas: bool, on_a_friday: bool) -> None:
    covers = [cover(Hours(frozenset({4}), time(8), time(18), holidays))]
    assert bool(open_names(covers, "2026-12-25T12:00:00")) is on_christmas
    assert bool(open_names(covers, "2026-12-18T12:00:00")) is on_a_friday


def test_the_substitute_day_is_the_bank_holiday_when_christmas_is_on_a_weekend() -> None:
    covers = [cover(Hours(frozenset(), time(8), time(18), "only"))]
    assert open_names(covers, "2027-12-27T12:00:00") == ["Nurses"]
    assert open_names(covers, "2027-12-25T12:00:00") == []
    assert {day.year for day in ENGLAND} == {2025, 2026, 2027, 2028}
    assert all(day.weekday() < 5 for day in ENGLAND)


def test_hours_that_meet_or_overlap_are_one_and_a_week_without_an_end_is_day_and_night() -> None:
    halves = cover(Hours(DAILY, time(8), time(14)), Hours(DAILY, time(13), time(20)))
    (one,) = who_answers([halves], london("2026-11-25T09:00:00")).open_now
    assert one.until == london("2026-11-25T20:00:00")
    always = cover(Hours(DAILY, time(), time()))
    assert who_answers([always], london("2026-11-25T09:00:00")).open_now[0].until_words == "24 hours"


def test_of_several_the_one_that_answers_longest_comes_first() -> None:
    short = cover(Hours(DAILY, time(8), time(10)), name="Short")
    long = cover(Hours(DAILY, time(8), time(20)), name="Long")
    assert open_names([short, long], "2026-11-25T09:00:00") == ["Long", "Short"]


def test_a_weekend_that_ends_on_monday_says_the_day() -> None:
    weekend = cover(Hours(frozenset({5, 6}), time(8), time(8)))
    assert who_answers([weekend], london("2026-11-28T09:00:00")).open_now[0].until_words == "until Monday 08:00"


def test_when_nobody_answers_the_next_opening_is_named() -> None:
    day = cover(Hours(WEEK, time(8), time(18), "excluded"))
    found = who_answers([day], london("2026-12-24T19:00:00"))
    assert found.open_now == ()
    assert found.next_words == "Nurses, 01632 960111, from Tuesday 08:00", (
        "Christmas, a weekend, Boxing Day's substitute"
    )
    assert who_answers([], london("2026-12-24T19:00:00")).next_words == ""


def test_a_closure_cuts_hours_away() -> None:
    start = london("2026-11-25T12:00:00")
    covers = [cover(Hours(DAILY, time(8), time(20)), closed=((start, start + timedelta(hours=2)),))]
    assert who_answers(covers, london("2026-11-25T09:00:00")).open_now[0].until == start
    assert who_answers(covers, london("2026-11-25T13:00:00")).open_now == ()
    assert who_answers(covers, london("2026-11-25T14:00:00")).open_now


def test_every_hour_of_two_years_has_somebody_in_the_demo() -> None:
    covers = covers_of(list(rota())[:2])
    moment = london("2026-01-01T00:00:00")
    while moment < london("2028-01-01T00:00:00"):
        assert who_answers(covers, moment).open_now, moment
        moment += timedelta(hours=7)


def test_what_a_service_of_the_directory_says() -> None:
    service = next(iter(rota()))
    (found,) = covers_of([service, {**service, "active": False}, {**service, "telecom": []}])
    assert found.number == "01632 960111"
    assert found.hours[0].holidays == "excluded"
    shut = {
        **service,
        "notAvailable": [{"description": "Moving", "during": {"start": "2026-11-25", "end": "2026-11-26"}}],
    }
    assert open_names(covers_of([shut]), "2026-11-25T12:00:00") == []
    assert open_names(covers_of([shut]), "2026-11-27T12:00:00") != []
