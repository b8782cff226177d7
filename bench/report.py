"""The table on the terminal, and `docs/benchmarks.md`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from bench.measure import Measured, Plan
from bench.profile import Stage
from bench.targets import Row, Verdict

_HEADINGS = ("what", "median", "min to max", "at least", "aim", "verdict")

_EXPLANATIONS = """\
## What the rows mean

Every run is wrk with one thread and 16 connections against one service process; each has a CPU of its own. The service
is started with the options of `epaccs serve`; its log level is WARNING. The caller is an ambulance crew with a token of
the demo door, and every person has an open incident that names its organisation. Each request draws one person
uniformly from all of them. Sides that are compared run in turns, so that whatever else the machine does hits both. The
service was warm (everyone had been asked for once) but for the rows that say cold.

A row passes when **every** run keeps the limit: a limit inside the spread of the runs is not a pass.

| row | how it is measured |
| --- | --- |
| emergency answer / bare FastAPI route | Requests a second of `POST Patient/$emergency-summary`, each answer after \
its audit entry is on the disk, divided by those of `POST /bench/fastapi`: an `async def` that returns a `Response` \
of the same number of bytes, in the same application, behind the same middleware, found before our route. |
| the same / bare Starlette route | The same with a Starlette route, which skips FastAPI's dependency machinery. |
| added to a bare FastAPI route | The difference of the time per request, in microseconds. |
| audit write left out | The bench replaces the store by one that drops audit entries; the product has no setting that \
could. What is left is token, record, unsealing, rules, release and answer. |
| bare route that appends and syncs | A FastAPI route that hands a line of the size of our audit entry to the same \
store, waits until it is on the disk, and returns the same bytes. |
| p99 / p50 | Latency at 16 connections, of the emergency answer. |
| cold | The kernel was told to forget the database, the service restarted, and people asked for once each. |
| p50 at more people / at fewer | Median latency of the emergency answer, two services side by side on one CPU, one \
of them asked at a time. |
| 300 resources and 20 MB | Median latency for one person with 300 resources and 20 MB of attachments, divided by that \
for an ordinary person; both in the same database. |
| resident memory | Of the process that served everything but the cold runs and those without audit. |
| start-up to ready | From exec of `epaccs serve` to the first 200 of `/health/ready`. |
"""

_AGAIN = """\
## How to run it again

    make bench          # 15 minutes at most; needs wrk and taskset (Debian: apt-get install wrk util-linux), two CPUs
    make bench-full     # with 100,000 people
    .venv/bin/python -m bench --quick    # tries the harness in two minutes and writes nothing

People are loaded once and kept for six hours under `build/bench`; a change of what is stored loads them again. The
machine should have nothing else to do.
"""


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text in columns, those with a limit first."""
    cells = [_HEADINGS, *(row.cells() for row in sorted(rows, key=lambda row: row.limit is None))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    return "\n".join("  ".join(_aligned(line, widths)).rstrip() for line in cells)


def document(
    plan: Plan, machine: Iterable[tuple[str, str]], measured: Measured, stages: Sequence[Stage], today: date
) -> str:
    """Return the whole of `docs/benchmarks.md`."""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`. Medians and spreads of "
            f"{plan.runs} runs of {plan.seconds} seconds, {plan.people:,} people.",
            "",
            *_markdown(("", ""), [("Date", today.isoformat()), *machine, *_facts(measured)]),
            "",
            "## Results",
            "",
            *_markdown(_HEADINGS, [_emphasised(row) for row in measured.rows if row.limit is not None]),
            "",
            "Beside these, without a limit:",
            "",
            *_markdown(_HEADINGS[:3], [row.cells()[:3] for row in measured.rows if row.limit is None]),
            "",
            _failures(measured.rows),
            "",
            "## Where the microseconds of one answer go",
            "",
            "Requests through the application in one process, one after the other, for people in turn, with a",
            "stopwatch round the product's own functions (`python -m bench.profile`). Indented stages are parts of the",
            "one above them. No server and no socket: what they take comes on top, for a bare route alike.",
            "",
            *(f"    {stage}" for stage in stages),
            "",
            _EXPLANATIONS,
            _AGAIN.rstrip(),
            "",
        ]
    )


def _facts(measured: Measured) -> Iterator[tuple[str, str]]:
    if measured.sync is not None:
        sync = measured.sync
        yield "fdatasync of one line", f"p50 {sync.p50:,.0f} us, p99 {sync.p99:,.0f} us"
    yield "Emergency answer", f"{measured.answer_bytes:,} bytes (median of a sample; what the bare routes return)"
    yield "Audit line", f"{measured.line_bytes:,} bytes"


def facts(measured: Measured) -> str:
    """Return what stands beside the table, as lines."""
    return "\n".join(f"{name}: {value}" for name, value in _facts(measured))


def _failures(rows: Sequence[Row]) -> str:
    names = [row.name for row in rows if row.verdict in (Verdict.MISSED, Verdict.INSIDE_SPREAD)]
    if not names:
        return "Every limit is kept."
    return "Not kept: " + "; ".join(names) + ". The next section shows where the time goes."


def _emphasised(row: Row) -> tuple[str, ...]:
    *cells, verdict = row.cells()
    return (*cells, f"**{verdict}**" if row.verdict in (Verdict.MISSED, Verdict.INSIDE_SPREAD) else verdict)


def _markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"| {' | '.join('---' for _ in headings)} |"
    for line in lines:
        yield f"| {' | '.join(line)} |"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for number, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.rjust(width) if 0 < number < 5 else cell.ljust(width)
