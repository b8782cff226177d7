"""veraPDF (scripts/pdf-peer.sh), which the PDF Association keeps: says whether a file is PDF/A, clause by clause."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.running import REPOSITORY

PEER = Path(os.environ.get("VERAPDF_PEER", REPOSITORY / "build" / "peers" / "verapdf"))
HOW_TO_GET = "veraPDF is not here: run scripts/pdf-peer.sh (make peers; needs a JDK and Maven)"


def available() -> bool:
    """Say whether it is here, whole."""
    return (PEER / ".made-from").exists()


def required() -> bool:
    """Say whether a run without it is a failure."""
    return os.environ.get("REQUIRE_VERAPDF") == "1"


def judged(flavour: str, files: Iterable[Path]) -> list[str]:
    """Return for each file `compliant`, or what is against it. `flavour` is `2a`."""
    command = ["java", "-cp", f"{PEER}:{PEER}/jars/*", "Judge", flavour, *map(str, files)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()
