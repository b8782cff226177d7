"""A deployment whose endpoint for pointers listens, a person whom the ambulance may know of, and who may ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from security.audit import AuditEntry
from service.ssp.description import Described
from service.ssp.serving import read_for, ssp_server
from service.syncing import dues_of
from tests.adapters.certificates import Authority, Certified
from tests.running import demo_settings, free_port
from tests.service.record.house import House, house, person
from tests.service.ssp.spine_proxy import AMBULANCE, OURS, SpineProxy

POINTERS = "pointers"
"""The name of the partner whose pointers lead here."""
PROXY_NAME = "proxy.spine.example.nhs.uk"


@dataclass(frozen=True, slots=True)
class Parties:
    """Who has which certificate. `folder` is where the description lies."""

    folder: Path
    spine: Authority
    elsewhere: Authority
    provider: Certified
    proxy: Certified
    namesake: Certified
    other: Certified


def parties(folder: Path) -> Parties:
    """Make certificates: of our endpoint, of the proxy, of another of the same authority, of one elsewhere."""
    folder.mkdir(exist_ok=True)
    (folder / "elsewhere").mkdir(exist_ok=True)
    spine, elsewhere = Authority(folder, "Spine of the tests"), Authority(folder / "elsewhere", "Another authority")
    return Parties(
        folder,
        spine,
        elsewhere,
        spine.certify("records.example.nhs.uk"),
        spine.certify(PROXY_NAME),
        elsewhere.certify(PROXY_NAME),
        spine.certify("somebody.example.nhs.uk"),
    )


def description(parties: Parties, **changed: Any) -> Path:
    """Write a description and return its path."""
    told = {
        "asid": OURS,
        "partners": [POINTERS],
        "consumers": [{"asid": AMBULANCE, "client": "demo-ambulance"}],
        "peers": [PROXY_NAME],
        "ca": parties.spine.ca.name,
        "certificate": parties.provider.certificate.name,
        "key": parties.provider.key.name,
        **changed,
    }
    path = parties.folder / "ssp.json"
    path.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))
    return path


def partner_folder(folder: Path) -> Path:
    """Describe the partner whose pointers lead here; nothing is sent to it in these tests."""
    folder.mkdir(exist_ok=True)
    told = {
        "name": POINTERS,
        "kind": "webhook",
        "title": "Record locator of the tests",
        "client": "demo-hospital",
        "owner": {"name": "Example locator desk", "organisation": "ZZHOS1"},
        "settings": {"address": "https://127.0.0.1:9/hook", "hosts": ["127.0.0.1"]},
    }
    (folder / "pointers.json").write_text(json.dumps(told))
    return folder


@dataclass(frozen=True, slots=True)
class World:
    """The endpoint on a socket, and the service beside it."""

    parties: Parties
    house: House
    described: Described
    port: int

    def proxy(self, certified: Certified | None) -> SpineProxy:
        """Return the proxy with a certificate, or with none."""
        if certified is None:
            return SpineProxy(self.parties.spine.ca, self.port)
        return SpineProxy(self.parties.spine.ca, self.port, certified.certificate, certified.key)

    @property
    def spine(self) -> SpineProxy:
        """The proxy as it should be."""
        return self.proxy(self.parties.proxy)

    async def admitted(self, index: int, *, known: bool = True, **traits: Any) -> str:
        """Post the plan of an invented person, whom the ambulance attends if it is `known`; return the NHS number."""
        number, bundle = person(index, **traits)
        if known:
            bundle["entry"].append(care_team("ZZAMB1"))
        await self.house.post(bundle)
        return number

    async def pointer(self, number: str, partner: str = POINTERS) -> str:
        """Return the address that a pointer to a person's plan has."""
        record = await self.house.record_of(number)
        return f"ssp://records.example.nhs.uk/plan/{dues_of(self.house.opened).address(partner, record.record_id)}"

    async def audited(self, number: str) -> list[AuditEntry]:
        """Return the audit entries of what was read through the proxy of a person."""
        record, log = await self.house.record_of(number), self.house.services.audit_events.log
        found = [entry async for entry in log.entries_about(record, self.house.opened.clock())]
        return [entry for entry in found if entry.interaction == "$ssp-read"]


def care_team(organisation: str) -> dict[str, Any]:
    """Return the entry of a care team that an organisation belongs to."""
    member = {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": organisation}}
    team = {"resourceType": "CareTeam", "status": "active", "participant": [{"member": member}]}
    return {
        "fullUrl": "urn:uuid:00000000-0000-4000-a000-00000000ca7e",
        "resource": team,
        "request": {"method": "POST", "url": "CareTeam"},
    }


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Open the service, and let its endpoint listen until the block ends."""
    home, port = folder / "home", free_port()
    settings = demo_settings(home, 8000, EPACCS_PARTNERS=str(partner_folder(folder / "partners")))
    made = parties(folder / "ssp")
    described = read_for(settings, description(made, port=port))
    server = ssp_server(settings, described)
    async with house(home, home / "records.sqlite") as opened:
        serving = asyncio.create_task(server.serve())
        try:
            await _started(server, serving)
            yield World(made, opened, described, port)
        finally:
            server.should_exit = True
            await serving


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started and not serving.done():  # noqa: ASYNC110 - it has no event for that
        await asyncio.sleep(0.01)
    assert server.started
