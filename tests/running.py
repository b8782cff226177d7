"""The real program for tests: its own home folder, its own port, a real socket, tokens for anyone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from security.demo_clients import make_demo_clients
from security.keys import FileKeyRing, key_path, open_keys
from security.registry import ClientRegistry
from service.opening import issuer_of
from service.settings import Settings
from service.wiring import clock_of

FHIR = {"Content-Type": "application/fhir+json"}
REPOSITORY = Path(__file__).resolve().parent.parent
UNLIMITED = {"EPACCS_GUESS_LIMIT": "0", "EPACCS_REQUESTS_PER_MINUTE": "0", "EPACCS_TOKEN_FAILURES": "0"}
"""Many tests ask one service as the same few people, and refusals are what most of them ask for."""
LIVE: list[Running] = []
"""What runs now in this process of the tests: of whatever fails, its log is shown."""
SERVE = ("service.cli", "serve")
"""The module that runs the service, and its first words."""


def free_port(*beside: int) -> int:
    """Return a port that nobody listens on now, nor on those that are so far above it.

    It is none of those that the kernel gives to whoever asks for any: one of them is often taken again before the
    process that was started for it listens. Each process of the tests has some that no other has.
    """
    for port in _ports:
        if all(_is_free(port + place) for place in (0, *beside)):
            return port
    raise RuntimeError("no ports are free")


def _own_ports() -> Iterator[int]:
    """Yield a worker's ports, in steps with room for those beside; begin anywhere, or two runs would meet."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    count = 100
    first = int.from_bytes(os.urandom(2)) % count
    for turn in range(100 * count):
        yield 15_000 + 20 * (worker * count + (first + turn) % count)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_ports = _own_ports()


def demo_settings(home: Path, port: int, **more: str) -> Settings:
    """Return settings of a demo home; make its keys and demo clients when they are not there."""
    settings = Settings.from_environ(
        {"EPACCS_ENV": "demo", "EPACCS_HOME": str(home), "EPACCS_PORT": str(port), **UNLIMITED, **more}
    )
    if not key_path(settings.keys).exists():
        home.mkdir(parents=True, exist_ok=True)
        FileKeyRing.create(key_path(settings.keys))
        make_demo_clients(home)
    return settings


@dataclass(slots=True)
class Running:
    """A service that answers on a socket, and the means to call it as anyone."""

    settings: Settings
    process: subprocess.Popen[bytes]
    log: Path
    client: httpx.Client = field(repr=False)

    def token(self, role: str, organisation: str, **claims: Any) -> str:
        """Return a token of the demo door."""
        settings = self.settings
        registry = ClientRegistry.load(settings.clients)
        issuer = issuer_of(settings, open_keys(settings.keys), registry, clock_of(settings), _spends_nothing)
        return issuer.mint(role, organisation, **claims)

    def call(
        self, method: str, path: str, token: str | None, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send one request to the FHIR base; a dict body goes as FHIR JSON."""
        sent = {**(FHIR if body is not None else {}), **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        address = path if path.startswith("http") else f"{self.settings.fhir_base}{path}"
        if isinstance(body, bytes):
            return self.client.request(method, address, content=body, headers=sent)
        return self.client.request(method, address, json=body, headers=sent)

    def emergency(self, token: str, nhs_number: str) -> httpx.Response:
        """Ask for the emergency answer."""
        return self.call("POST", "/Patient/$emergency-summary", token, parameters(nhsNumber=nhs_number))

    def open_incident(self, nhs_number: str, organisation: str = "ZZAMB1") -> str:
        """Open an incident as the control room and return its id."""
        body = parameters(nhsNumber=nhs_number, organization=organisation, incident="INC-1")
        answer = self.call("POST", "/$open-incident", self.token("system", "ZZCAD1"), body)
        assert answer.status_code == 201, answer.text
        return next(str(item["valueString"]) for item in answer.json()["parameter"] if item["name"] == "id")


def parameters(**values: str) -> dict[str, Any]:
    """Return a Parameters resource of strings."""
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": value} for name, value in values.items()],
    }


@contextmanager
def running(
    home: Path, *arguments: str, prefix: tuple[str, ...] = (), serve: tuple[str, ...] = SERVE, **more: str
) -> Iterator[Running]:
    """Run `epaccs serve` on a free port until the block ends. `prefix` is put before its command line (strace)."""
    settings = demo_settings(home, free_port(), **more)
    environment = {
        **os.environ,
        "EPACCS_ENV": "demo",
        "EPACCS_HOME": str(home),
        "EPACCS_PORT": str(settings.port),
        "EPACCS_LOG_LEVEL": "DEBUG",
        **UNLIMITED,
        **more,
    }
    log = home / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", *serve, *arguments],
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(timeout=30) as client:
            _wait_until_ready(settings, process, client, log)
            found = Running(settings, process, log, client)
            LIVE.append(found)
            try:
                yield found
            finally:
                LIVE.remove(found)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_ready(settings: Settings, process: subprocess.Popen[bytes], client: httpx.Client, log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended at once:\n{log.read_text()}")
        try:
            if client.get(f"{settings.base_url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)  # waiting for another process to start; nothing is measured or decided by it
    raise RuntimeError(f"the service was not ready in time:\n{log.read_text()}")


async def _spends_nothing(token: bytes, expires: Any) -> bool:
    raise AssertionError("the demo door spends no assertion")
