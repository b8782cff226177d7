"""What the benchmark puts beside and below the service, and that the product knows no such thing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from bench.app import BareRoutes, StoreWithoutAudit
from security.audit_chain import Chain
from security.clock import system_clock
from security.keys import open_keys
from service.app import create_app
from service.settings import SETTINGS
from service.store.port import SealedEntry
from tests.running import REPOSITORY, demo_settings


async def test_the_store_without_audit_drops_entries_of_reads_alone(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path / "home", 8000)
    keys = open_keys(settings.keys)
    store = await StoreWithoutAudit.open(tmp_path / "r.sqlite", Chain(keys.audit_chain.active, b"c" * 16), system_clock)
    try:
        await store.append_audit(SealedEntry(b"entry"), b"k" * 16)
        assert not await store.is_known(b"k" * 16)
        assert await store.spend_once(b"t" * 32, system_clock())
    finally:
        await store.close()


async def test_bare_routes_answer_given_bytes_behind_the_products_middleware(tmp_path: Path) -> None:
    app = create_app(demo_settings(tmp_path / "home", 8000))
    BareRoutes().mount(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.put("/bench/bytes?line=512", content=b"{}")).status_code == 204
        for path in ("/bench/fastapi", "/bench/starlette"):
            answer = await client.post(path, content=b"ignored")
            assert answer.content == b"{}"
            assert "x-request-id" in answer.headers


def test_no_setting_of_the_product_speaks_of_audit() -> None:
    assert not [setting.name for setting in SETTINGS if "AUDIT" in setting.name]


def test_the_product_does_not_import_the_benchmark() -> None:
    found = [
        path
        for package in ("service", "adapters", "security", "fhir_profiles")
        for path in (REPOSITORY / package).rglob("*.py")
        if "import bench" in path.read_text() or "from bench" in path.read_text()
    ]
    assert found == []


def test_the_harness_says_what_it_can_do() -> None:
    said = subprocess.run([sys.executable, "-m", "bench", "--help"], cwd=REPOSITORY, capture_output=True, check=True)
    assert b"--quick" in said.stdout
