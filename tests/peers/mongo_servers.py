"""Servers that speak MongoDB's protocol, for tests: started on a free port, with state in a folder that outlives them.

`mongod` is used where it is on PATH; the others are installed by scripts/mongo-peers.sh. None needs pytest.

    with MongoServer("ferretdb", folder) as server:
        server.url("records")   # mongodb://127.0.0.1:PORT/records?directConnection=true
        server.kill()           # as a power cut does to the process
        server.start()          # the same address, the same state
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient

from tests.running import REPOSITORY, free_port

PEERS = REPOSITORY / "build" / "peers"
KINDS = ("mongod", "ferretdb", "mongo-java-server")
HOW_TO_GET = "no server that speaks MongoDB's protocol was found: run scripts/mongo-peers.sh (make peers)"

_START_SECONDS = 60
_STOP_SECONDS = 20
_PR_SET_PDEATHSIG = 1

# A server must not outlive the run, not even one whose pytest was killed: so the kernel ends it, not our code. The
# kernel counts the death of the thread that forked as the parent's; hence one thread forks for all, and lives as long
# as the process.
_forking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mongo-servers")


def available() -> list[str]:
    """Return the kinds that can be started here."""
    found = {
        "mongod": shutil.which("mongod") is not None,
        "ferretdb": (PEERS / "ferretdb" / "ferretdb").exists(),
        "mongo-java-server": (PEERS / "mongo-java-server" / "Launcher.class").exists()
        and shutil.which("java") is not None,
    }
    return [kind for kind in KINDS if found[kind]]


def required() -> bool:
    """Tell whether a run without any server is a failure: in CI, and where REQUIRE_MONGO says so."""
    return bool(os.environ.get("CI")) or os.environ.get("REQUIRE_MONGO") == "1"


class MongoServer:
    """One server of a kind on one folder; its port stays the same over stops and starts.

    `in_memory`: nothing outlives the server, and it has memory for thousands of people, for what measures speed.
    mongo-java-server can do so; the others are as always.
    """

    def __init__(self, kind: str, folder: Path, *, in_memory: bool = False) -> None:
        if kind not in KINDS:
            raise ValueError(f"no such kind of server: {kind}")
        self.kind = kind
        self.folder = folder
        self._in_memory = in_memory
        self.port = free_port()
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The id of the process that runs."""
        if self._process is None:
            raise RuntimeError(f"{self.kind} does not run")
        return self._process.pid

    def url(self, database: str = "") -> str:
        """Return the address for a driver."""
        return f"mongodb://127.0.0.1:{self.port}/{database}?directConnection=true"

    def client(self) -> MongoClient[dict[str, Any]]:
        """Return a client of this server; close it, or use it as a context."""
        return MongoClient(self.url(), serverSelectionTimeoutMS=10_000, tz_aware=True)

    def start(self) -> None:
        """Start the server and wait until it answers a ping."""
        if self._process is not None:
            raise RuntimeError(f"{self.kind} runs already")
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = _forking.submit(
                subprocess.Popen[bytes],
                _command(self.kind, self.port, data, in_memory=self._in_memory),
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_tied_to(os.getpid()),
            ).result()
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask the server to end and wait; kill it when it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the server with SIGKILL: it gets no chance to write anything."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            if process.poll() is not None:
                raise RuntimeError(f"{self.kind} ended at once:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.kind} did not listen in time:\n{self._last_words()}")
            time.sleep(0.02)  # waiting for another process to start; nothing is measured or decided by it
        with self.client() as client:
            client.admin.command("ping")

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def _command(kind: str, port: int, data: Path, *, in_memory: bool) -> list[str]:
    match kind:
        case "mongod":
            listening = ["--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"]
            return ["mongod", "--dbpath", str(data), *listening]
        case "ferretdb":
            return [str(PEERS / "ferretdb" / "ferretdb"), str(port), str(data)]
        case _:
            home = PEERS / "mongo-java-server"
            # small and quick to start; without limits a JVM takes a quarter of the machine
            machine = ["-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
            place = str(data / "store.h2")
            if in_memory:
                machine, place = ["-Xmx5g", "-XX:+UseG1GC"], "in-memory"
            return ["java", *machine, "-cp", f"{home}:{home}/jars/*", "Launcher", str(port), place]


def _environment() -> dict[str, str]:
    # nothing of ours: a server must not be configured by what a developer has set
    return {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME", "TMPDIR") if name in os.environ}


def _tied_to(parent: int) -> Callable[[], None] | None:
    """Return what a child calls before it becomes the server, so that the kernel kills it when `parent` dies."""
    if sys.platform != "linux":
        return None  # elsewhere only an orderly end of the run stops the servers
    prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec a child does as little as it can

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return tie
