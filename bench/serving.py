"""A service process on a CPU of its own: started, timed until it is ready, asked, and stopped."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path

from bench.errors import BenchFailed
from bench.people import AMBULANCE, REPOSITORY, Home, environment_of, settings_of
from bench.wrk import Target
from fhir_profiles import json
from security.issuer import Issuer
from security.keys import open_keys
from security.principal import Role
from security.registry import ClientRegistry
from service.opening import issuer_of
from service.wiring import clock_of

PRODUCT = ("-m", "service.cli", "serve")
WITH_BARE_ROUTES = ("-m", "bench.app")
WITHOUT_SWEEP = ("-m", "bench.app", "--without-sweep")
WITHOUT_AUDIT = ("-m", "bench.app", "--without-audit")
WRITER = "service.writer"
"""What the command line of the writing process names."""
TWO_READERS = ("-m", "service.cli", "serve", "--workers", "2")
EMERGENCY = "/fhir/R4/Patient/$emergency-summary"

_START_SECONDS = 30.0
_POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Service:
    """A running service. `seconds_to_ready` is from exec to the first 200 of `/health/ready`."""

    home: Home
    port: int
    process: subprocess.Popen[bytes]
    seconds_to_ready: float

    def target(self, path: str = EMERGENCY, people: Path | None = None) -> Target:
        """Return what a run asks, with a fresh token of an ambulance crew."""
        return Target(
            f"http://127.0.0.1:{self.port}{path}", token_for(self.home, self.port), people or self.home.everyone
        )

    def answer(self, numbers: list[str]) -> list[bytes]:
        """Return the emergency answers of people; raise BenchFailed for any that is not 200."""
        headers = {
            "Authorization": f"Bearer {token_for(self.home, self.port)}",
            "Content-Type": "application/fhir+json",
        }
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        answers = []
        for number in numbers:
            connection.request("POST", EMERGENCY, question(number), headers)
            response = connection.getresponse()
            answers.append(response.read())
            if response.status != 200:
                raise BenchFailed(f"an emergency answer had status {response.status}")
        connection.close()
        return answers

    def give_bytes(self, body: bytes, line: int) -> None:
        """Hand the bare routes what they answer, and the size of the line they append."""
        self._put(f"/bench/bytes?line={line}", body)

    def give_people(self) -> None:
        """Hand the bare route that reads documents the people whose documents it reads."""
        self._put("/bench/people", "\n".join(self.home.prepared.numbers).encode())

    def _put(self, path: str, body: bytes) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("PUT", path, body)
        if connection.getresponse().status != 204:
            raise BenchFailed("the bare routes did not take what they need")
        connection.close()

    def resident_mib(self) -> float:
        """Return the resident memory of the process in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def processor_seconds(self, command: str = "") -> float:
        """Return the processor time, user and system, of all processes of the service, or of those of one command."""
        members = family(self.process.pid)
        return sum(_processor_seconds(pid) for pid in members if command in Path(f"/proc/{pid}/cmdline").read_text())


def family(pid: int) -> Iterator[int]:
    """Yield a process and all processes that descend from it and live."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from family(int(child))


def _processor_seconds(pid: int) -> float:
    # behind the name in parentheses, which may hold anything: the state is field 3, user and system time 14 and 15
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def token_for(home: Home, port: int) -> str:
    """Return a fresh token of an ambulance crew, from the demo door of a home."""
    settings = settings_of(home.folder, port, home.store)
    registry = ClientRegistry.load(settings.clients)
    issuer: Issuer = issuer_of(settings, open_keys(settings.keys), registry, clock_of(settings), _spends_nothing)
    return issuer.mint(Role.AMBULANCE, AMBULANCE)


def question(number: str) -> bytes:
    """Return the body that asks for the emergency answer of a person."""
    parameter = {"name": "nhsNumber", "valueString": number}
    return json.encode({"resourceType": "Parameters", "parameter": [parameter]})


def environment_for(folder: Path, port: int = 8000, store: str = "") -> dict[str, str]:
    """Return the environment of a process of the product: ours, with no settings but those of a home."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    return {**inherited, **environment_of(folder, port, store)}


@contextmanager
def serving(home: Home, cpu: int, command: tuple[str, ...] = WITH_BARE_ROUTES) -> Iterator[Service]:
    """Run a service on one CPU until the block ends."""
    port = _free_port()
    log = home.folder / "service.log"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", str(cpu), sys.executable, *command],
            cwd=REPOSITORY,
            env=environment_for(home.folder, port, home.store),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, port)
        yield Service(home, port, process, time.perf_counter() - started)
        if process.poll() is not None:
            raise BenchFailed("the service ended by itself")
    except BenchFailed as failed:
        raise BenchFailed(f"{failed}; {_state_of(process, log)}") from failed
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # it may wait for a database that answers nobody
            process.kill()
            process.wait()


def _state_of(process: subprocess.Popen[bytes], log: Path) -> str:
    """Say whether a service goes on, and on the next lines what it said last."""
    code, said = process.poll(), log.read_text(errors="replace").strip()[-2000:]
    state = "the service runs" if code is None else f"the service ended with {code}"
    return f"{state} and said:\n{said}" if said else state


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchFailed("the service ended at once")
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(_POLL_SECONDS)
        finally:
            connection.close()
    raise BenchFailed("the service was not ready in time")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _spends_nothing(token: bytes, expires: datetime) -> bool:
    raise AssertionError("the demo door spends no assertion")
