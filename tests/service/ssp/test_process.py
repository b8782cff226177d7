"""`epaccs ssp` as it is run: a process of its own beside the service, which says nothing of anybody in its log."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from service.syncing import dues_of
from tests.running import UNLIMITED, demo_settings, free_port
from tests.service.record.house import house, person
from tests.service.ssp.spine_proxy import SpineProxy
from tests.service.ssp.world import POINTERS, care_team, description, parties, partner_folder


def test_it_answers_on_its_own_port_until_it_is_told_to_stop(tmp_path: Path) -> None:
    home, port = tmp_path / "home", free_port()
    demo_settings(home, 8000)
    number, pointer = asyncio.run(_posted(home))
    made = parties(tmp_path / "ssp")
    log = tmp_path / "log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("EPACCS_")},
        **UNLIMITED,
        "EPACCS_ENV": "demo",
        "EPACCS_HOME": str(home),
        "EPACCS_PARTNERS": str(partner_folder(tmp_path / "partners")),
        "EPACCS_LOG_LEVEL": "INFO",
    }
    command = [sys.executable, "-m", "service.cli", "ssp", str(description(made, port=port))]
    with log.open("wb") as lines:
        process = subprocess.Popen(command, env=environment, stderr=lines, stdout=lines)
    try:
        proxy = SpineProxy(made.spine.ca, port, made.proxy.certificate, made.proxy.key)
        answer = _first_answer(proxy, pointer, process, log)
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(b"%PDF-")
        for certified in (None, made.namesake, made.other):
            shown = () if certified is None else (certified.certificate, certified.key)
            try:
                asyncio.run(SpineProxy(made.spine.ca, port, *shown).get(pointer))
            except httpx.TransportError:
                continue
            raise AssertionError("somebody was spoken with who should not have been")
    finally:
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=20)
    assert ended in (0, -signal.SIGTERM), log.read_text()
    said = log.read_text()
    assert '"event":"ssp-request"' in said
    assert '"event":"ssp-peer-refused"' in said
    for secret in (number, "Testley", pointer.rpartition("/")[2]):
        assert secret not in said


async def _posted(home: Path) -> tuple[str, str]:
    """Post a plan; return the NHS number and a pointer to it."""
    async with house(home, home / "records.sqlite") as opened:
        number, bundle = person(31)
        bundle["entry"].append(care_team("ZZAMB1"))
        await opened.post(bundle)
        record = await opened.record_of(number)
        return number, f"ssp://host.example/plan/{dues_of(opened.opened).address(POINTERS, record.record_id)}"


def _first_answer(proxy: SpineProxy, pointer: str, process: subprocess.Popen[bytes], log: Path) -> httpx.Response:
    deadline = time.monotonic() + 30
    while True:
        try:
            return asyncio.run(proxy.get(pointer))
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
