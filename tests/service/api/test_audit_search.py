"""The parameters of a search of AuditEvent."""

from __future__ import annotations

from typing import Any

import pytest

from service.api.audit_events import question
from service.api.errors import BadParameter

WINTER_DAY = ("2026-11-28T00:00:00.000Z", "2026-11-29T00:00:00.000Z")
SUMMER_DAY = ("2027-06-30T23:00:00.000Z", "2027-07-01T23:00:00.000Z")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("entity", "Patient/a1")], {"patient": "Patient/a1", "names": ("entity",)}),
        ([("patient", "a1")], {"patient": "Patient/a1", "names": ("patient",)}),
        ([("patient", "Patient/a1"), ("entity", "Patient/a1")], {"patient": "Patient/a1"}),
        ([], {"patient": "", "count": 50, "since": "", "until": ""}),
        ([("_count", "7"), ("_format", "json")], {"count": 7, "names": ("_count",)}),
        ([("date", "2026-11-28")], {"since": WINTER_DAY[0], "until": WINTER_DAY[1]}),
        ([("date", "eq2027-07-01")], {"since": SUMMER_DAY[0], "until": SUMMER_DAY[1]}),
        ([("date", "ge2026-11-28")], {"since": WINTER_DAY[0], "until": ""}),
        ([("date", "gt2026-11-28")], {"since": WINTER_DAY[1], "until": ""}),
        ([("date", "le2026-11-28")], {"since": "", "until": WINTER_DAY[1]}),
        ([("date", "lt2026-11-28")], {"since": "", "until": WINTER_DAY[0]}),
        (
            [("date", "ge2026-11-28T03:00:00+01:00"), ("date", "lt2026-11-28T09:00:00Z")],
            {"since": "2026-11-28T02:00:00.000Z", "until": "2026-11-28T09:00:00.000Z"},
        ),
        ([("date", "ge2026-11-01"), ("date", "ge2026-11-28")], {"since": WINTER_DAY[0]}),
        ([("date", "lt2026-12-28"), ("date", "lt2026-11-28")], {"until": WINTER_DAY[0]}),
    ],
)
def test_what_is_asked(given: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    found = question(given)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    "given",
    [
        [("entity", "9990000018 Testley")],
        [("entity", "Observation/a1")],
        [("entity", "a1")],
        [("patient", "a"), ("patient", "b")],
        [("_count", "0")],
        [("_count", "101")],
        [("_count", "many")],
        [("date", "yesterday")],
        [("date", "2026-11-31")],
        [("date", "ne2026-11-28")],
        [("date", "ge2026-11-28T03:00:00")],
        [("date", "2026-11-28T03:00:00Z")],
        [("date", "9999-12-31")],
        [("agent", "Practitioner/1")],
    ],
)
def test_what_cannot_be_asked_is_said_and_not_repeated(given: list[tuple[str, str]]) -> None:
    with pytest.raises(BadParameter) as refused:
        question(given)
    for _, value in given:
        assert len(value) < 4 or value not in refused.value.sentence
