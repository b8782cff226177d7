"""A process that stands still past its lease: another takes over, and when the first wakes it sends nothing old."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from security.clock import MovableClock
from service.sync.relay import LEASE, SAFE
from tests.crash.places import Place, until
from tests.crash.sync_rounds import SERVE, allergy, describe
from tests.journeys.people import person, references_of
from tests.peers.mongo_servers import available
from tests.peers.posting import receiving
from tests.running import Running, free_port, running

SERVERS = [kind for kind in available() if kind != "ferretdb"][:1]


@pytest.mark.nightly
@pytest.mark.parametrize("store", SERVERS)
def test_a_process_that_slept_past_its_lease_sends_nothing_old(store: str, tmp_path: Path) -> None:
    """It takes half a minute: the process goes by the time that really passes. Two programs share one database."""
    place = Place(store, tmp_path, SERVE)
    clock = MovableClock(place.home / "clock")
    try:
        with receiving(tmp_path / "journal") as receiver:
            partners = {"EPACCS_PARTNERS": str(describe(place.home, receiver.url))}
            assert place.server is not None
            with place.running(**partners) as first:
                references = references_of(
                    first.call("POST", "", first.token("gp", "ZZGP01"), person(50_001, place="hospice").bundle)
                )
                patient = next(one for one in references if one.startswith("Patient/"))
                until(lambda: patient in receiver.has().versions, 30, "the first process serves the partner")
                more = {"EPACCS_STORE": place.server.url("records"), "EPACCS_PORT": str(free_port()), **partners}
                with running(place.home, prefix=(), serve=SERVE, **more) as second:
                    made = written(second, patient, "while both run")
                    os.kill(first.process.pid, signal.SIGSTOP)
                    slept = time.monotonic()
                    try:
                        for number in range(1, 4):
                            changed(second, made, number, f"while one sleeps {number}")
                        clock.advance(LEASE + timedelta(seconds=1))
                        until(lambda: receiver.has().versions.get(made) == 4, 30, "the second process took over")
                        changed(second, made, 4, "before it wakes")
                        until(lambda: time.monotonic() - slept > SAFE + 1, 60, "the first has slept long enough")
                    finally:
                        os.kill(first.process.pid, signal.SIGCONT)
                    changed(second, made, 5, "when it is awake")
                    until(lambda: receiver.has().versions.get(made) == 6, 30, "the newest is there")
                    until(lambda: not waiting_for(first), 30, "the first answers again")
                    has = receiver.has()
            lines = [tuple(line.split()[2:]) for line in (tmp_path / "journal").read_text().splitlines()]
            assert has.problems == []
            assert receiver.has().versions[made] == 6
            assert [one for one, times in Counter(lines).items() if times > 1] == []
    finally:
        place.close()


def written(service: Running, patient: str, words: str) -> str:
    """Write an allergy; return its reference."""
    answer = service.call("POST", "/AllergyIntolerance", service.token("gp", "ZZGP01"), allergy(patient, words))
    assert answer.status_code == 201, answer.text
    return f"AllergyIntolerance/{answer.json()['id']}"


def changed(service: Running, reference: str, version: int, words: str) -> None:
    """Change it."""
    token = service.token("gp", "ZZGP01")
    resource = service.call("GET", f"/{reference}", token).json()
    headers = {"If-Match": f'W/"{version}"'}
    answer = service.call("PUT", f"/{reference}", token, {**resource, "code": {"text": words}}, headers)
    assert answer.status_code == 200, answer.text


def waiting_for(service: Running) -> bool:
    """Say whether a service is not ready."""
    return service.client.get(f"{service.settings.base_url}/health/ready").status_code != 200
