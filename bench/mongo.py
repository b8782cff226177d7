"""The emergency answer with records on MongoDB: against a bare route that reads there too, and for homes of two sizes.

The server is mongo-java-server, which looks documents up by `_id` through an index (FerretDB looks at all of them). It
keeps everything in memory, so its home is loaded anew each time. It has the CPU of the load: the service has its own,
as in the other rows.
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
from bench.targets import Limit, Row
from tests.peers.mongo_servers import HOW_TO_GET, MongoServer, available

KIND = "mongo-java-server"
_DATABASE = "records"
_PEOPLE_A_SECOND = 500
"""Fewer than on SQLite; see `runs.warm`."""


def measure(plan: Plan, cpus: Processors, measured: Measured, say: Say) -> None:
    """Measure the rows of this store, or write down that there is no server to measure them on."""
    if KIND not in available():
        measured.left_out.append(f"The rows of MongoDB are left out: {KIND} is not here. {HOW_TO_GET}.")
        say(measured.left_out[-1])
        return
    with mongo_home(plan.people, "mongo", cpus, say) as home, serving.serving(home, cpus.service) as service:
        service.give_bytes(median_answer(service), measured.line_bytes)
        service.give_people()
        runs.warm(plan, cpus, service, a_second=_PEOPLE_A_SECOND)
        say("MongoDB, against a bare route ...")
        ours, bare = alternate(plan, cpus, [service.target, side(service, "/bench/documents")])
        name = "emergency answer on MongoDB / a bare route with three `find_one` by `_id` and the audit insert"
        measured.rows += [
            Row(name, ratios(ours, bare), "x", Limit(0.5, 0.6)),
            Row("emergency answers on MongoDB", [load.rate for load in ours], "/s", digits=0),
            Row("bare route with three `find_one` and the audit insert", [load.rate for load in bare], "/s", digits=0),
            Row("p50 on MongoDB", milliseconds([load.p50 for load in ours]), "ms"),
            Row("p99 on MongoDB", milliseconds([load.p99 for load in ours]), "ms"),
        ]
        with (
            mongo_home(plan.fewer, "mongo-other", cpus, say) as other_home,
            serving.serving(other_home, cpus.service) as other,
        ):
            runs.warm(plan, cpus, other, a_second=_PEOPLE_A_SECOND)
            say(f"MongoDB, {plan.people:,} people against {plan.fewer:,} ...")
            more, fewer = alternate(plan, cpus, [service.target, other.target])
        say("Stage by stage on MongoDB ...")
        measured.mongo_stages = profile_mongo.profile(home)
    name = f"p50 at {plan.people:,} people / at {plan.fewer:,}, MongoDB"
    measured.rows.append(Row(name, medians(more, fewer), "x", Limit(1.5, 1.25, at_most=True)))


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
