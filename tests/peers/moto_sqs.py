"""Starts moto, a server of its makers that speaks SQS (scripts/moto-peer.sh). It verifies no signatures."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.running import REPOSITORY, free_port

PEER = Path(os.environ.get("MOTO_PEER", REPOSITORY / "build" / "peers" / "moto"))
HOW_TO_GET = "the SQS server moto is not here: run scripts/moto-peer.sh (make peers)"


def available() -> bool:
    """Say whether the server is here, whole."""
    return (PEER / ".made-from").exists()


def required() -> bool:
    """Say whether a run without it is a failure."""
    return os.environ.get("REQUIRE_MOTO") == "1"


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """Run the server on a free port until the block ends; yield its address. What it holds ends with it."""
    port, log = free_port(), folder / "moto.log"
    command = [str(PEER / "bin" / "python"), "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait(base, process, log)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(base: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"moto ended at once:\n{log.read_text()}")
            try:
                if client.get(f"{base}/moto-api/data.json").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)  # waiting for another process to start; nothing is measured or decided by it
    raise RuntimeError(f"moto was not ready in time:\n{log.read_text()}")
