"""The tests of the decision notice each of the seeded defects, and nothing when there is none."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.security.seeded_defects import DEFECTS

REPOSITORY = Path(__file__).parents[2]


def _noticed(number: int) -> int:
    command = [sys.executable, "-m", "tests.security.seeded_defects", str(number)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=120, check=False).returncode


def test_every_seeded_defect_is_noticed() -> None:
    with ThreadPoolExecutor(2) as both:
        codes = list(both.map(_noticed, range(len(DEFECTS) + 1)))

    assert codes[0] == 0, "without a defect the tests must pass"
    unseen = [defect.what for defect, code in zip(DEFECTS, codes[1:], strict=True) if code != 1]
    assert unseen == []
    assert len(DEFECTS) >= 12
