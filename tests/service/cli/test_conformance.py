"""`epaccs conformance` as an integrator runs it, against a stand-in that is a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.standins.config import Config
from service.standins.run import Addresses
from tests.running import REPOSITORY, free_port
from tests.standins.far_end import patient
from tests.standins.processes import process_of


@pytest.fixture(scope="module")
def system() -> Iterator[Addresses]:
    """A hospice's test system that asks for no sign-in."""
    told = Config(name="hospice", title="Test hospice", kind="record", organisation="ZZHSP1")
    with process_of(told) as addresses:
        yield addresses


def described(folder: Path, base: str, **settings: str) -> Path:
    """Write a description."""
    said = {
        "name": "hospice",
        "kind": "fhir",
        "title": "Test hospice",
        "client": "demo-hospice-partner",
        "owner": {"name": "Integration desk", "organisation": "ZZHSP1"},
        "sends": True,
        "settings": {"base": base, "types": ["Observation"], "patients": "create", **settings},
    }
    path = folder / "hospice.json"
    path.write_text(json.dumps(said))
    return path


def run(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    ours = {"EPACCS_ENV": "demo", "EPACCS_HOME": str(home), **environment}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "conformance", *words],
        cwd=REPOSITORY,
        env={**inherited, **ours},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_says_of_each_rule_whether_it_holds_and_where_it_is_from(tmp_path: Path, system: Addresses) -> None:
    ended = run(tmp_path / "home", "--partner", str(described(tmp_path, system.wire)))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "pass            fhir-if-match" in ended.stdout
    assert "[FHIR R4 http.html#concurrency]" in ended.stdout
    assert "not applicable  fhir-sign-in" in ended.stdout
    assert ended.stdout.splitlines()[-2:] == ["Nothing is left there.", "15 pass, 0 fail, 1 not applicable"]


def test_a_broken_rule_ends_it_with_1_and_json_has_the_same(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/fhir"
    ended = run(tmp_path / "home", "--partner", str(described(tmp_path, nobody)), "--json")
    assert ended.returncode == 1
    said = json.loads(ended.stdout)
    assert (said["partner"], said["left"]) == ("hospice", [])
    rules = {one["id"]: one for one in said["rules"]}
    assert (rules["fhir-version"]["verdict"], rules["seam-again"]["verdict"]) == ("fail", "not applicable")
    assert all(one["sentence"] and one["source"] for one in rules.values())


def test_what_cannot_be_run_ends_with_2_and_sends_nothing(tmp_path: Path, system: Addresses) -> None:
    file = described(tmp_path, system.wire, once="by hope")
    ended = run(tmp_path / "home", "--partner", str(file))
    assert (ended.returncode, "`settings.once`" in ended.stderr) == (2, True)

    file = described(tmp_path, system.wire)
    real = tmp_path / "somebody.json"
    real.write_text(json.dumps(patient("4857773456", "Realname")))
    ended = run(tmp_path / "home", "--partner", str(file), "--person", str(real))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "range for tests" in ended.stderr
    assert "4857773456" not in ended.stderr
    assert "Realname" not in ended.stderr

    production = {"EPACCS_ENV": "production", "EPACCS_TENANT": "t", "EPACCS_BASE_URL": "https://record.example.org"}
    ended = run(tmp_path / "home", "--partner", str(file), **production)
    assert (ended.returncode, "--test-system" in ended.stderr) == (2, True)
