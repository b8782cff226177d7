"""Emergency answers while a partner catches up: the real program on one CPU, which answers and delivers in one process.

The receiver is stopped, so that what is written waits; answers are counted. Then it goes on, and they are counted again
while the backlog is sent. How far the backlog went meanwhile is read off the receiver.
"""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

from bench.machine import processors
from bench.serving import EMERGENCY
from bench.targets import Limit, Row
from bench.wrk import Target, run
from tests.crash.places import until
from tests.crash.sync_rounds import SERVE, describe
from tests.journeys.people import person, references_of
from tests.peers.posting import receiving
from tests.running import running
from tests.service.sync.small import small

PEOPLE = 40
WAITING = 1_200
SECONDS = 4


def beside(waiting: int = WAITING) -> list[Row]:
    """Measure it."""
    cpus = processors()
    with tempfile.TemporaryDirectory() as name, receiving(Path(name) / "journal") as receiver:
        folder = Path(name)
        settings = {"EPACCS_PARTNERS": str(describe(folder, receiver.url)), "EPACCS_LOG_LEVEL": "WARNING"}
        with running(folder, prefix=("taskset", "-c", str(cpus.service)), serve=SERVE, **settings) as service:
            gp = service.token("gp", "ZZGP01")
            people, patients = [person(40_000 + index, place="hospice") for index in range(PEOPLE)], list[str]()
            for someone in people:
                patients += references_of(service.call("POST", "", gp, someone.bundle))
            patients = [one for one in patients if one.startswith("Patient/")]
            until(lambda: set(patients) <= receiver.has().versions.keys(), 60, "the receiver has the first people")
            drawn = folder / "people"
            drawn.write_text("".join(f"{someone.nhs_number}\n" for someone in people))
            target = Target(f"{service.settings.base_url}{EMERGENCY}", gp, drawn)
            receiver.process.send_signal(signal.SIGSTOP)
            try:
                for index in range(waiting):
                    answer = service.call("POST", "", gp, small(index), {"Prefer": "return=minimal"})
                    assert answer.status_code == 200, answer.text
                before, again = (run(target, SECONDS, cpus.load) for _ in range(2))
            finally:
                receiver.process.send_signal(signal.SIGCONT)
            first = receiver.has().requests
            during = run(target, SECONDS, cpus.load)
            sent = receiver.has().requests - first
    name = "emergency answers while a partner catches up / before it, same run"
    return [
        Row(name, [during.rate / again.rate], "x", Limit(0.9, 0.95)),
        Row(
            "the same between two runs before it: what the machine's other work makes of it",
            [again.rate / before.rate],
            "x",
        ),
        Row("p99 of these, while it catches up", [during.p99 / 1000], "ms"),
        Row("p99 of these, before", [before.p99 / 1000], "ms"),
        Row("effects sent meanwhile", [sent / SECONDS], "/s", None, 0),
    ]


if __name__ == "__main__":
    from bench.report import table

    print(table(beside()))
