"""The emergency answer of one process on SQLite: against bare routes, cold, for homes and people of other sizes."""

from __future__ import annotations

import sqlite3

from bench import runs, serving, wrk
from bench.machine import Processors, sync_times
from bench.people import BUILD, Home, Say, forget_files, home_of
from bench.runs import Measured, Plan, Side, added, alternate, median_answer, medians, milliseconds, ratios, side
from bench.serving import WITHOUT_AUDIT, Service
from bench.targets import Limit, Row
from bench.wrk import Load

NO_AUDIT = Row("emergency answer / bare FastAPI route, audit write left out", (), "x", Limit(0.42, 0.55))
DURABLE = (
    Row("emergency answer / bare FastAPI route, durable audit", (), "x", Limit(0.30, 0.40)),
    Row("emergency answer / bare route that appends and syncs", (), "x", Limit(0.7, 0.85)),
    Row("p99 / p50", (), "x", Limit(5, 3, at_most=True)),
)
MEMORY = Row("resident memory after the load", (), "MiB", Limit(200, 120, at_most=True), 0)


def measure(plan: Plan, home: Home, cpus: Processors, measured: Measured, say: Say) -> None:
    """Measure every such row on the main home, and beside it on homes of other sizes."""
    cold: list[Load] = []
    with measured.part("Cold: first pass after a restart", say):
        cold = _cold(plan, cpus, home)
    with (
        measured.part("With the audit write left out", say, NO_AUDIT),
        serving.serving(home, cpus.service, WITHOUT_AUDIT) as service,
    ):
        _fill_bare_routes(service, measured)
        _warm(plan, cpus, service)
        _without_audit(plan, cpus, service, measured)
    counts = [plan.fewer, *([plan.more] if plan.more else [])]
    sizes = [_numbers_row(plan, count) for count in counts]
    with (
        measured.part("With durable audit", say, *DURABLE, *sizes, _large(home), MEMORY),
        serving.serving(home, cpus.service) as service,
    ):
        _fill_bare_routes(service, measured)
        measured.sync = sync_times(BUILD, bytes(measured.line_bytes))
        _warm(plan, cpus, service)
        with measured.part("Against bare routes", say, *DURABLE):
            bare = _with_audit(plan, cpus, service, measured)
            _cold_rows(cold, bare, measured)
        for count, promised in zip(counts, sizes, strict=True):
            with measured.part(f"{plan.people:,} people against {count:,}", say, promised):
                measured.rows.append(promised.measured(_numbers(plan, cpus, service, count, say)))
        with measured.part("A large record against an ordinary one", say, _large(home)):
            measured.rows.append(_large(home).measured(_sizes(plan, cpus, service)))
        measured.rows.append(MEMORY.measured([service.resident_mib()]))
    with measured.part("Start-up", say, _start(plan)):
        measured.rows.append(_start(plan).measured(_start_up(plan, cpus, home)))


def _numbers_row(plan: Plan, count: int) -> Row:
    names = sorted((count, plan.people), reverse=True)
    name = f"p50 at {names[0]:,} people / at {names[1]:,}, SQLite"
    return Row(name, (), "x", Limit(1.25, 1.1, at_most=True))


def _large(home: Home) -> Row:
    name = f"p50 of a person with 300 resources and 20 MB / with {home.prepared.ordinary_resources}"
    return Row(name, (), "x", Limit(1.5, 1.3, at_most=True))


def _start(plan: Plan) -> Row:
    return Row(f"start-up to ready, {plan.people:,} people", (), "s", Limit(2, 1, at_most=True))


def _start_up(plan: Plan, cpus: Processors, home: Home) -> list[float]:
    seconds = []
    for _ in range(plan.runs):
        with serving.serving(home, cpus.service, serving.PRODUCT) as service:
            seconds.append(service.seconds_to_ready)
    return seconds


def _cold(plan: Plan, cpus: Processors, home: Home) -> list[Load]:
    found = []
    for _ in range(plan.runs):
        forget_files(home)
        with serving.serving(home, cpus.service) as service:
            found.append(wrk.run(service.target(), plan.cold_seconds, cpus.load, walk=True))
    return found


