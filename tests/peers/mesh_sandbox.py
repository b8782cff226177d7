"""Starts mesh-sandbox, the MESH server of its makers, and drives mesh-client, their client (scripts/mesh-peer.sh).

The sandbox checks who signs in, and completes messages as MESH does; it does not mind headers used twice, old times,
unknown workflows or chunks out of order (`tests.adapters.mesh_rules` before it does).
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.adapters.certificates import Certified
from tests.running import REPOSITORY, free_port

PEER = Path(os.environ.get("MESH_PEER", REPOSITORY / "build" / "peers" / "mesh"))
HOW_TO_GET = "the MESH server of its makers is not here: run scripts/mesh-peer.sh (make peers)"
MAILBOXES = ("X26ABC1", "X26ABC2", "X26ABC3")
PASSWORD, SHARED_KEY = "password", "TestKey"
_OTHER_SIDE = REPOSITORY / "tests" / "peers" / "mesh" / "other_side.py"


def available() -> bool:
    """Say whether the server and the client are here, whole."""
    return (PEER / ".made-from").exists()


def required() -> bool:
    """Say whether a run without them is a failure."""
    return os.environ.get("REQUIRE_MESH") == "1"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A server that answers at `base`; `ours` is a certificate that it takes, `ca` whose it takes and has."""

    base: str
    ours: Certified
    ca: Path

    def tls(self) -> ssl.SSLContext:
        """Return how to speak with it."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.ours.certificate, self.ours.key)
        return context

    def admin(self, path: str, said: dict[str, Any]) -> httpx.Response:
        """Tell it to do what only a sandbox does."""
        with httpx.Client(verify=self.tls()) as client:
            return client.post(f"{self.base}/messageexchange/admin/{path}", json=said)

    def empty(self) -> None:
        """Empty every mailbox."""
        with httpx.Client(verify=self.tls()) as client:
            assert client.delete(f"{self.base}/messageexchange/admin/reset").status_code == 200

    def other_side(self, do: str, mailbox: str = MAILBOXES[1], base: str = "", **more: Any) -> dict[str, Any]:
        """Let the makers' client send or receive, at the server or at a front before it."""
        content: bytes = more.pop("content", b"")
        asked = {
            "do": do,
            "base": base or self.base,
            "mailbox": mailbox,
            "password": PASSWORD,
            "shared_key": SHARED_KEY,
            "certificate": str(self.ours.certificate),
            "key": str(self.ours.key),
            "ca": str(self.ca),
            "content": base64.b64encode(content).decode(),
            **more,
        }
        done = subprocess.run(
            [PEER / "bin" / "python", str(_OTHER_SIDE)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@contextmanager
def sandbox(folder: Path, server: Certified, ours: Certified, ca: Path) -> Iterator[Sandbox]:
    """Run the server over mutual TLS on a free port until the block ends; what it holds ends with it."""
    port = free_port()
    log = folder / "mesh-sandbox.log"
    command = [str(PEER / "bin" / "python"), "-W", "ignore", "-m", "uvicorn", "mesh_sandbox.api:app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    command += ["--ssl-certfile", str(server.certificate), "--ssl-keyfile", str(server.key)]
    command += ["--ssl-ca-certs", str(ca), "--ssl-cert-reqs", str(int(ssl.CERT_REQUIRED))]
    environment = {**os.environ, "STORE_MODE": "memory", "AUTH_MODE": "full", "SHARED_KEY": SHARED_KEY}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    found = Sandbox(f"https://127.0.0.1:{port}", ours, ca)
    try:
        _wait(found, process, log)
        yield found
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(found: Sandbox, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    with httpx.Client(verify=found.tls()) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"the sandbox ended at once:\n{log.read_text()}")
            try:
                if client.get(f"{found.base}/messageexchange/_ping").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)  # waiting for another process to start; nothing is measured or decided by it
    raise RuntimeError(f"the sandbox was not ready in time:\n{log.read_text()}")
