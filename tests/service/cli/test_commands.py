"""The command `epaccs` as a user runs it: a process of its own, in a home of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from service.people.invented import nhs_number
from service.people.localities import LOCALITIES
from service.people.plans import plans, write_ndjson
from service.people.who.identity import identity
from tests.running import FHIR, REPOSITORY, Running, free_port, parameters, running

EPACCS = Path(sys.executable).with_name("epaccs")
SECRET = "canary-27182"


def _environment(home: Path, **settings: str) -> dict[str, str]:
    """Return an environment that names this sandbox home and holds nothing else of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    return {**inherited, "EPACCS_ENV": "sandbox", "EPACCS_HOME": str(home), **settings}


def _run(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `epaccs` with these words until it ends."""
    return subprocess.run(
        [EPACCS, *words],
        cwd=REPOSITORY,
        env=_environment(home, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _done(home: Path, *words: str, **settings: str) -> str:
    """Run `epaccs`, expect exit code 0 and return what it printed."""
    ended = _run(home, *words, **settings)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _assert_readable(service: Running, number: str, practice: str = "ZZGP01") -> None:
    """Assert that the practice that holds the plan gets this person's summary."""
    answer = service.emergency(service.token("gp", practice), number)
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "Bundle"
    assert number in answer.text


@contextmanager
def _demo(home: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `epaccs demo`; yield its process and all it printed once it has said how to stop it."""
    with (
        (home.parent / "demo.log").open("w") as log,
        subprocess.Popen(
            [EPACCS, "demo"],
            cwd=REPOSITORY,
            env=_environment(home, EPACCS_PORT=str(port)),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            printed = ""
            for line in process.stdout:
                printed += line
                if "Stop the demo" in line:
                    break
            yield process, printed
        finally:
            watchdog.cancel()
            if process.poll() is None:
                process.kill()


def test_keys_init_makes_the_files_once_and_never_overwrites_them(tmp_path: Path) -> None:
    home = tmp_path / "home"

    _done(home, "keys", "init")
    made = {name: (home / name).read_bytes() for name in ("keys.json", "clients.json")}
    again = _run(home, "keys", "init")

    assert again.returncode == 1
    assert "never overwritten" in again.stderr
    assert "Traceback" not in again.stderr
    assert {name: (home / name).read_bytes() for name in made} == made
    assert (home / "keys.json").stat().st_mode & 0o077 == 0


def test_records_written_before_a_switch_of_keys_are_read_after_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _done(home, "keys", "init")
    _done(home, "load", "--people", "2")

    added = _done(home, "keys", "add").strip()
    _done(home, "keys", "switch", added)
    _done(home, "load", "--people", "1", "--first", "2")

    with running(home, EPACCS_ENV="sandbox") as service:
        for index in range(3):
            practice = LOCALITIES[identity(index, seed=1).locality].practice[0]
            _assert_readable(service, nhs_number(index), practice)


def test_a_switch_to_a_key_that_is_not_there_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    _done(tmp_path, "keys", "init")
    before = (tmp_path / "keys.json").read_bytes()

    ended = _run(tmp_path, "keys", "switch", "kek-9-00000000")

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "keys.json").read_bytes() == before


def test_the_demo_can_be_tried_as_it_says_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    base = f"http://127.0.0.1:{port}/fhir/R4"

    with _demo(home, port) as (process, printed), httpx.Client(timeout=30) as client:
        first = re.search(r"^  (\d{10})  ", printed, re.MULTILINE)
        assert first is not None, printed + (tmp_path / "demo.log").read_text()
        number = first[1]

        def post(path: str, demo_client: str, **values: str) -> httpx.Response:
            token = _done(home, "token", demo_client, EPACCS_PORT=str(port)).strip()
            headers = {**FHIR, "Authorization": f"Bearer {token}"}
            return client.post(f"{base}/{path}", json=parameters(**values), headers=headers)

        opened = post("$open-incident", "demo-control-room", nhsNumber=number, organization="ZZAMB1", incident="INC-1")
        summary = post("Patient/$emergency-summary", "demo-ambulance", nhsNumber=number)
        process.send_signal(signal.SIGINT)
        ended = process.wait(timeout=30)

    assert f"EPACCS_HOME={home}" in printed
    assert f"EPACCS_PORT={port}" in printed
    assert opened.status_code == 201, opened.text
    assert summary.status_code == 200, summary.text
    assert summary.json()["resourceType"] == "Bundle"
    assert ended == 0
    assert "Traceback" not in (tmp_path / "demo.log").read_text()


def test_a_file_of_one_transaction_is_loaded_and_read(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "plans.ndjson"
    with file.open("wb") as out:
        assert write_ndjson(plans(1, 7, datetime.now(UTC), first=40), out) == 1

    printed = _done(home, "load", "--file", str(file))

    assert "Loaded 1 plan(s)." in printed
    with running(home, EPACCS_ENV="sandbox") as service:
        _assert_readable(service, nhs_number(40))


@pytest.mark.parametrize(
    "broken",
    [
        f'{{"resourceType": "Bundle", "type": "transaction", "{SECRET}',
        json.dumps({"resourceType": "Bundle", "type": SECRET, "entry": [{"resource": {SECRET: SECRET}}]}),
    ],
    ids=["not JSON", "not a transaction"],
)
def test_a_line_that_cannot_be_loaded_is_named_by_its_number_and_nothing_of_it_is_repeated(
    tmp_path: Path, broken: str
) -> None:
    home, file = tmp_path / "home", tmp_path / "plans.ndjson"
    with file.open("wb") as out:
        write_ndjson(plans(1, 7, datetime.now(UTC)), out)
        out.write(broken.encode() + b"\n")

    ended = _run(home, "load", "--file", str(file))

    assert ended.returncode == 1
    assert "line 2: " in ended.stderr
    assert "1 plan(s) were refused" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert nhs_number(0) not in ended.stdout + ended.stderr
    with running(home, EPACCS_ENV="sandbox") as service:
        _assert_readable(service, nhs_number(0))
