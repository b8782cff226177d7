"""Partial dates as spans, in UTC and in London's days; ages and review dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.plan.freshness import freshness, review_is_overdue
from service.plan.times import in_words, span_of
from tests.service.plan.build import NOW


@pytest.mark.parametrize(
    ("value", "earliest", "latest"),
    [
        ("2026-06-03", "2026-06-02T23:00:00", "2026-06-03T22:59:59.999999"),
        ("2026-12-03", "2026-12-03T00:00:00", "2026-12-03T23:59:59.999999"),
        ("2026-02", "2026-02-01T00:00:00", "2026-02-28T23:59:59.999999"),
        ("2025-12", "2025-12-01T00:00:00", "2025-12-31T23:59:59.999999"),
        ("2026", "2026-01-01T00:00:00", "2026-12-31T23:59:59.999999"),
        ("2026-06-03T10:00:00.5+01:00", "2026-06-03T09:00:00.500000", "2026-06-03T09:00:00.500000"),
        ("2026-12-31T23:59:60Z", "2026-12-31T23:59:59", "2026-12-31T23:59:59"),
    ],
)
def test_a_date_is_a_span_of_utc(value, earliest, latest):
    span = span_of(value)
    assert span is not None
    assert span.earliest == datetime.fromisoformat(earliest).replace(tzinfo=UTC)
    assert span.latest == datetime.fromisoformat(latest).replace(tzinfo=UTC)


@pytest.mark.parametrize("value", [None, 3, "", "soon", "2026-13-01", "2026-06-03T10:00:00", "99999999"])
def test_what_is_no_time_has_no_span(value):
    assert span_of(value) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-06-03T13:05:00Z", "3 June 2026 at 14:05"),
        ("2026-06-03", "3 June 2026"),
        ("2026-06", "June 2026"),
        ("2026", "2026"),
        ("soon", None),
        (None, None),
    ],
)
def test_dates_in_words(value, words):
    assert in_words(value) == words


def test_a_review_is_overdue_when_its_day_in_london_is_over():
    assert not review_is_overdue("2026-06-03", datetime(2026, 6, 3, 22, 59, 59, tzinfo=UTC))
    assert review_is_overdue("2026-06-03", datetime(2026, 6, 3, 23, 0, 0, tzinfo=UTC))


def test_freshness_gathers_what_an_item_says_of_itself():
    meta = {"lastUpdated": "2026-11-22T00:00:00.000Z", "versionId": "3", "source": "https://gp.example.org"}
    found = freshness({"meta": meta}, "2026-11-20", "2026-11-22", NOW)
    assert (found.recorded, found.version, found.source) == (meta["lastUpdated"], "3", meta["source"])
    assert found.out_of_date
    assert found.as_of == NOW
