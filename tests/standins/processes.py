"""Stand-ins as processes: one by itself, or the three by `epaccs partners demo`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from service.standins.config import Config
from service.standins.run import Addresses
from tests.running import REPOSITORY, free_port

SECONDS = 60
LIVE: list[Addresses] = []
"""What stands in now for this process of the tests: of whatever fails, the broken rules are shown."""


def _hears_ctrl_c() -> None:
    """Undo what a shell does to a job in its background, which the tests may be: it lets it hear no Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def process_of(config: Config) -> Iterator[Addresses]:
    """Run one stand-in in a process until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "service.standins"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(config) + b"\n")
        process.stdin.flush()
        try:
            found = msgspec.json.decode(process.stdout.readline(), type=Addresses)
            LIVE.append(found)
            try:
                yield found
            finally:
                LIVE.remove(found)
        finally:
            process.stdin.close()
            assert process.wait(timeout=SECONDS) == 0, "it ends with its input"


def free_ports() -> int:
    """Return a port that is free with the two after it, and with the three that are ten above."""
    return free_port(1, 2, 10, 11, 12)


@dataclass(slots=True)
class Home:
    """A demo home with ports of its own, and the command `epaccs` in it."""

    path: Path
    port: int
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")}
        own = {"EPACCS_ENV": "demo", "EPACCS_HOME": str(self.path), "EPACCS_STANDINS_PORT": str(self.port)}
        return {**inherited, **own, **self.more}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `epaccs` until it ends."""
        return subprocess.run(
            [sys.executable, "-m", "service.cli", *words],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    @contextmanager
    def running(self, *words: str, until: str) -> Iterator[subprocess.Popen[str]]:
        """Run `epaccs` in the background, once it has printed `until`; end it as Ctrl-C does, if it runs still."""
        with (
            (self.path.parent / "errors.log").open("w") as errors,
            subprocess.Popen(
                [sys.executable, "-m", "service.cli", *words],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=_hears_ctrl_c,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    if until in line:
                        break
                else:
                    raise AssertionError(self.errors)
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                try:
                    process.wait(timeout=SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise

    @property
    def errors(self) -> str:
        """What the last command in the background said on standard error."""
        return (self.path.parent / "errors.log").read_text()
