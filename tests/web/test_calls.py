"""Whom to call now: every number that is open is there, dialled as it was meant, and what is withheld is not none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fhir_profiles.sections import Section
from service.plan.rota import Answering, Cover, OpenNow
from service.web.calls import dial
from service.web.view import View, view_of
from tests.web.test_view import NOW, Json, document, of_type, unchanged

NIGHT = OpenNow("Night nurses", "01632 960122", NOW, datetime(2026, 11, 28, 8, tzinfo=UTC))
CLOSED = Answering((), (NOW, Cover("Day team", "01632 960111", ())))
UNREAD = Answering((), unread=True)


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("01632 960024", "01632960024"),
        ("(01632) 960024", "01632960024"),
        ("01632-960024", "01632960024"),
        ("01632\u2013960024", "01632960024"),
        ("01632.960.024", "01632960024"),
        ("111", "111"),
        ("+44 1632 960024", "+441632960024"),
        ("+44 (0)1632 960024", "+441632960024"),
        ("0044 (0)1632 960024", "00441632960024"),
        ("(0)1632 960024", "01632960024"),
        ("0300 123 4567 ext 24", "03001234567;ext=24"),
        ("0300 123 4567, Ext. 24", "03001234567;ext=24"),
        ("0300 123 4567 extension: 24", "03001234567;ext=24"),
        ("0300 123 4567 x24", "03001234567;ext=24"),
        ("01632 960024 option 2", "01632960024"),
        ("01632 960024 or 01632 960025", "01632960024"),
        ("01632 960024 / 01632 960025", "01632960024"),
        ("01632 960024 01632 960025", ""),
        ("01632 960024-26", ""),
        ("by the switchboard", ""),
        ("switchboard 01632 960024", ""),
        ("12", ""),
        ("", ""),
    ],
)
def test_what_is_dialled(written: str, dialled: str) -> None:
    assert dial(written) == dialled


def answered_at(*numbers: str, name: str | None = "Sampleford Hospice advice line") -> Callable[[list[Json]], None]:
    def change(entries: list[Json]) -> None:
        for team in of_type(entries, "CareTeam"):
            (point,) = (one for one in team["telecom"] if one.get("value") == "01632 960024")
            team["telecom"] = [{**point, "value": number} for number in numbers]
            if name is None:
                del team["name"]

    return change


def drawn(
    answering: Answering | None = None, change: Callable[[list[Json]], None] = unchanged, *, withheld: bool = False
) -> View:
    closed = frozenset({Section.EMERGENCY_CONTACTS}) if withheld else frozenset()
    return view_of(document("Ada", closed, nothing=withheld, change=change), answering)


def test_who_is_open_comes_first_then_who_answers_day_and_night() -> None:
    found = drawn(Answering((NIGHT,)))
    assert [(one.number, one.who, one.note) for one in found.calls] == [
        ("01632 960122", "Night nurses", "until 08:00"),
        ("01632 960024", "Sampleford Hospice advice line", "24 hours"),
    ]
    assert found.beside_calls == ""


@pytest.mark.parametrize("number", ["(01632) 960024", "01632-960024", "111", "0300 123 4567 ext 24", "by bleep, 2114"])
def test_a_number_is_there_as_it_was_recorded(number: str) -> None:
    first, _, rest = number.partition(", ")
    (found,) = drawn(None, answered_at(number)).calls
    assert found.number == first
    assert found.who == (f"{rest}, " if rest else "") + "Sampleford Hospice advice line"


def test_an_extension_behind_a_comma_belongs_to_the_number() -> None:
    (found,) = drawn(None, answered_at("0300 123 4567, ext 24", name=None)).calls
    assert (found.number, found.who) == ("0300 123 4567, ext 24", "Advice line of the care team")


def nobody_day_and_night(entries: list[Json]) -> None:
    for team in of_type(entries, "CareTeam"):
        del team["telecom"]


@pytest.mark.parametrize(
    ("answering", "withheld", "change", "said"),
    [
        (None, False, nobody_day_and_night, "NO NUMBER IS KNOWN TO BE OPEN NOW. Contacts: see Details."),
        (
            CLOSED,
            False,
            nobody_day_and_night,
            "NO NUMBER IS KNOWN TO BE OPEN NOW. Next: Day team, 01632 960111, from Saturday 03:00. "
            "Contacts: see Details.",
        ),
        (UNREAD, False, nobody_day_and_night, "WHO ANSWERS NOW COULD NOT BE READ. Contacts: see Details."),
        (UNREAD, False, unchanged, "WHO ANSWERS NOW COULD NOT BE READ."),
        (None, True, unchanged, "Contacts are withheld or unavailable."),
        (
            CLOSED,
            True,
            unchanged,
            "Contacts are withheld or unavailable. NO NUMBER IS KNOWN TO BE OPEN NOW. "
            "Next: Day team, 01632 960111, from Saturday 03:00.",
        ),
        (UNREAD, True, unchanged, "Contacts are withheld or unavailable. WHO ANSWERS NOW COULD NOT BE READ."),
        (Answering((NIGHT,)), True, unchanged, "Contacts are withheld or unavailable."),
    ],
)
def test_what_is_said_beside_the_numbers_or_instead(
    answering: Answering | None, withheld: bool, change: Callable[[list[Json]], None], said: str
) -> None:
    assert drawn(answering, change, withheld=withheld).beside_calls == said


def test_where_no_contact_is_recorded_the_rota_is_enough() -> None:
    bare = document("Ada", nothing=True)
    assert view_of(bare, None).beside_calls == "NO CONTACTS RECORDED."
    assert view_of(bare, CLOSED).beside_calls.startswith("NO CONTACTS RECORDED. NO NUMBER IS KNOWN")
    assert view_of(bare, Answering((NIGHT,))).beside_calls == ""
