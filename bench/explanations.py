"""What the rows mean and how to run it again: the words of `docs/benchmarks.md` that no run changes."""

from __future__ import annotations

EXPLANATIONS = """\
## What the rows mean

Where requests are counted or timed, a run is wrk with one thread and 16 connections against one service process; each
has a CPU of its own. The service is started with the options of `epaccs serve`; its log level is WARNING. Its records
lie in SQLite unless a row says MongoDB. The caller is an ambulance crew with a token of the demo door, and every person
has an open incident that names its organisation. Each request draws one person uniformly from all of them. Sides that
are compared run in turns, so that whatever else the machine does hits both. The service was warm (everyone had been
asked for once) but for the rows that say cold.

A row passes when **every** run keeps the limit: a limit inside the spread of the runs is not a pass. A part that fails
is written down with what went wrong, and what it promised as not measured; the other parts go on.

| row | how it is measured |
| --- | --- |
| emergency answer / bare FastAPI route | Requests a second of `POST Patient/$emergency-summary`, each answer after \
its audit entry is on the disk, divided by those of `POST /bench/fastapi`: an `async def` that returns a `Response` \
of the same number of bytes, in the same application, behind the same middleware, found before our route. |
| the same / bare Starlette route | The same with a Starlette route, which skips FastAPI's dependency machinery. |
| added to a bare FastAPI route | The difference of the time per request, in microseconds. |
| audit write left out | The bench replaces the store by one that drops audit entries; the product has no setting \
that could. What is left is token, record, unsealing, rules, release and answer. |
| bare route that appends and syncs | A FastAPI route that hands a line of the size of our audit entry to the same \
store, waits until it is on the disk, and returns the same bytes. |
| p99 / p50 | Latency at 16 connections, of the emergency answer. |
| cold | The kernel was told to forget the database, the service restarted, and people asked for once each. |
| p50 at more people / at fewer | Median latency of the emergency answer, two services side by side on one CPU, one \
of them asked at a time. |
| 300 resources and 20 MB | Median latency for one person with 300 resources and 20 MB of attachments, divided by \
that for an ordinary person; both in the same database. |
| CPU time per read | User and system time of all processes of `epaccs serve --workers 2` (two readers, the writer, \
what keeps them alive), by the kernel's account, divided by the answers of the run; divided by the same of one \
process. Both have one CPU, the other is the load's, so their rates are printed and not judged. |
| on MongoDB | Requests a second with records on a MongoDB server, divided by those of `POST /bench/documents`: a \
FastAPI route in the same application, which reads three documents of a person by `_id` over the same connections, \
one after another (the claim on the NHS number, the record's copy, the key), appends a line of the size of our audit \
entry with the same group commit, and returns the same bytes. The server is mongo-java-server with \
everything in memory; it has the CPU of the load. What audit entries owe is not looked for meanwhile: that server has \
no index for it, and every answer would wait while it looks at all of the audit. It is not MongoDB: the ratio means \
something, the rates do not. |
| bytes at rest | Stored bytes after a plan was written and one resource of it updated five times, divided by the \
JSON of all those versions; audit and look-up tokens apart. MongoDB's are those of the documents, without the \
database's own. |
| load | What the command prints, with both CPUs: synthetic plans, made and written through the ordinary write into \
an empty home. The start of its processes is counted. |
| verify | What the command prints, with both CPUs, of the home as it was loaded: its records are plans and incident \
registers. |
| found by name and birth date | The use case behind `Patient/$match` in this process, one question after another, for \
people in turn among so many, audit entry included; one run. |
| decision | `decide` alone in this process, for an ambulance crew, with the places of 40 resources asked of it: the \
median of 2,000. The first after a change of consent: the Consents compiled, stored, read back and decided on, the \
median of 200. |
| a released plan to PDF/A | What `Surroundings.document` does for a partner, in this process: the resources of each \
of the demo's cast, worded, drawn and printed, one after another and the first of the process among them. |
| resident memory | Of the process that served everything but the cold runs and those without audit. |
| start-up to ready | From exec of `epaccs serve` to the first 200 of `/health/ready`. |
"""

AGAIN = """\
## How to run it again

    make bench          # 20 minutes at most; needs wrk and taskset (Debian: apt-get install wrk util-linux), two CPUs
    make bench-full     # with 100,000 people
    .venv/bin/python -m bench --quick    # tries the harness in three minutes and writes nothing

The rows of MongoDB need mongo-java-server (`make peers`); without it they are left out. People on SQLite are
loaded once and kept for six hours under `build/bench`; a change of what is stored loads them again. The machine should
have nothing else to do.
"""
