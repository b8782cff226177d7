"""`epaccs serve --workers 2`: the races again, over two processes and their writer; and what happens when one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from security.demo_clients import DEMO_CLIENTS
from service.store.machine import MachineMark
from tests.journeys.people import admitted, assertion, send_assertion
from tests.journeys.test_races import *  # noqa: F403
from tests.running import REPOSITORY, Running, demo_settings, free_port, running

_PATIENCE_SECONDS = 20
_POLL_SECONDS = 0.02
"""Between two looks at other processes: a look that never pauses takes the CPU that they need."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One running program of several processes."""
    with running(tmp_path_factory.mktemp("workers"), "--workers", "2") as found:
        yield found


def children(service: Running, what: str) -> list[int]:
    """Return the processes below the program whose command line has a word."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if what in (folder / "cmdline").read_text() and _parent(folder) == service.process.pid:
                found.append(int(folder.name))
        except (OSError, ValueError):
            continue
    return found


def _parent(folder: Path) -> int:
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def fresh_get(service: Running, path: str) -> int:
    """Ask on a new connection, so that any process may answer."""
    with httpx.Client(timeout=30) as client:
        return client.get(f"{service.settings.base_url}{path}").status_code


def until(service: Running, path: str, status: int) -> None:
    """Ask again until an address answers with a status, ten times in a row."""
    deadline, in_a_row = time.monotonic() + _PATIENCE_SECONDS, 0
    while in_a_row < 10:
        assert time.monotonic() < deadline, f"{path} does not answer {status}"
        try:
            in_a_row = in_a_row + 1 if fresh_get(service, path) == status else 0
        except httpx.TransportError:
            in_a_row = 0
        if not in_a_row:
            time.sleep(_POLL_SECONDS)


def test_two_processes_serve_and_a_third_writes(service: Running) -> None:
    assert len(children(service, "spawn_main")) == 2
    assert len(children(service, "service.writer")) == 1


def test_an_assertion_is_spent_for_all_processes(service: Running) -> None:
    signed = assertion(service, "demo-gp", DEMO_CLIENTS["demo-gp"].asserted()).sign()

    def once(_: int) -> int:
        with httpx.Client(timeout=30) as client:
            return send_assertion(replace(service, client=client), signed).status_code

    with ThreadPoolExecutor(12) as together:
        assert sorted(together.map(once, range(12))) == [200] + [401] * 11


def test_when_the_writer_dies_nothing_is_acknowledged_until_there_is_another(service: Running) -> None:
    someone = admitted(service, 9_700)
    crew = service.token("ambulance", "ZZAMB1")
    service.open_incident(someone.nhs_number)
    assert service.emergency(crew, someone.nhs_number).status_code == 200
    (writer,) = children(service, "service.writer")
    os.kill(writer, signal.SIGKILL)
    statuses = set()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while 200 not in statuses:
        assert time.monotonic() < deadline
        answer = service.emergency(crew, someone.nhs_number)
        statuses.add(answer.status_code)
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["resourceType"] == "OperationOutcome"
    assert statuses <= {200, 503}
    until(service, "/health/ready", 200)
    assert len(children(service, "service.writer")) == 1


def test_a_serving_process_that_dies_is_replaced(service: Running) -> None:
    before = set(children(service, "spawn_main"))
    os.kill(min(before), signal.SIGKILL)
    until(service, "/health/ready", 200)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(set(children(service, "spawn_main")) - before) != 1:
        assert time.monotonic() < deadline
        time.sleep(_POLL_SECONDS)
    until(service, "/health/ready", 200)


def test_all_processes_end_together(tmp_path: Path) -> None:
    with running(tmp_path / "home", "--workers", "2") as service:
        below = children(service, "spawn_main") + children(service, "service.writer")
        assert len(below) == 3
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(Path(f"/proc/{process}").exists() for process in below):
        assert time.monotonic() < deadline
        time.sleep(_POLL_SECONDS)


def test_a_second_machine_on_the_same_file_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = demo_settings(home, free_port())
    elsewhere = MachineMark(home / "records.sqlite")
    elsewhere._machine = "another machine"
    elsewhere.beat()
    with (tmp_path / "output").open("w") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", "service.cli", "serve", "--port", str(settings.port)],
            cwd=REPOSITORY,
            env={**os.environ, "EPACCS_ENV": "demo", "EPACCS_HOME": str(home)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    while started.poll() is None:
        elsewhere.beat()
        time.sleep(_POLL_SECONDS)
    assert started.returncode != 0
    assert "another machine has the database file open" in (tmp_path / "output").read_text()
