"""A client that asks and goes away: what was decided for it is written down all the same."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.crash.audit_look import AuditLook
from tests.crash.faults import FaultyDisk, Trial
from tests.crash.places import serving, until
from tests.running import Running, parameters

GONE_AT_ONCE = 40


def ask_and_leave(service: Running, nhs_number: str, *, reset: bool) -> str:
    """Send an emergency question, close the connection without waiting, and return the request id."""
    request_id = uuid.uuid4().hex
    body = json.dumps(parameters(nhsNumber=nhs_number)).encode()
    lines = (
        "POST /fhir/R4/Patient/$emergency-summary HTTP/1.1",
        f"Host: 127.0.0.1:{service.settings.port}",
        f"Authorization: Bearer {service.token('gp', 'ZZGP01')}",
        "Content-Type: application/fhir+json",
        f"X-Request-Id: {request_id}",
        f"Content-Length: {len(body)}",
    )
    with socket.create_connection(("127.0.0.1", service.settings.port)) as connection:
        if reset:  # the kernel forgets what was not taken yet and tells the other side at once
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return request_id


def decided(service: Running) -> dict[str, int]:
    """Return the status of every emergency question in the log, by request id."""
    found: dict[str, int] = {}
    for line in service.log.read_text().splitlines():
        if '"$emergency-summary"' in line:
            told: dict[str, Any] = json.loads(line)
            found[told["request_id"]] = told["status"]
    return found


def test_whoever_leaves_right_after_asking_stands_in_the_audit(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        trial = Trial(service)
        trial.begin()
        number = trial.ledger.plans[0].nhs_number
        left = [ask_and_leave(service, number, reset=bool(n % 2)) for n in range(GONE_AT_ONCE)]
        until(lambda: sum(id in decided(service) for id in left[::2]) == GONE_AT_ONCE // 2, 10, "all are decided")
        statuses = decided(service)
        entries = AuditLook(service.settings).entries()

        # Of a connection that was reset the kernel may hand nothing on: then nobody asked.
        answered = [id for id in left if statuses.get(id) == 200]
        assert len(answered) >= GONE_AT_ONCE // 2
        assert [id for id in answered if len(entries.get(id, [])) != 1] == []


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc, which builds the slow disk, is not here")
def test_whoever_leaves_while_the_audit_is_being_written_stands_in_it(tmp_path: Path) -> None:
    disk = FaultyDisk(tmp_path)
    with serving(tmp_path / "home", disk.settings) as service:
        trial = Trial(service)
        trial.begin()
        with disk.fails("delay 300"):
            left = [ask_and_leave(service, trial.ledger.plans[0].nhs_number, reset=False) for _ in range(5)]
            assert not set(left) & set(decided(service)), "they were to leave before their answer"
        until(lambda: {*left} <= {*decided(service)}, 10, "all are decided")
        entries = AuditLook(service.settings).entries()
        assert [len(entries.get(id, [])) for id in left] == [1] * 5
        assert {decided(service)[id] for id in left} == {200}
