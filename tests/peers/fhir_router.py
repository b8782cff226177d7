"""Starts @medplum/fhir-router as a FHIR server (tests/peers/fhir-router/server.mjs)."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOW_TO_GET = "the FHIR server of npm is not here: it needs node, and `make setup` for its package"
_SERVER = Path(__file__).parent / "fhir-router" / "server.mjs"
_REPOSITORY = Path(__file__).resolve().parent.parent.parent


def available() -> bool:
    """Say whether node and the package are here."""
    return shutil.which("node") is not None and all(
        (_REPOSITORY / "node_modules" / one).exists() for one in ("@medplum/fhir-router", "graphql")
    )


@contextmanager
def fhir_router() -> Iterator[str]:
    """Run the server on a free port; yield its FHIR base URL. What it holds ends with it."""
    process = subprocess.Popen(
        # node 20 has no WebSocket without being asked, and the package wants one to be defined
        ["node", "--experimental-websocket", str(_SERVER)],
        cwd=_REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the FHIR server ended at once")
        yield f"http://127.0.0.1:{port}/fhir/R4"
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
