"""Runs wrk: one pinned thread, sixteen connections, people drawn from a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.errors import BenchFailed

CONNECTIONS = 16
_SCRIPT = Path(__file__).with_name("draw.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """One run: requests a second, and the median and 99th percentile of latency in microseconds."""

    rate: float
    p50: float
    p99: float
    requests: int

    @property
    def tail(self) -> float:
        """How far the slow end lies from the middle."""
        return self.p99 / self.p50


@dataclass(frozen=True, slots=True)
class Target:
    """What a run asks: an address, a token, and the file of people to draw from."""

    url: str
    token: str
    people: Path


class _Printed(msgspec.Struct):
    requests: int
    microseconds: int
    p50: int
    p99: int
    failed: dict[str, int]
    """How many failed, by what failed."""


def require_tools() -> None:
    """Raise BenchFailed when wrk or taskset is missing."""
    missing = [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]
    if missing:
        raise BenchFailed(f"{' and '.join(missing)} not found (Debian: apt-get install wrk util-linux)")


def run(target: Target, seconds: int, cpu: int, *, seed: int = 1, walk: bool = False) -> Load:
    """Ask for `seconds`; `walk` takes each person once instead of drawing. Raise BenchFailed unless all were 2xx."""
    shape = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", "--timeout", "10s"]
    drawn = [str(target.people), "walk" if walk else "uniform", str(seed)]
    found = subprocess.run(
        ["taskset", "-c", str(cpu), "wrk", *shape, "--latency", "--script", str(_SCRIPT), target.url, "--", *drawn],
        env={**os.environ, "BENCH_TOKEN": target.token},
        capture_output=True,
        check=False,
        text=True,
    )
    if found.returncode != 0:
        raise BenchFailed(f"wrk ended with {found.returncode}: {found.stderr.strip()[-300:]}")
    printed = msgspec.json.decode(found.stdout.strip().splitlines()[-1], type=_Printed)
    failed = [f"{count} by {what}" for what, count in printed.failed.items() if count]
    if failed:
        raise BenchFailed(f"of {printed.requests} requests to {target.url} failed {', '.join(failed)}")
    if not printed.requests:
        # wrk counts an answer that comes too late when it comes, so one that never comes is no failure to it
        raise BenchFailed(f"{CONNECTIONS} connections to {target.url} got no answer at all in {seconds} s")
    return Load(printed.requests / printed.microseconds * 1e6, printed.p50, printed.p99, printed.requests)
