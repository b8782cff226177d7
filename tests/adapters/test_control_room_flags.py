"""Where a flag stands: the address that holds, and only for the living whose address is released, with a plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.control_room_flags import ADDRESS_KEY, DEATH_STATUS, flags_of, place_of
from security.consent_elements import period_of

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
PLAN = [{"resourceType": "Observation", "id": "o1"}]
HOME = {"use": "home", "line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}
HOSPICE = {"use": "temp", "line": ["Sample Hospice"], "postalCode": "ZZ99 2BB"}
Json = dict[str, Any]


def person(*addresses: Json, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": "p1", "address": list(addresses), **more}


def during(address: Json, start: str = "", end: str = "") -> Json:
    period = {name: value for name, value in (("start", start), ("end", end)) if value}
    return {**address, "period": period}


def standing(flags: list[Json], moment: datetime) -> list[str]:
    """Return the postcodes at which a room that keeps to the periods shows a flag."""
    said = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [
        flag["address"]["postalCode"]
        for flag in flags
        if flag.get("from", "") <= said and (not flag.get("until") or said < flag["until"])
    ]


def test_a_home_without_an_end_has_a_flag_without_an_end() -> None:
    flags = flags_of(person(HOME), PLAN, NOW)
    assert flags == [{"address": {"line": ["1 Example Road"], "postalCode": "ZZ99 1AA"}}]


def test_a_stay_elsewhere_moves_the_flag_and_moves_it_back() -> None:
    flags = flags_of(person(HOME, during(HOSPICE, "2026-11-10", "2026-11-12")), PLAN, NOW)
    assert standing(flags, NOW) == ["ZZ99 1AA"]
    assert standing(flags, datetime(2026, 11, 10, 0, 0, tzinfo=UTC)) == ["ZZ99 2BB"]
    assert standing(flags, datetime(2026, 11, 12, 23, 59, tzinfo=UTC)) == ["ZZ99 2BB"], "the last day is included"
    assert standing(flags, datetime(2026, 11, 13, 0, 0, tzinfo=UTC)) == ["ZZ99 1AA"]


def test_days_are_days_in_london() -> None:
    flags = flags_of(person(during(HOME, end="2026-06-30")), PLAN, datetime(2026, 6, 1, tzinfo=UTC))
    assert flags[0]["until"] == "2026-06-30T23:00:00.000Z"


def test_the_home_that_began_last_holds_and_where_it_cannot_be_told_both_do() -> None:
    other = {**HOME, "postalCode": "ZZ99 3CC"}
    assert standing(flags_of(person(HOME, during(other, "2026-10-01")), PLAN, NOW), NOW) == ["ZZ99 3CC"]
    assert standing(flags_of(person(HOME, other), PLAN, NOW), NOW) == ["ZZ99 1AA", "ZZ99 3CC"]


@pytest.mark.parametrize(
    "address",
    [
        {**HOME, "use": "old"},
        {**HOME, "use": "billing"},
        {**HOME, "use": "work"},
        {**HOME, "type": "postal"},
        during(HOME, end="2026-11-01"),
        during(HOME, start="2026-11-03", end="2026-11-01"),
        during(HOME, start="nonsense"),
        {**HOME, "period": "2026"},
        {"use": "home", "city": "Exampleton"},
    ],
)
def test_where_nobody_stays_or_it_cannot_be_told_there_is_no_flag(address: Json) -> None:
    assert flags_of(person(address), PLAN, NOW) == []


@pytest.mark.parametrize(
    ("died", "stands"),
    [
        ({"deceasedBoolean": True}, False),
        ({"deceasedDateTime": "2026-11-01"}, False),
        ({"deceasedBoolean": False}, True),
        ({"deceasedDateTime": "2026-11-01", "status": "2"}, False),
        ({"deceasedDateTime": "2026-11-01", "status": "1"}, True),
        ({"status": "U"}, True),
    ],
)
def test_a_death_takes_the_flag_away_unless_it_is_only_reported(died: Json, stands: bool) -> None:
    status = died.pop("status", "")
    if status:
        coded = {"valueCodeableConcept": {"coding": [{"code": status}]}, "url": "deathNotificationStatus"}
        died["extension"] = [{"url": DEATH_STATUS, "extension": [coded]}]
    assert bool(flags_of(person(HOME, **died), PLAN, NOW)) is stands


def test_nobody_and_no_plan_and_no_address_have_no_flag() -> None:
    assert flags_of(None, PLAN, NOW) == []
    assert flags_of(person(HOME), [person(HOME), {"resourceType": "Consent"}], NOW) == []
    assert flags_of(person(), PLAN, NOW) == []


def test_an_address_is_found_by_lines_postcode_uprn_or_its_text_and_says_no_more() -> None:
    key = {"url": ADDRESS_KEY}
    uprn: Json = {**key, "extension": [{"url": "type", "valueCoding": {"code": "UPRN"}}, {"url": "value"}]}
    uprn["extension"][1]["valueString"] = "10000000001"
    said = {**HOME, "extension": [uprn], "id": "x", "text": "1 Example Road, key under the mat"}
    found = {"line": ["1 Example Road"], "postalCode": "ZZ99 1AA", "uprn": "10000000001"}
    assert place_of(said) == found
    assert place_of({"text": "The blue boat"}) == {"text": "The blue boat"}


_day = st.integers(0, 30).map(lambda day: (datetime(2026, 10, 20, tzinfo=UTC) + timedelta(days=day)).date().isoformat())
_addresses = st.builds(
    lambda use, number, start, end: during({**HOME, "use": use, "postalCode": f"ZZ99 {number}AA"}, start, end),
    st.sampled_from(("home", "temp", "old", "work")),
    st.integers(0, 4),
    st.one_of(st.just(""), _day),
    st.one_of(st.just(""), _day),
)


@given(st.lists(_addresses, max_size=5), st.integers(0, 40 * 24))
def test_at_every_moment_the_flags_stand_where_the_record_says_the_person_stays(
    addresses: list[Json], hours: int
) -> None:
    """The periods of flags that were sent once give, at any later moment, what would be sent at that moment."""
    sent, moment = flags_of(person(*addresses), PLAN, NOW), NOW + timedelta(hours=hours)
    assert sorted(set(standing(sent, moment))) == _stays_at(addresses, moment)
    assert set(standing(flags_of(person(*addresses), PLAN, moment), moment)) == set(standing(sent, moment))


def _stays_at(addresses: list[Json], moment: datetime) -> list[str]:
    """Say it the long way, by the words of the rule."""
    said = int(moment.timestamp() * 1_000_000)
    there = []
    for one in addresses:
        start, end, _ = period_of(one["period"])
        if one["use"] in ("home", "temp") and (start is None or start <= said) and (end is None or said < end):
            there.append((one["use"] == "temp", -1 if start is None else start, one["postalCode"]))
    best = max(((rank, start) for rank, start, _ in there), default=None)
    return sorted({code for rank, start, code in there if (rank, start) == best})
