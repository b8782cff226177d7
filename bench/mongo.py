"""The emergency answer with records on MongoDB: against a bare route that reads there too, and for homes of two sizes.

The server is mongo-java-server, which looks documents up by `_id` through an index (FerretDB looks at all of them). It
keeps everything in memory, so its home is loaded anew each time. It has the CPU of the load: the service has its own,
as in the other rows.

Nobody looks for what audit entries owe while this is measured (`service.record.owed`, once a minute). MongoDB finds
them by an index. This server has none for a field that is a list: it looks at all of the audit for each page, and no
entry is written meanwhile, so that every answer waits. That says something of this server alone.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from bench import profile_mongo, runs, serving
from bench.machine import Processors
from bench.people import BUILD, Home, Say, fill
from bench.runs import Measured, Plan, alternate, median_answer, medians, milliseconds, ratios, side
from bench.serving import WITHOUT_SWEEP, Service
from bench.targets import Limit, Row
from tests.peers.mongo_servers import HOW_TO_GET, MongoServer, available

KIND = "mongo-java-server"
_DATABASE = "records"
LEFT_OUT = (
    f"On MongoDB the look for what audit entries owe is left out, once a minute: {KIND} has no index for it and lets "
    "every answer wait while it looks at all of the audit."
)
AGAINST_BARE = Row(
    "emergency answer on MongoDB / a bare route with three `find_one` by `_id` and the audit insert",
    (),
    "x",
    Limit(0.5, 0.6),
)
_LINE_BYTES = 1_100
"""The size of an audit line, should the rows on SQLite, which look, not have been measured."""
_PEOPLE_A_SECOND = 500
"""Fewer than on SQLite; see `runs.warm`."""


def measure(plan: Plan, cpus: Processors, measured: Measured, say: Say) -> None:
    """Measure the rows of this store, or write down that there is no server to measure them on."""
    if KIND not in available():
        measured.left_out.append(f"The rows of MongoDB are left out: {KIND} is not here. {HOW_TO_GET}.")
        say(measured.left_out[-1])
        return
    measured.left_out.append(LEFT_OUT)
    sizes = _sizes(plan)
    with (
        measured.part("MongoDB", say, AGAINST_BARE, sizes),
        mongo_home(plan.people, "mongo", cpus, say) as home,
        serving.serving(home, cpus.service, WITHOUT_SWEEP) as service,
    ):
        with measured.part("MongoDB, against a bare route", say, AGAINST_BARE):
            service.give_bytes(median_answer(service), measured.line_bytes or _LINE_BYTES)
            service.give_people()
            runs.warm(plan, cpus, service, a_second=_PEOPLE_A_SECOND)
            _against_bare(plan, cpus, service, measured)
        with measured.part(f"MongoDB, {plan.people:,} people against {plan.fewer:,}", say, sizes):
            _against_fewer(plan, cpus, service, measured, say)
        with measured.part("Stage by stage on MongoDB", say):
            measured.mongo_stages = profile_mongo.profile(home)


def _sizes(plan: Plan) -> Row:
    name = f"p50 at {plan.people:,} people / at {plan.fewer:,}, MongoDB"
    return Row(name, (), "x", Limit(1.5, 1.25, at_most=True))


def _against_bare(plan: Plan, cpus: Processors, service: Service, measured: Measured) -> None:
    ours, bare = alternate(plan, cpus, [service.target, side(service, "/bench/documents")])
    measured.rows += [
        AGAINST_BARE.measured(ratios(ours, bare)),
        Row("emergency answers on MongoDB", [load.rate for load in ours], "/s", digits=0),
        Row("bare route with three `find_one` and the audit insert", [load.rate for load in bare], "/s", digits=0),
        Row("p50 on MongoDB", milliseconds([load.p50 for load in ours]), "ms"),
        Row("p99 on MongoDB", milliseconds([load.p99 for load in ours]), "ms"),
    ]


def _against_fewer(plan: Plan, cpus: Processors, service: Service, measured: Measured, say: Say) -> None:
    with (
        mongo_home(plan.fewer, "mongo-other", cpus, say) as other_home,
        serving.serving(other_home, cpus.service, WITHOUT_SWEEP) as other,
    ):
        runs.warm(plan, cpus, other, a_second=_PEOPLE_A_SECOND)
        more, fewer = alternate(plan, cpus, [service.target, other.target])
    measured.rows.append(_sizes(plan).measured(medians(more, fewer)))


@contextmanager
def mongo_home(count: int, name: str, cpus: Processors, say: Say) -> Iterator[Home]:
    """Load a home with `count` people, through the ordinary write, into a server of its own, and keep it running."""
    folder = BUILD / "run" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    with MongoServer(KIND, folder / "server", in_memory=True) as server:
        store = server.url(_DATABASE)
        home = Home(folder, fill(folder, count, say, store), store)
        home.write_everyone()
        # its threads inherit a CPU from one another, and there are some already
        everything = ["taskset", "--all-tasks", "--cpu-list", "--pid", str(cpus.load), str(server.pid)]
        subprocess.run(everything, stdout=subprocess.DEVNULL, check=True)
        yield home
