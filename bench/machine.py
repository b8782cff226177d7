"""The machine in words that name no host, and what its disk takes to make a line durable."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from bench.errors import BenchFailed

_LIBRARIES = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "cryptography", "msgspec")
_SYNCS = 1000


@dataclass(frozen=True, slots=True)
class Processors:
    """The CPU that the service runs on, and the one of the load generator."""

    service: int
    load: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Median and 99th percentile of one fdatasync of one appended line, in microseconds."""

    p50: float
    p99: float


def processors() -> Processors:
    """Return two CPUs of this process; raise BenchFailed when there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchFailed("two CPUs are needed: one for the service, one for the load")
    return Processors(allowed[0], allowed[1])


def sync_times(folder: Path, line: bytes) -> Sync:
    """Append a line and sync it, a thousand times, in a file of `folder`."""
    path, taken = folder / "sync-times", []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for _ in range(_SYNCS):
            started = perf_counter()
            os.write(descriptor, line)
            os.fdatasync(descriptor)
            taken.append((perf_counter() - started) * 1e6)
    finally:
        os.close(descriptor)
        path.unlink()
    cuts = quantiles(taken, n=100)
    return Sync(cuts[49], cuts[98])


def description() -> Iterator[tuple[str, str]]:
    """Yield what a reader needs to compare: hardware, kernel, interpreter, libraries."""
    model = _in_file("/proc/cpuinfo", r"model name\s*:\s*(.+)")
    kib = int(_in_file("/proc/meminfo", r"MemTotal:\s*(\d+)"))
    yield "CPU", f"{model}, {len(os.sched_getaffinity(0))} cores"
    yield "Memory", f"{kib / 1024 / 1024:.1f} GiB"
    yield "Load average before", " ".join(f"{load:.1f}" for load in os.getloadavg())
    yield "Kernel", f"{platform.system()} {platform.release().split('-')[0]}"
    yield "Python", platform.python_version()
    libraries = [f"{name} {version(name)}" for name in _LIBRARIES]
    yield "Libraries", ", ".join([*libraries, f"SQLite {sqlite3.sqlite_version}"])
    yield "Load generator", _wrk_version()


def _in_file(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1].strip() if found else "0"


def _wrk_version() -> str:
    printed = subprocess.run(["wrk", "--version"], capture_output=True, check=False, text=True).stdout
    found = re.search(r"wrk \S*?([0-9][\w.\-+]*)", printed)
    return f"wrk {found[1]}" if found else "wrk"
