"""Faults that begin and end while a service runs, and what every answer must be like in between."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from service.api.outcomes import DO_NOT_INFER
from tests.crash.audit_look import AuditLook
from tests.crash.checking import Checker
from tests.crash.delivery_look import DeliveryLook
from tests.crash.ledger import Ledger, Request
from tests.crash.places import until
from tests.crash.traffic import change_request, emergency_request, note_request, plan_request, record, send, somebody
from tests.running import REPOSITORY, Running, free_port

SOURCE = Path(__file__).with_name("disk_faults.c")
TURNS_WITHIN = 5.0
RECOVERS_WITHIN = 20.0


class FaultyDisk:
    """A disk under the store that fails to order (`disk_faults.c`)."""

    def __init__(self, folder: Path) -> None:
        self._order = folder / "order"
        self._library = folder / "disk_faults.so"
        command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def settings(self) -> dict[str, str]:
        """What the environment of the service needs."""
        return {"LD_PRELOAD": str(self._library), "FAULT_ORDER": str(self._order), "FAULT_FILES": "records.sqlite"}

    @contextmanager
    def fails(self, order: str) -> Iterator[None]:
        """Fail in this way until the block ends."""
        draft = self._order.with_suffix(".draft")
        draft.write_text(order)
        draft.rename(self._order)  # at once: a reader sees all of it or nothing
        try:
            yield
        finally:
            self._order.unlink()


class SmallDisk:
    """A file system of a few megabytes in memory, mounted for one test; only root can."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def __enter__(self) -> SmallDisk:
        self.folder.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=8m", "tmpfs")
        return self

    def __exit__(self, *ending: object) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no free block until the block ends."""
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while ballast.write(bytes(4096)):
                    pass
            except OSError:
                pass
        try:
            yield
        finally:
            self._ballast.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Mount it read-only; nobody may have a file open for writing then."""
        self._mount("-o", "remount,ro")
        try:
            yield
        finally:
            self._mount("-o", "remount,rw")

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, str(self.folder)], check=True, capture_output=True)


def can_mount() -> bool:
    """Say whether a file system can be mounted here."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return tried.returncode == 0


@contextmanager
def no_larger_files(service: Running) -> Iterator[None]:
    """Forbid the service to let any file grow; what a disk quota does."""
    store = Path(service.settings.store.removeprefix("sqlite://"))
    largest = max(path.stat().st_size for path in store.parent.glob(f"{store.name}*"))
    _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


@dataclass(slots=True)
class Trial:
    """One person with a note, asked for and written before, during and after a fault."""

    service: Running
    ledger: Ledger = field(default_factory=Ledger)
    seconds: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Admit somebody, leave a note, ask."""
        someone = somebody(5_000)
        assert self.send(plan_request(someone)).status_code == 200
        assert self.send(note_request(someone, "before")).status_code == 201
        assert self.send(emergency_request(someone)).status_code == 200
        assert self.ready() == 200

    def is_refused_while_it_lasts(self) -> None:
        """Fail unless writes and reads get the right 503 and `/health/ready` turns in time."""
        note = self.ledger.notes[0]
        self._turns(503)
        asked = [
            change_request(note, "during"),
            emergency_request(note.person),
            plan_request(somebody(5_001)),
            emergency_request(note.person),
        ]
        begun = time.monotonic()
        with ThreadPoolExecutor(len(asked)) as together:
            for answer in together.map(self.send, asked):
                self.judge_refusal(answer)
        self.seconds["refused"] = time.monotonic() - begun
        self._turns(503)  # a little that still fits on a full disk may have been written meanwhile
        assert self.service.client.get(f"{self.service.settings.base_url}/health/live").status_code == 200

    def comes_back_by_itself(self) -> None:
        """Fail unless the service serves again without a restart and nothing was half written."""
        self._turns(200, RECOVERS_WITHIN)
        self.carries_on("after", "long after")
        assert self.ledger.notes[0].texts == ["before", "during", "after", "long after"]

    def carries_on(self, *texts: str) -> None:
        """Change the note once for each text, then fail unless everything is there, once and in order."""
        settings = self.service.settings
        checker = Checker(self.service, self.ledger, AuditLook(settings), DeliveryLook(settings))
        checker.after_a_crash()  # sends what was refused again, with the same keys
        for text in texts:
            assert self.send(change_request(self.ledger.notes[0], text)).status_code == 200
        checker.after_a_crash()
        checker.everything()
        assert not checker.problems, "\n".join(checker.problems)

    def send(self, request: Request) -> httpx.Response:
        """Send a request and put what was answered into the ledger."""
        self.ledger.sends(request)
        token = self.service.token("gp", "ZZGP01")
        answer = send(self.service.client, self.service, token, request)
        record(self.ledger, request, answer)
        return answer

    def judge_refusal(self, answer: httpx.Response) -> None:
        """Fail unless an answer says that the service cannot serve now, and nothing of whether there is a plan."""
        assert answer.status_code == 503, answer.text
        body: dict[str, Any] = answer.json()
        assert body["resourceType"] == "OperationOutcome"
        assert [issue["code"] for issue in body["issue"]] == ["transient"]
        assert body["issue"][0]["details"]["text"] == DO_NOT_INFER
        assert answer.headers["retry-after"].isdecimal()

    def ready(self) -> int:
        """Return the status of `/health/ready`; 0 when it says nothing within five seconds."""
        try:
            return httpx.get(f"{self.service.settings.base_url}/health/ready", timeout=TURNS_WITHIN).status_code
        except httpx.TimeoutException:
            return 0

    def _turns(self, status: int, within: float = TURNS_WITHIN) -> None:
        took = until(lambda: self.ready() == status, within, f"/health/ready answers {status}")
        self.seconds[f"ready turned {status}"] = took


def start(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Start the service where it cannot run; return how it ended and what it said."""
    environment = {
        **os.environ,
        "EPACCS_ENV": "demo",
        "EPACCS_HOME": str(home),
        "EPACCS_PORT": str(free_port()),
        **more,
    }
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "serve"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
