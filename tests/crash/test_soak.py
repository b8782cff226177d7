"""Ten minutes of sixteen connections. Nightly; `python -m tests.crash.soak` says what each minute saw."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.places import SQLITE
from tests.crash.soak import soak


@pytest.mark.nightly
def test_ten_minutes_of_sixteen_connections(tmp_path: Path) -> None:
    found = soak(SQLITE, 10, tmp_path)
    assert found.faults() == [], found.report()
