"""`epaccs partners`: the stand-ins start and end together, take commands, and are described for the sync engine."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from adapters.partners import load_partners
from security.registry import ClientRegistry
from tests.running import REPOSITORY, free_port
from tests.standins.far_end import config, token_form
from tests.standins.processes import SECONDS, Home, free_ports, process_of

READY = "Stop with Ctrl-C"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A demo home."""
    return Home(tmp_path / "home", free_ports())


def answers(port: int) -> bool:
    """Say whether anybody listens on a port."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until_silent(ports: list[int]) -> None:
    """Wait until nobody listens on any of some ports."""
    deadline = time.monotonic() + SECONDS
    while any(answers(port) for port in ports):
        assert time.monotonic() < deadline, "the stand-ins did not end"
        time.sleep(0.02)  # waiting for other processes to end; nothing is measured or decided by it


def pids(ports: list[int]) -> list[int]:
    """Return the processes that listen on some ports: the command lines of stand-ins are all the same."""
    return [pid for port in ports for pid in _listening(port)]


def _listening(port: int) -> list[int]:
    inodes = {
        row.split()[9]
        for row in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A"
    }
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = [str(one.readlink()) for one in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(link == f"socket:[{inode}]" for link in links for inode in inodes):
            found.append(int(process.name))
    return found


def test_they_start_together_and_end_together(home: Home) -> None:
    ports = [home.port + place for place in range(3)]
    with home.running("partners", "demo", until=READY) as process:
        for port, title in zip(ports, ("GP system", "hospice system", "control room"), strict=True):
            assert title in httpx.get(f"http://127.0.0.1:{port}/").text
        assert len(set(pids(ports))) == 3, "each is a process of its own"
    assert process.returncode == 0
    until_silent(ports)


def test_when_one_ends_by_itself_the_others_are_ended(home: Home) -> None:
    ports = [home.port + place for place in range(3)]
    with home.running("partners", "demo", until=READY) as process:
        os.kill(pids([ports[1]])[0], signal.SIGKILL)
        assert process.wait(timeout=SECONDS) == 1
    assert "Example hospice system ended by itself" in home.errors
    until_silent(ports)


def test_they_do_not_outlive_whoever_started_them(home: Home) -> None:
    ports = [home.port + place for place in range(3)]
    with home.running("partners", "demo", until=READY) as process:
        process.kill()
        process.wait(timeout=SECONDS)
        until_silent(ports)


def test_commands_reach_them(home: Home) -> None:
    with home.running("partners", "demo", until=READY):
        url = f"http://127.0.0.1:{home.port}/fhir/metadata"
        assert httpx.get(url).status_code == 200
        said = home.run("partners", "say", "gp", "down")
        assert (said.returncode, said.stdout) == (0, "gp: DOWN\n")
        assert httpx.get(url).status_code == 503
        assert "DOWN" in home.run("partners", "list").stdout.splitlines()[0]
        home.run("partners", "say", "gp", "DOWN", "--how", "refused")
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        home.run("partners", "say", "gp", "OK")
        assert httpx.get(url).status_code == 200
        refused = home.run("partners", "say", "gp", "SLOW", "--seconds", "-1")
        assert (refused.returncode, refused.stderr) == (1, "seconds are 0 to 3600.\n")


def test_without_them_commands_say_so(home: Home) -> None:
    said = home.run("partners", "say", "gp", "DOWN")
    assert (said.returncode, "does not run" in said.stderr) == (1, True)
    listed = home.run("partners", "list")
    assert listed.stdout.count("does not run") == 3


def test_they_exist_in_the_sandbox_only(home: Home) -> None:
    home.more = {"EPACCS_ENV": "production", "EPACCS_TENANT": "t", "EPACCS_BASE_URL": "https://record.example.org"}
    for words in (("demo",), ("list",), ("say", "gp", "OK")):
        refused = home.run("partners", *words)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "demo or sandbox" in refused.stderr
    assert not home.path.exists()


def test_a_port_that_is_taken_is_said_plainly(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port + 1))
        taken.listen()
        refused = home.run("partners", "demo")
    assert refused.returncode == 1
    assert f"Example hospice system is not there (port {home.port + 1})" in refused.stderr
    assert "in use" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert sorted(path.name for path in (home.path / "partners").glob("*.json")) == [
        "ambulance.json",
        "control-room.json",
        "gp.json",
    ]


def test_their_descriptions_are_good_and_their_keys_are_private(home: Home) -> None:
    with home.running("partners", "demo", until=READY):
        partners = {one.name: one for one in load_partners(home.path / "partners")}
        assert list(partners) == ["ambulance", "control-room", "gp", "hospice"]
        registry = ClientRegistry.load(home.path / "clients.json")
        for partner in partners.values():
            client = registry.get(partner.description.client)
            assert client is not None
            assert "system" in client.roles
        files = []
        for name in ("gp", "hospice"):
            settings = partners[name].description.settings
            file = partners[name].file(settings["auth"]["key_file"])
            files.append(file)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            metadata = httpx.get(f"{settings['base']}/metadata").json()
            assert metadata["resourceType"] == "CapabilityStatement"
        kept = [file.read_bytes() for file in files]
    with home.running("partners", "demo", until=READY):
        assert [file.read_bytes() for file in files] == kept, "keys are made once"


def test_their_time_is_the_sandbox_s(home: Home) -> None:
    with home.running("partners", "demo", until=READY):
        url = f"http://127.0.0.1:{home.port}/fhir/metadata"
        before = httpx.get(url).json()["date"]
        assert home.run("clock", "advance", "30d").returncode == 0
        deadline = time.monotonic() + SECONDS
        while (date := httpx.get(url).json()["date"])[:10] == before[:10]:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # waiting for another process to tell a third; nothing is measured by it
        assert date > before


def test_one_by_itself_keeps_what_it_was_told_off_its_command_line() -> None:
    with process_of(config()) as addresses:
        answer = httpx.post(f"{addresses.page}/token", data=token_form(f"{addresses.page}/token"))
        assert answer.status_code == 200
        lines = [
            Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _listening(int(addresses.page.rpartition(":")[2]))
        ]
        assert lines
        assert all(line.split(b"\0")[1:3] == [b"-m", b"service.standins"] for line in lines)


def test_a_description_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    for content in (b"", b"{}", msgspec.json.encode({**json.loads(msgspec.json.encode(config())), "colour": "red"})):
        file.write_bytes(content)
        ended = subprocess.run(
            [sys.executable, "-m", "service.standins", str(file)], cwd=REPOSITORY, capture_output=True, check=False
        )
        assert ended.returncode == 2
        assert b"cannot be used" in ended.stderr


def test_the_demo_starts_them_too_and_ends_them(home: Home) -> None:
    home.more = {"EPACCS_PORT": str(free_port())}
    ports = [home.port + place for place in range(3)]
    with home.running("demo", until="Stop the demo with Ctrl-C"):
        assert all(answers(port) for port in ports)
        assert httpx.get(f"http://127.0.0.1:{home.more['EPACCS_PORT']}/health/ready").status_code == 200
        assert until_all_arrived(home) == {"ambulance": [], "control-room": [], "gp": [], "hospice": []}, (
            "a fresh demo needs nobody"
        )
    until_silent(ports)


def until_all_arrived(home: Home) -> dict[str, list[object]]:
    """Wait until nothing waits for the GP and the hospice; return what needs a person, by partner."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = json.loads(home.run("sync", "status", "--json").stdout)
        if all(
            one["lastSuccess"] and not any(one["waiting"].values())
            for one in found
            if one["partner"] in ("gp", "hospice")
        ):
            return {one["partner"]: one["troubles"] for one in found}
        time.sleep(0.2)  # other processes are sending; nothing is measured or decided by it
    raise AssertionError("what the demo wrote did not arrive")


def test_a_taken_port_does_not_stop_the_demo(home: Home) -> None:
    home.more = {"EPACCS_PORT": str(free_port())}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        with home.running("demo", until="Stop the demo with Ctrl-C"):
            assert httpx.get(f"http://127.0.0.1:{home.more['EPACCS_PORT']}/health/ready").status_code == 200
            assert answers(home.port + 1)
        assert f"Example GP system is not there (port {home.port})" in home.errors


def test_stand_ins_import_nothing_of_the_rest() -> None:
    """The import contract names what is forbidden; this says what is allowed, so that nothing new slips in."""
    ours = {"service", "security", "adapters", "fhir_profiles", "bench", "tests"}
    for path in (REPOSITORY / "service" / "standins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                allowed = name.startswith(("service.standins", "fhir_profiles"))
                assert allowed or name.partition(".")[0] not in ours, f"{path.name} imports {name}"