def _cold_rows(cold: list[Load], bare: float, measured: Measured) -> None:
    if not cold:
        return
    measured.rows += [
        Row("emergency answer cold / bare FastAPI route (warm)", [load.rate / bare for load in cold], "x"),
        Row("emergency answers, cold", [load.rate for load in cold], "/s", digits=0),
        Row("p50, cold", milliseconds([load.p50 for load in cold]), "ms"),
        Row("p99, cold", milliseconds([load.p99 for load in cold]), "ms"),
    ]


def _fill_bare_routes(service: Service, measured: Measured) -> None:
    """Give the bare routes the answer of median size, and the size of an audit line."""
    body = median_answer(service)
    measured.answer_bytes, measured.line_bytes = len(body), _size_of_audit_line(service.home)
    service.give_bytes(body, measured.line_bytes)


def _size_of_audit_line(home: Home) -> int:
    """Return the size of the entry that was written last."""
    connection = sqlite3.connect(f"file:{home.folder / 'records.sqlite'}?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT length(sealed) FROM audit ORDER BY rowid DESC LIMIT 1").fetchone()
        return int(row[0])
    finally:
        connection.close()


def _warm(plan: Plan, cpus: Processors, service: Service) -> None:
    runs.warm(plan, cpus, service)
    wrk.run(service.target("/bench/fastapi"), 1, cpus.load)


def _with_audit(plan: Plan, cpus: Processors, service: Service, measured: Measured) -> float:
    """Measure against the bare routes; return the median rate of the bare FastAPI route."""
    paths = ("/bench/fastapi", "/bench/starlette", "/bench/append")
    sides: list[Side] = [service.target, *(side(service, path) for path in paths)]
    ours, fastapi, starlette, append = alternate(plan, cpus, sides)
    against_fastapi, against_append, tail = DURABLE
    bare, rate = Row("bare", [load.rate for load in fastapi]), [load.rate for load in ours]
    measured.rows += [
        against_fastapi.measured(ratios(ours, fastapi)),
        Row("the same / bare Starlette route", ratios(ours, starlette), "x"),
        Row("added to a bare FastAPI route", added(ours, fastapi), "us a request", digits=0),
        against_append.measured(ratios(ours, append)),
        tail.measured([load.tail for load in ours]),
        Row("emergency answers", rate, "/s", digits=0),
        Row("p50", milliseconds([load.p50 for load in ours]), "ms"),
        Row("p99", milliseconds([load.p99 for load in ours]), "ms"),
        Row("bare FastAPI route", bare.runs, "/s", digits=0),
        Row("bare Starlette route", [load.rate for load in starlette], "/s", digits=0),
        Row("bare route that appends and syncs", [load.rate for load in append], "/s", digits=0),
    ]
    return bare.median


def _without_audit(plan: Plan, cpus: Processors, service: Service, measured: Measured) -> None:
    ours, fastapi = alternate(plan, cpus, [service.target, side(service, "/bench/fastapi")])
    measured.rows += [
        NO_AUDIT.measured(ratios(ours, fastapi)),
        Row("added to a bare FastAPI route, audit write left out", added(ours, fastapi), "us a request", digits=0),
    ]


def _sizes(plan: Plan, cpus: Processors, service: Service) -> list[float]:
    home = service.home
    heavy, ordinary = home.only(home.prepared.heavy), home.only(home.prepared.ordinary)
    for people in (heavy, ordinary):
        wrk.run(service.target(people=people), 1, cpus.load)
    large, small = alternate(
        plan, cpus, [lambda: service.target(people=heavy), lambda: service.target(people=ordinary)]
    )
    return medians(large, small)


def _numbers(plan: Plan, cpus: Processors, service: Service, count: int, say: Say) -> list[float]:
    """Compare the median latency of the main home with one of another size, both served at the same time."""
    other_home = home_of(count, "other", say)
    with serving.serving(other_home, cpus.service) as other:
        _warm(plan, cpus, other)
        main, beside = alternate(plan, cpus, [service.target, other.target])
    more, fewer = (main, beside) if count < plan.people else (beside, main)
    return medians(more, fewer)
