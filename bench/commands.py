"""The commands that work through many plans and print how many a second: `epaccs load` and `epaccs verify`.

Each has both CPUs: nothing else is measured meanwhile.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.errors import BenchFailed
from bench.people import BUILD, REPOSITORY, SEED, Home
from bench.runs import Plan
from bench.serving import environment_for
from bench.targets import Limit, Row

_PLANS = r": ([\d,]+) plans a second"
_RECORDS = r"Records: ([\d,]+) a second"
_PROCESSES = 2
LOADING = Row(
    f"load through the real use case, `epaccs load --workers {_PROCESSES}`", (), "plans/s", Limit(400, 500), 0
)


def verifying(plan: Plan) -> Row:
    """Return what is promised of `epaccs verify`."""
    return Row(f"`epaccs verify`, {plan.people:,} people", (), "records/s", Limit(2_000, 3_000), 0)


def load(plan: Plan) -> list[float]:
    """Load plans into a fresh home, `plan.runs` times; return plans a second."""
    arguments = ["load", "--people", str(plan.loaded), "--seed", str(SEED), "--workers", str(_PROCESSES)]
    rates, folder = [], BUILD / "run" / "load"
    for _ in range(plan.runs):
        shutil.rmtree(folder, ignore_errors=True)
        rates.append(printed_rate(folder, _PLANS, *arguments))
    shutil.rmtree(folder)
    return rates


def verify(plan: Plan, home: Home) -> list[float]:
    """Verify a home, which must be in order, `plan.runs` times; return records a second."""
    return [printed_rate(home.folder, _RECORDS, "verify") for _ in range(plan.runs)]


def printed_rate(home: Path, pattern: str, *arguments: str) -> float:
    """Run `epaccs` with arguments on a home; return the number that it printed. Raise BenchFailed if it failed."""
    run = subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        cwd=REPOSITORY,
        env=environment_for(home),
        capture_output=True,
        check=False,
        text=True,
    )
    found = re.search(pattern, run.stdout)
    if run.returncode != 0 or found is None:
        raise BenchFailed(f"`epaccs {arguments[0]}` ended with {run.returncode}:\n{run.stdout}{run.stderr}"[-2000:])
    return float(found[1].replace(",", ""))
