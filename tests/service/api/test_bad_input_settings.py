"""Settings that are missing or weak stop the start, and every problem is said at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import REPOSITORY, demo_settings, free_port

SECRET = "canary-31415"


def _start(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `epaccs serve` with these settings and nothing else of ours in the environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "serve"],
        cwd=REPOSITORY,
        env={**inherited, "EPACCS_HOME": str(home), **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_production_without_its_settings_does_not_start_and_says_everything_that_is_missing(tmp_path: Path) -> None:
    ended = _start(tmp_path / "home")

    assert ended.returncode == 1
    for name in ("EPACCS_TENANT", "EPACCS_BASE_URL"):
        assert name in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "home").exists()


def test_every_wrong_setting_is_named_in_one_go_and_no_value_is_repeated(tmp_path: Path) -> None:
    ended = _start(
        tmp_path / "home",
        EPACCS_ENV=f"prod-{SECRET}",
        EPACCS_TENANT="ours",
        EPACCS_BASE_URL=f"ftp://{SECRET}",
        EPACCS_PORT=f"{SECRET}",
        EPACCS_STORE=f"postgres://{SECRET}",
        EPACCS_RECORD_LIMIT="12",
        EPACCS_ATTACHMENT_LIMIT="-1",
        EPACCS_RESOURCE_LIMIT="many",
        EPACCS_BODY_LIMIT="0",
        EPACCS_LOG_LEVEL="LOUD",
        EPACCS_LOGLEVEL="INFO",
    )

    assert ended.returncode == 1
    for name in (
        *("EPACCS_ENV", "EPACCS_BASE_URL", "EPACCS_PORT", "EPACCS_STORE", "EPACCS_RECORD_LIMIT"),
        *("EPACCS_ATTACHMENT_LIMIT", "EPACCS_RESOURCE_LIMIT", "EPACCS_BODY_LIMIT", "EPACCS_LOG_LEVEL"),
        "EPACCS_LOGLEVEL is not a setting",
    ):
        assert name in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_password_file_that_cannot_be_read_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    ended = _start(
        tmp_path,
        EPACCS_ENV="sandbox",
        EPACCS_STORE="mongodb://someone@127.0.0.1:1/ours",
        EPACCS_STORE_PASSWORD_FILE=str(tmp_path / "none"),
    )

    assert ended.returncode == 1
    assert "EPACCS_STORE_PASSWORD_FILE names cannot be read" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_does_not_answer_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{SECRET}\n")
    ended = _start(
        tmp_path,
        EPACCS_ENV="sandbox",
        EPACCS_STORE="mongodb://someone@127.0.0.1:1/ours",
        EPACCS_STORE_PASSWORD_FILE=str(password),
    )

    assert ended.returncode == 1
    assert "the database does not answer" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout


def test_production_takes_no_address_without_encryption(tmp_path: Path) -> None:
    ended = _start(
        tmp_path,
        EPACCS_TENANT="ours",
        EPACCS_BASE_URL="http://records.example.org",
        EPACCS_STORE="mongodb://localhost/ours",
    )

    assert ended.returncode == 1
    assert "EPACCS_BASE_URL must be https in production" in ended.stderr
    assert "EPACCS_STORE must ask for TLS in production" in ended.stderr


def test_production_makes_no_keys_by_itself(tmp_path: Path) -> None:
    ended = _start(tmp_path, EPACCS_TENANT="ours", EPACCS_BASE_URL="https://records.example.org")

    assert ended.returncode == 1
    assert "key" in ended.stderr.lower()
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "keys.json").exists()


def test_keys_that_others_can_read_are_not_used(tmp_path: Path) -> None:
    demo_settings(tmp_path, free_port())
    (tmp_path / "keys.json").chmod(0o644)

    ended = _start(tmp_path, EPACCS_ENV="demo", EPACCS_PORT=str(free_port()))

    assert ended.returncode == 1
    assert "key" in ended.stderr.lower()
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("where", ["vault:https://vault.example.org", "aws-kms:alias/ours"])
def test_key_stores_that_are_not_there_yet_are_refused_by_name(tmp_path: Path, where: str) -> None:
    ended = _start(tmp_path, EPACCS_ENV="demo", EPACCS_KEYS=where)

    assert ended.returncode == 1
    assert "EPACCS_KEYS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_policy_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    demo_settings(tmp_path, free_port())
    policy = tmp_path / "policy.json"
    policy.write_text('{"id": "ours", "matrix": {"gp": "everything"}}')

    ended = _start(tmp_path, EPACCS_ENV="demo", EPACCS_POLICY=str(policy), EPACCS_PORT=str(free_port()))

    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "everything" not in ended.stderr


def test_the_demo_doors_are_shut_in_production(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path, free_port())
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
    production = {
        "EPACCS_HOME": str(settings.home),
        "EPACCS_TENANT": "ours",
        "EPACCS_BASE_URL": "https://records.example.org",
    }
    for command in (["token", "demo-gp"], ["clock", "advance", "1d"]):
        ended = subprocess.run(
            [sys.executable, "-m", "service.cli", *command],
            cwd=REPOSITORY,
            env=inherited | production,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ended.returncode == 1
        assert ended.stdout == ""
