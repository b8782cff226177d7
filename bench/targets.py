"""What is promised, what was measured, and whether the promise is kept.

A limit that lies inside the spread of the runs is not kept: the slowest run must keep it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median
from typing import Self


class Verdict(StrEnum):
    """What a row says of its limit."""

    AIM = "pass, aim reached"
    KEPT = "pass"
    INSIDE_SPREAD = "NOT A PASS: limit inside spread"
    MISSED = "MISSED"
    NOT_MEASURED = "NOT MEASURED"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What is asked at least, and aimed at. `at_most`: smaller is better."""

    least: float
    aim: float
    at_most: bool = False

    def kept(self, value: float, limit: float) -> bool:
        """Say whether a value is on the right side of a limit."""
        return value <= limit if self.at_most else value >= limit


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured: its runs, its unit, and its limit where one is promised. Without runs: only promised yet."""

    name: str
    runs: Sequence[float]
    unit: str = ""
    limit: Limit | None = None
    digits: int = 2

    def measured(self, runs: Sequence[float]) -> Self:
        """Return what was promised with what was found."""
        return replace(self, runs=runs)

    @property
    def median(self) -> float:
        """The middle run."""
        return median(self.runs)

    @property
    def verdict(self) -> Verdict:
        """Judge the runs by the limit: all of them count for a pass, the median for a miss."""
        if not self.runs:
            return Verdict.NOT_MEASURED
        limit = self.limit
        if limit is None:
            return Verdict.NONE
        if all(limit.kept(value, limit.aim) for value in self.runs):
            return Verdict.AIM
        if all(limit.kept(value, limit.least) for value in self.runs):
            return Verdict.KEPT
        return Verdict.INSIDE_SPREAD if limit.kept(self.median, limit.least) else Verdict.MISSED

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return name, median, spread, at least, aim and verdict as text."""
        spread = f"{self._text(min(self.runs))} to {self._text(max(self.runs))}" if len(self.runs) > 1 else ""
        value = f"{self._text(self.median)}{self._unit}" if self.runs else "not measured"
        if self.limit is None:
            return self.name, value, spread, "", "", ""
        sign = "<= " if self.limit.at_most else ">= "
        least, aim = (f"{sign}{limit:g}{self._unit}" for limit in (self.limit.least, self.limit.aim))
        return self.name, value, spread, least, aim, self.verdict

    @property
    def _unit(self) -> str:
        return self.unit if self.unit in ("", "x") else f" {self.unit}"

    def _text(self, value: float) -> str:
        return f"{value:,.{self.digits}f}"
