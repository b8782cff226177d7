"""Sixteen connections for minutes on end: no error, no growing memory, no slower last minute than the second.

`python -m tests.crash.soak [STORE] [MINUTES]`; ten minutes on SQLite without arguments. Nine of ten requests are
emergency questions, one changes a note. Each connection has ten people of its own and asks again at once.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.crash.ledger import Note
from tests.crash.places import SQLITE, Place
from tests.crash.traffic import change_request, emergency_request, note_request, plan_request, somebody
from tests.journeys.people import references_of
from tests.running import FHIR, SERVE, Running

CONNECTIONS, PEOPLE, WRITE_EVERY = 16, 10, 10
GROWTH, SLOWER = 1.05, 2.0
TOKEN_MINUTES = 4


@dataclass(slots=True)
class Minute:
    """What one minute saw: seconds per answer, and the memory of the service at its end, in KiB."""

    seconds: list[float] = field(default_factory=list)
    memory: int = 0

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]


@dataclass(slots=True)
class Soak:
    """A soak that is going on, or is over."""

    service: Running
    minutes: list[Minute]
    errors: Counter[str] = field(default_factory=Counter)
    token: str = ""

    def report(self) -> str:
        """Return a line for each minute."""
        lines = [
            f"minute {number}: {len(minute.seconds)} answers, p50 {minute.quantile(0.5) * 1000:.1f} ms, "
            f"p99 {minute.quantile(0.99) * 1000:.1f} ms, memory {minute.memory / 1024:.1f} MiB"
            for number, minute in enumerate(self.minutes, 1)
        ]
        return "\n".join([*lines, f"errors: {dict(self.errors) or 'none'}"])

    def faults(self) -> list[str]:
        """Return what was not as it has to be. The first minute warms up."""
        second, last = self.minutes[1], self.minutes[-1]
        found = [f"errors: {dict(self.errors)}"] if self.errors else []
        if last.memory > second.memory * GROWTH:
            found.append(f"memory grew from {second.memory} to {last.memory} KiB")
        if last.quantile(0.99) > second.quantile(0.99) * SLOWER:
            found.append(f"p99 went from {second.quantile(0.99):.4f} to {last.quantile(0.99):.4f} s")
        return found


def soak(store: str, minutes: int, folder: Path) -> Soak:
    """Run the service and drive it; three minutes are the least."""
    place = Place(store, folder, SERVE)  # as it is served: nobody would ever send what a subscriber has wait
    try:
        with place.running(EPACCS_LOG_LEVEL="WARNING") as service:
            found = Soak(service, [Minute() for _ in range(minutes)])
            asyncio.run(_drive(found))
            return found
    finally:
        place.close()


async def _drive(run: Soak) -> None:
    run.token = run.service.token("gp", "ZZGP01")
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(timeout=30, limits=limits) as http:
        begun = time.monotonic()
        await asyncio.gather(_watch(run, begun), *[_ask(run, http, begun, number) for number in range(CONNECTIONS)])


async def _watch(run: Soak, begun: float) -> None:
    """Read the memory at the end of each minute, and take a new token before the old one ends."""
    for number, minute in enumerate(run.minutes, 1):
        await asyncio.sleep(begun + number * 60 - time.monotonic())  # the duration is what is measured
        minute.memory = _memory(run.service.process.pid)
        if number % TOKEN_MINUTES == 0:
            run.token = run.service.token("gp", "ZZGP01")


async def _ask(run: Soak, http: httpx.AsyncClient, begun: float, connection: int) -> None:
    """Be one connection until the time is over."""
    base = run.service.settings.fhir_base

    async def ask(request) -> httpx.Response:
        headers = {**FHIR, "Authorization": f"Bearer {run.token}", **request.sent_headers()}
        started = time.monotonic()
        answer = await http.request(request.method, f"{base}{request.path}", json=request.body, headers=headers)
        ended = time.monotonic()
        if (minute := int((ended - begun) // 60)) < len(run.minutes):
            run.minutes[minute].seconds.append(ended - started)
        if answer.status_code not in (200, 201):
            run.errors[f"{request.kind} {answer.status_code}"] += 1
        return answer

    notes: list[Note] = []
    for index in range(PEOPLE):
        someone = somebody(20_000 + connection * PEOPLE + index)
        someone.references = references_of(await ask(plan_request(someone)))
        made = (await ask(note_request(someone, "first"))).json()
        notes.append(Note(someone, f"Observation/{made['id']}", ["first"]))
    number = 0
    while time.monotonic() - begun < len(run.minutes) * 60:
        number += 1
        note = notes[number % PEOPLE]
        if number % WRITE_EVERY == connection % WRITE_EVERY:
            text = f"number {number}"
            if (await ask(change_request(note, text))).status_code == 200:
                note.texts.append(text)
        else:
            await ask(emergency_request(note.person))


def _memory(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise LookupError("VmRSS")


if __name__ == "__main__":
    store = sys.argv[1] if len(sys.argv) > 1 else SQLITE
    minutes = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as folder:
        found = soak(store, minutes, Path(folder))
    sys.stdout.write(found.report() + "\n" + "\n".join(found.faults() or ["kept every limit"]) + "\n")
