"""The verdicts of the benchmark: a limit inside the spread of the runs is not a pass."""

from __future__ import annotations

from datetime import date

import pytest

from bench.machine import Sync
from bench.profile import Stage
from bench.report import document, table
from bench.runs import Measured, Plan
from bench.targets import Limit, Row, Verdict

AT_LEAST = Limit(0.30, 0.40)
AT_MOST = Limit(5, 3, at_most=True)


@pytest.mark.parametrize(
    ("runs", "limit", "verdict"),
    [
        ([0.41, 0.45, 0.42], AT_LEAST, Verdict.AIM),
        ([0.31, 0.45, 0.42], AT_LEAST, Verdict.KEPT),
        ([0.29, 0.45, 0.42], AT_LEAST, Verdict.INSIDE_SPREAD),
        ([0.31, 0.28, 0.29], AT_LEAST, Verdict.MISSED),
        ([2.0, 3.0, 2.5], AT_MOST, Verdict.AIM),
        ([2.0, 4.9, 2.5], AT_MOST, Verdict.KEPT),
        ([2.0, 5.1, 2.5], AT_MOST, Verdict.INSIDE_SPREAD),
        ([6.0, 5.1, 2.5], AT_MOST, Verdict.MISSED),
        ([1.0], None, Verdict.NONE),
    ],
)
def test_every_run_counts_for_a_pass_and_the_median_for_a_miss(
    runs: list[float], limit: Limit | None, verdict: Verdict
) -> None:
    assert Row("row", runs, limit=limit).verdict is verdict


def test_a_row_shows_median_spread_and_limits() -> None:
    assert Row("ratio", [0.5, 0.3, 0.4], "x", AT_LEAST).cells() == (
        "ratio",
        "0.40x",
        "0.30 to 0.50",
        ">= 0.3x",
        ">= 0.4x",
        "pass",
    )


def test_the_table_has_a_line_for_each_row() -> None:
    printed = table([Row("one", [1.0]), Row("two", [2.0], "ms")]).splitlines()
    assert [line.split()[0] for line in printed] == ["what", "one", "two"]


def test_the_document_marks_what_was_missed_and_says_where_the_time_goes() -> None:
    measured = Measured(
        [Row("ratio", [0.1, 0.2], "x", AT_LEAST), Row("rate", [5.0], "/s")], Sync(120, 300), 47_000, 1104
    )
    stages = [Stage(0, "whole", 350.0), Stage(1, "part", 20.5, 2), Stage(0, "heading:", None)]
    measured.mongo_stages = [Stage(0, "answer on MongoDB", 2500.0)]
    written = document(Plan.quick(), [("CPU", "one")], measured, stages, date(2030, 1, 2))
    assert "| ratio | 0.15x | 0.10 to 0.20 | >= 0.3x | >= 0.4x | **MISSED** |" in written
    assert "| rate | 5.00 /s |  |" in written
    assert "Not kept: ratio." in written
    assert "         20.5 us      part, 2 times" in written
    assert "       2500.0 us  answer on MongoDB" in written
    assert "| Date | 2030-01-02 |" in written
