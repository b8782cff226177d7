"""The parts that measurements are made of: turns, processor time, what commands print, what could not be measured."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench import at_rest, mongo, wrk
from bench.commands import printed_rate
from bench.errors import BenchFailed
from bench.machine import Processors
from bench.report import document, table
from bench.runs import Measured, Plan, in_turns
from bench.serving import environment_for, family
from bench.targets import Limit, Row, Verdict
from bench.wrk import Target
from tests.service.record.at_rest import AtRest


def test_sides_run_in_turns_and_every_other_time_in_the_opposite_order() -> None:
    order: list[str] = []

    def one(turn: int) -> int:
        order.append("one")
        return turn

    def two(turn: int) -> int:
        order.append("two")
        return -turn

    assert in_turns(3, [one, two]) == [[1, 2, 3], [-1, -2, -3]]
    assert order == ["one", "two", "two", "one", "one", "two"]


def test_the_family_of_a_process_is_all_that_descend_from_it() -> None:
    inner = "import sys; print(flush=True); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", outer], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = list(family(process.pid))
        assert found[0] == process.pid
        assert len(found) == 2
        assert found[1] not in (os.getpid(), process.pid)
        process.communicate()


def test_a_process_of_the_product_has_no_settings_but_those_of_its_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPACCS_SYSLOG", "udp://elsewhere.example:514")
    monkeypatch.setenv("EPACCS_HOME", "another")
    found = environment_for(Path("home"), store="mongodb://127.0.0.1:1/records")
    assert found["EPACCS_HOME"] == "home"
    assert found["EPACCS_STORE"] == "mongodb://127.0.0.1:1/records"
    assert "EPACCS_SYSLOG" not in found
    assert found["PATH"] == os.environ["PATH"]


def test_the_rate_of_a_command_is_the_one_that_it_prints(tmp_path: Path) -> None:
    rate = r": ([\d,]+) plans a second"
    assert printed_rate(tmp_path / "home", rate, "load", "--people", "2") > 0
    with pytest.raises(BenchFailed, match="`epaccs load` ended with 2"):
        printed_rate(tmp_path / "home", rate, "load")


def test_bytes_at_rest_are_judged_without_audit_and_tokens_which_are_printed_beside() -> None:
    found = AtRest(1000, {"records": 700, "versions": 200, "audit": 50, "tokens": 30, "claims": 3, "meta": 9})
    judged, audit, tokens = at_rest.rows("sqlite", found)
    assert judged.cells()[1:] == ("0.90x", "", "<= 1.3x", "<= 1x", "pass, aim reached")
    assert (audit.cells()[1], tokens.cells()[1]) == ("50 bytes", "33 bytes")


def test_without_a_server_the_rows_of_mongodb_are_left_out_and_the_report_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mongo, "available", lambda: ["ferretdb"])
    measured, said = Measured(), list[str]()
    mongo.measure(Plan.quick(), Processors(0, 1), measured, said.append)
    assert measured.rows == []
    assert said == measured.left_out
    written = document(Plan.quick(), [], measured, [], date(2030, 1, 2))
    assert "The rows of MongoDB are left out: mongo-java-server is not here." in written
    assert "make peers" in written


def stall() -> None:
    raise BenchFailed("nobody answered\nand the log is long")


def test_a_part_that_fails_is_written_down_and_the_others_count() -> None:
    measured, said = Measured(), list[str]()
    first, second, third = (Row(name, (), "x", Limit(0.5, 0.6)) for name in ("first", "second", "third"))
    with measured.part("One", said.append, first, second):
        measured.rows.append(first.measured([0.7]))
        stall()
    with measured.part("Another", said.append, third):
        measured.rows.append(third.measured([0.4]))
    assert [(row.name, row.verdict) for row in measured.rows] == [
        ("first", Verdict.AIM),
        ("second", Verdict.NOT_MEASURED),
        ("third", Verdict.MISSED),
    ]
    assert measured.failed == ["One: not measured to the end (BenchFailed: nobody answered)."]
    assert "the log is long" in "".join(said)
    assert "not measured" in table(measured.rows)
    written = document(Plan.quick(), [], measured, [], date(2030, 1, 2))
    assert "| second | not measured |  | >= 0.5x | >= 0.6x | **NOT MEASURED** |" in written
    assert "Not kept: third. The next section shows where the time goes. Not measured: second." in written
    assert measured.failed[0] in written
    assert "Every limit is kept" not in written


class TakesNoPost(BaseHTTPRequestHandler):
    """Answers 501."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *values: object) -> None:
        """Say nothing."""


class Wrong(ThreadingHTTPServer):
    """Bears clients that leave in the middle, as wrk does at its end."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, which the benchmark loads with, is not here")
def test_who_answers_nothing_is_told_from_who_answers_wrongly(tmp_path: Path) -> None:
    people = tmp_path / "people.txt"
    people.write_text("9990000018\n")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        target = Target(f"http://127.0.0.1:{silent.getsockname()[1]}/", "token", people)
        with pytest.raises(BenchFailed, match=r"16 connections to .* got no answer at all in 1 s"):
            wrk.run(target, 1, 0)
    with Wrong(("127.0.0.1", 0), TakesNoPost) as wrong:
        threading.Thread(target=wrong.serve_forever, daemon=True).start()
        with pytest.raises(BenchFailed, match=r"of \d+ requests to .* failed \d+ by status"):
            wrk.run(replace(target, url=f"http://127.0.0.1:{wrong.server_port}/"), 1, 0)
        wrong.shutdown()
