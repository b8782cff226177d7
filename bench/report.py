"""The table on the terminal, and `docs/benchmarks.md`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from bench.explanations import AGAIN, EXPLANATIONS
from bench.profile import Stage
from bench.runs import Measured, Plan
from bench.targets import Row, Verdict

_MARKED = (Verdict.MISSED, Verdict.INSIDE_SPREAD, Verdict.NOT_MEASURED)
_HEADINGS = ("what", "median", "min to max", "at least", "aim", "verdict")


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
            *(
                part
                for sentence in [_failures(measured.rows), *measured.left_out, *measured.failed]
                for part in (sentence, "")
            ),
            "## Where the microseconds of one answer go",
            "",
            "Requests through the application in one process, one after the other, for people in turn, with a",
            "stopwatch round the product's own functions (`python -m bench.profile`). Indented stages are parts of the",
            "one above them. No server and no socket: what they take comes on top, for a bare route alike.",
            "",
            *(f"    {stage}" for stage in stages),
            *_on_mongo(measured),
            "",
            EXPLANATIONS,
            AGAIN.rstrip(),
            "",
        ]
    )


def _on_mongo(measured: Measured) -> Iterator[str]:
    if measured.mongo_stages:
        yield from ("", "The same with records on MongoDB, audit entries written (`bench/profile_mongo.py`):", "")
    yield from (f"    {stage}" for stage in measured.mongo_stages)


def _facts(measured: Measured) -> Iterator[tuple[str, str]]:
    if measured.sync is not None:
        sync = measured.sync
        yield "fdatasync of one line", f"p50 {sync.p50:,.0f} us, p99 {sync.p99:,.0f} us"
    yield "Emergency answer", f"{measured.answer_bytes:,} bytes (median of a sample; what the bare routes return)"
    yield "Audit line", f"{measured.line_bytes:,} bytes"


def facts(measured: Measured) -> str:
    """Return what stands beside the table, as lines."""
    return "\n".join([*(f"{name}: {value}" for name, value in _facts(measured)), *measured.left_out, *measured.failed])


def _failures(rows: Sequence[Row]) -> str:
    names = [row.name for row in rows if row.verdict in (Verdict.MISSED, Verdict.INSIDE_SPREAD)]
    unknown = [row.name for row in rows if row.verdict is Verdict.NOT_MEASURED]
    said = f"Not kept: {'; '.join(names)}. The next section shows where the time goes." if names else ""
    if unknown:
        return f"{said} Not measured: {'; '.join(unknown)}.".strip()
    return said or "Every limit is kept."


def _emphasised(row: Row) -> tuple[str, ...]:
    *cells, verdict = row.cells()
    return (*cells, f"**{verdict}**" if row.verdict in _MARKED else verdict)


def _markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"| {' | '.join('---' for _ in headings)} |"
    for line in lines:
        yield f"| {' | '.join(line)} |"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for number, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.rjust(width) if 0 < number < 5 else cell.ljust(width)
