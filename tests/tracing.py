"""The program under strace: which files it opened, and in which order it read requests, synced and answered."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed here")

_LINE = re.compile(r"^(?P<pid>\d+) +(?:<\.\.\. )?(?P<call>\w+)(?P<rest>.*)$")
_REQUEST = re.compile(r'"(GET|POST|PUT|DELETE) (/\S*) HTTP/1\.1')
_STATUS = re.compile(r'"HTTP/1\.1 (\d{3}) ')
_OPENED = re.compile(r'^[^"]*"(?P<path>[^"]*)", (?P<flags>[A-Z_|]+)')
_READS = {"read", "readv", "recvfrom", "recvmsg"}
_WRITES = {"write", "writev", "sendto", "sendmsg"}
_SYNCS = {"fdatasync", "fsync"}
_WRITABLE = ("O_WRONLY", "O_RDWR", "O_CREAT")


def strace(trace: Path, *calls: str) -> tuple[str, ...]:
    """Return what to put before a command line: the command keeps its process id, every thread is followed."""
    names = ",".join(calls)
    return (
        "strace",
        "-D",
        "-f",
        "-y",
        "-qq",
        "-s",
        "120",
        "-e",
        f"trace={names}",
        "-e",
        "signal=none",
        "-o",
        str(trace),
    )


def service_calls() -> tuple[str, ...]:
    """Return the system calls by which a request comes in, gets durable and is answered."""
    return (*sorted(_READS | _WRITES | _SYNCS), "pwrite64")


@dataclass(slots=True)
class Exchange:
    """One request and its answer, and how far what it wrote had got when the status line left."""

    method: str
    path: str
    status: int = 0
    logged: bool = False
    unsynced: bool = False

    @property
    def durable(self) -> bool:
        """Something was written to the log of the records' file, and all of it synced, before the answer left."""
        return self.logged and not self.unsynced


@dataclass(slots=True)
class _Reader:
    """Goes through a trace line by line."""

    log: str
    answered: list[Exchange] = field(default_factory=list)
    waiting: list[Exchange] = field(default_factory=list)
    syncing: set[str] = field(default_factory=set)

    def take(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            return
        pid, call, rest = match["pid"], match["call"], match["rest"]
        if call in _READS and (request := _REQUEST.search(rest)):
            self.waiting.append(Exchange(request[1], request[2]))
        elif call == "pwrite64" and f"/{self.log}>" in rest:
            for exchange in self.waiting:
                exchange.logged = exchange.unsynced = True
        elif call in _SYNCS and f"/{self.log}>" in rest and "unfinished" in rest:
            self.syncing.add(pid)
        elif call in _SYNCS and rest.endswith("= 0") and (f"/{self.log}>" in rest or pid in self.syncing):
            self.syncing.discard(pid)
            for exchange in self.waiting:
                exchange.unsynced = False
        elif call in _WRITES and (status := _STATUS.search(rest)) and self.waiting:
            exchange = self.waiting.pop(0)
            exchange.status = int(status[1])
            self.answered.append(exchange)


def exchanges(lines: Iterator[str], log: str) -> list[Exchange]:
    """Return the exchanges of a client that waits for each answer; `log` is the name of the write-ahead log."""
    reader = _Reader(log)
    for line in lines:
        reader.take(line.rstrip("\n"))
    return reader.answered


def written_files(lines: Iterator[str]) -> set[str]:
    """Return the path of every file that was opened for writing."""
    found = set()
    for line in lines:
        match = _LINE.match(line)
        opened = _OPENED.match(match["rest"]) if match and match["call"] in ("openat", "open", "creat") else None
        if opened and any(flag in opened["flags"].split("|") for flag in _WRITABLE) and "ENOENT" not in line:
            found.add(opened["path"])
    return found
