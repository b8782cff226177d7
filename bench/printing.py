"""A plan as PDF/A, from the resources that were released to the bytes of the document, in this process.

The people are the demo's cast. The first document of a process, which reads the fonts, counts with the others.
"""

from __future__ import annotations

import asyncio
import time
from copy import deepcopy
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import msgspec

from bench.targets import Limit, Row
from service.document.paper import Paper
from service.document.plan import PlanDocument
from service.document.press import Press
from service.people.demo import demo_people
from service.plan.summary import Wording

RUNS, TIMES = 3, 3
PROMISED = (
    Row("a released plan to PDF/A, p95", (), "ms", Limit(150, 50, at_most=True), 1),
    Row("processor time of it, p95", (), "ms", None, 1),
    Row("the largest of these documents", (), "KB", Limit(200, 100, at_most=True), 1),
)
_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_META = {"versionId": "1", "lastUpdated": "2026-11-20T10:00:00.000Z"}


def measure() -> list[Row]:
    """Return the milliseconds of a document, by the clock and of the processors (95th percentile of a run), and the
    kilobytes of the largest."""
    plans = [_released(one.bundle["entry"]) for one in demo_people(_NOW)]
    taken, used, sizes = zip(*(asyncio.run(_run(plans)) for _ in range(RUNS)), strict=True)
    times, processors, largest = PROMISED
    return [times.measured(taken), processors.measured(used), largest.measured([max(sizes)])]


async def _run(plans: list[list[dict[str, Any]]]) -> tuple[float, float, float]:
    made = PlanDocument(Paper(Press()), Wording.of("Call the number below."), lambda: _NOW)
    taken: list[float] = []
    used: list[float] = []
    sizes: list[int] = []
    for plan in plans * TIMES:
        begun, began = time.perf_counter_ns(), time.process_time_ns()
        sizes.append(len(await made(plan)))
        taken.append((time.perf_counter_ns() - begun) / 1e6)
        used.append((time.process_time_ns() - began) / 1e6)
    return quantiles(taken, n=20)[-1], quantiles(used, n=20)[-1], max(sizes) / 1_000


def _released(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the resources of a plan with ids and times of their own."""
    text = msgspec.json.encode(deepcopy(entries)).decode()
    for number, entry in enumerate(entries):
        text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/{number}")
    found = msgspec.json.decode(text)
    return [{**entry["resource"], "id": str(number), "meta": _META} for number, entry in enumerate(found)]
