"""Starts oidc-provider as a token endpoint (tests/peers/oidc-provider/server.mjs, scripts/oidc-peer.sh)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joserfc.jwk import Key

from tests.running import REPOSITORY

PEER = Path(os.environ.get("OIDC_PEER", REPOSITORY / "build" / "peers" / "oidc-provider"))
HOW_TO_GET = "the token endpoint of npm is not here: run scripts/oidc-peer.sh (make peers)"
_SERVER = Path(__file__).parent / "oidc-provider" / "server.mjs"


def available() -> bool:
    """Say whether node and the server are here, whole."""
    return shutil.which("node") is not None and (PEER / ".made-from").exists()


def required() -> bool:
    """Say whether a run without it is a failure."""
    return os.environ.get("REQUIRE_OIDC") == "1"


@contextmanager
def oidc_server(client: str, key: Key) -> Iterator[str]:
    """Run the server for one client with this public key; yield its address."""
    jwks = json.dumps({"keys": [key.as_dict(private=False)]})
    process = subprocess.Popen(
        ["node", str(_SERVER), str(PEER), client, jwks], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the token endpoint ended at once")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()
