"""Partners of every kind for the contract, each with its own people's view of what it holds.

A kind joins the contract by a subclass of `Far` in `KINDS`. Nothing here goes through an adapter but `Far.adapter`.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.base import Adapter, Parcel
from adapters.errors import OutsideError
from adapters.notes import NotesInMemory
from adapters.nrl_keep import SETTLED_AFTER
from adapters.partners import Description, Owner, Partner
from adapters.registry import kind_of
from adapters.surroundings import Surroundings
from security.clock import system_clock
from security.event_signature import signing_key
from service.standins.config import Config, Sender
from service.standins.run import Addresses
from tests.adapters import nrl_world
from tests.adapters.csv_world import PLACE, Home, file_of, make_home
from tests.adapters.fhir_world import OUR_BASE, described
from tests.contracts.cable import Cable
from tests.contracts.gp_document import Surgery
from tests.contracts.gp_document import described as gp_described
from tests.contracts.gp_document import standing as gp_standing
from tests.contracts.people import BORN, HOME, HOSPICE, Books
from tests.peers.fhir_router import fhir_router
from tests.running import Running
from tests.standins.far_end import CLIENT, FHIR_JSON, KEY, token_form
from tests.standins.nrl import TOKEN, Nrl, nrl_server
from tests.standins.nrl_tokens import Tokens
from tests.standins.processes import process_of

Json = dict[str, Any]
PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
AROUND = Surroundings(system_clock, OUR_BASE, PEM, private_addresses=True)
TYPES = ["Observation"]


@dataclass
class Far(ABC):
    """One partner. `keeps`: it holds resources, which can be looked at; else each parcel is one more thing there.
    `sends`: what its people write comes to us. `finds`: it is asked for the person before anything is written.
    `stands_for_all`: one thing there stands for all that it may hold of a person, however often that changes."""

    folder: Path
    keeps = True
    sends = True
    finds = True
    stands_for_all = False

    @property
    @abstractmethod
    def partner(self) -> Partner:
        """Its description."""

    def adapter(self) -> Adapter:
        """Return a fresh adapter, as after a start."""
        return kind_of(self.partner).adapter(self.partner, AROUND)

    @abstractmethod
    async def there(self, ledger: Books) -> dict[str, str]:
        """Return what its people see of a person, with what tells versions apart."""

    async def content(self, ledger: Books, ours: str) -> Json:
        """Return what its people see of one resource."""
        raise NotImplementedError

    async def change(self, ledger: Books, ours: str, place: str) -> None:
        """Let its people write another preferred place of death."""
        raise NotImplementedError

    @abstractmethod
    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        """Give a parcel so that it takes effect there, and its answer never arrives here."""

    @abstractmethod
    async def away(self) -> Adapter:
        """Return an adapter of the same partner, whose system does not answer."""


async def consumed(adapter: Adapter, parcel: Parcel) -> None:
    """Give a parcel and keep nothing of what is said."""
    async for _ in adapter.give(parcel):
        pass


class FhirFar(Far):
    """A FHIR server. `base` is what the adapter speaks to, `own` how its own people reach it."""

    once = "if-none-exist"
    more: Json = {}  # noqa: RUF012 - each kind has its own, and nobody changes it
    base = ""

    @property
    def partner(self) -> Partner:
        return self._described(self.base)

    def _described(self, base: str) -> Partner:
        said = {"once": self.once, "patients": "create", "types": TYPES, **self.more}
        return described(base, self.folder, **said)

    @abstractmethod
    async def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx.Response:
        """Ask as its own people do."""

    async def there(self, ledger: Books) -> dict[str, str]:
        found = await self._entries(ledger.held[ledger.patient].theirs) if ledger.patient in ledger.held else []
        return {f"{one['resourceType']}/{one['id']}": one["meta"]["versionId"] for one in found}

    async def _entries(self, person: str) -> list[Json]:
        answer = await self.ask("GET", f"Observation?patient={person}")
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", ())]

    async def content(self, ledger: Books, ours: str) -> Json:
        found: Json = (await self.ask("GET", ledger.held[ours].theirs)).json()
        return found

    async def change(self, ledger: Books, ours: str, place: str) -> None:
        now = await self.content(ledger, ours)
        coding = [{"system": "http://snomed.info/sct", "code": place}]
        changed = {**now, "valueCodeableConcept": {"coding": coding}}
        match = {"if-match": f'W/"{now["meta"]["versionId"]}"'}
        answer = await self.ask("PUT", ledger.held[ours].theirs, changed, **match)
        assert answer.status_code == 200, answer.text

    async def away(self) -> Adapter:
        partner = self._described("http://127.0.0.1:9/fhir")
        return kind_of(partner).adapter(partner, AROUND)


@dataclass
class StandIn(FhirFar):
    """A stand-in in a process of its own, at which we sign in."""

    addresses: Addresses = field(kw_only=True)
    once: str = "if-none-exist"

    def __post_init__(self) -> None:
        key = self.folder / "key.jwk"
        key.touch(mode=0o600)
        key.write_text(json.dumps(KEY.as_dict(private=True)))
        token = f"{self.addresses.page}/token"
        auth = {"token_url": token, "client_id": CLIENT, "key_file": "key.jwk", "scope": "system/*.cruds"}
        self.base, self.more = self.addresses.wire, {"auth": auth}

    async def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            token = f"{self.addresses.page}/token"
            given = (await http.post(token, data=token_form(token))).json()["access_token"]
            sent = {**FHIR_JSON, "Authorization": f"Bearer {given}", **headers}
            return await http.request(method, f"{self.addresses.wire}/{path}", json=body, headers=sent)

    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        await said(self.addresses, "DUPLICATING")
        with pytest.raises(OutsideError):
            await consumed(adapter, parcel)
        await said(self.addresses, "OK")


async def said(addresses: Addresses, word: str, **more: Any) -> None:
    """Tell a stand-in how to behave."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{addresses.control}/say", json={"word": word, **more})
        assert answer.status_code == 200, answer.text


class BehindCable(FhirFar):
    """A FHIR server behind a cable that can lose answers."""

    cable: Cable

    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        self.cable.lose_answers = True
        with pytest.raises(OutsideError):
            await consumed(adapter, parcel)
        self.cable.lose_answers = False


@dataclass
class Router(BehindCable):
    """@medplum/fhir-router, which nobody here wrote."""

    address: str = field(kw_only=True)
    cable: Cable = field(kw_only=True)

    def __post_init__(self) -> None:
        self.base = f"http://127.0.0.1:{self.cable.port}/fhir/R4"

    async def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False) as http:
            return await http.request(method, f"{self.address}/{path}", json=body, headers=headers)


@dataclass
class Ourselves(BehindCable):
    """A second instance of this service."""

    service: Running = field(kw_only=True)
    cable: Cable = field(kw_only=True)
    once = "idempotency-key"

    def __post_init__(self) -> None:
        key = self.folder / "hospice.jwk"
        key.touch(mode=0o600)
        key.write_bytes((self.service.settings.home / "demo-keys" / "demo-hospice.jwk").read_bytes())
        self.base = f"http://127.0.0.1:{self.cable.port}/fhir/R4"
        token = f"{self.service.settings.base_url}/oauth2/token"
        auth = {"token_url": token, "client_id": "demo-hospice", "key_file": "hospice.jwk"}
        self.more = {"auth": auth, "clinicians": "with-patient", "say_why": True, "page": 0}

    async def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx.Response:
        token = self.service.token("hospice", "ZZHSP1")
        return await asyncio.to_thread(self.service.call, method, f"/{path}", token, body, headers)


@dataclass
class Webhook(Far):
    """A receiver of webhooks in a process of its own."""

    addresses: Addresses = field(kw_only=True)
    keeps = False
    sends = False
    finds = False

    @property
    def partner(self) -> Partner:
        return self._described(self.addresses.wire)

    def _described(self, address: str) -> Partner:
        owner, settings = Owner("Desk", "ZZAMB1"), {"address": address, "hosts": ["127.0.0.1"]}
        told = Description(name="room", kind="webhook", title="Room", client="room", owner=owner, settings=settings)
        return Partner(told, self.folder)

    async def there(self, ledger: Books) -> dict[str, str]:
        async with httpx.AsyncClient(trust_env=False) as http:
            counted = (await http.get(f"{self.addresses.page}/effects")).json()
            assert (await http.get(f"{self.addresses.page}/violations")).json() == {"violations": []}
        return {f"event {number}": "" for number in range(counted["counts"].get("event", 0))}

    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        await said(self.addresses, "DUPLICATING")
        with pytest.raises(OutsideError):
            await consumed(adapter, parcel)
        await said(self.addresses, "OK")

    async def away(self) -> Adapter:
        partner = self._described("http://127.0.0.1:9/events")
        return kind_of(partner).adapter(partner, AROUND)


@dataclass
class ControlRoom(Webhook):
    """A control room in a process of its own."""

    def _described(self, address: str) -> Partner:
        plain = super()._described(address)
        return Partner(msgspec.structs.replace(plain.description, kind="control-room"), plain.folder)


@dataclass
class Csv(Far):
    """Folders, sealed to the partner's key, and what the partner drops, sealed to ours."""

    keeps = False
    finds = False

    def __post_init__(self) -> None:
        self.home: Home = make_home(self.folder)

    @property
    def partner(self) -> Partner:
        return self.home.partner(plain=False)

    async def there(self, ledger: Books) -> dict[str, str]:
        return {path.name: json.dumps(self.home.opened(path)) for path in self.home.outgoing.iterdir()}

    async def change(self, ledger: Books, ours: str, place: str) -> None:
        names = {HOME: "home", HOSPICE: "hospice"}
        there = ledger.held[ours].theirs
        row = {
            **PLACE,
            "record_id": there.partition(".")[2],
            "nhs_number": ledger.number,
            "family_name": "Invented",
            "date_of_birth": BORN,
            "place": names[place],
        }
        self.home.drop("from-them.csv.jwe", self.home.sealed(file_of(row)))

    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        await consumed(adapter, parcel)  # the file is there, and whoever would have remembered it is dead

    async def away(self) -> Adapter:
        adapter = self.adapter()
        self.home.outgoing.rename(self.folder / "unmounted")
        return adapter


@dataclass
class Locator(Far):
    """The National Record Locator; `clock` runs ahead of the machine's, so that nothing has to wait for it."""

    origin: str = field(kw_only=True)
    nrl: Nrl = field(kw_only=True)
    keeps = False
    sends = False
    finds = False
    stands_for_all = True

    def __post_init__(self) -> None:
        self.notes = NotesInMemory()
        self.ahead = timedelta()
        self.nrl.clock = lambda: self._now().timestamp()

    @property
    def partner(self) -> Partner:
        return nrl_world.described(self.origin, self.folder)

    def adapter(self) -> Adapter:
        return self._adapter(self.partner)

    def _adapter(self, partner: Partner) -> Adapter:
        around = replace(AROUND, clock=self._now, notes=lambda name: self.notes)
        return kind_of(partner).adapter(partner, around)

    async def there(self, ledger: Books) -> dict[str, str]:
        return {one["id"]: one["meta"]["lastUpdated"] for one in self.nrl.pointers(ledger.number)}

    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        self.nrl.faults.extend(["", "unheard"])
        with pytest.raises(OutsideError):
            await consumed(adapter, parcel)
        self.ahead += SETTLED_AFTER

    async def away(self) -> Adapter:
        return self._adapter(nrl_world.described("http://127.0.0.1:9", self.folder))

    def _now(self) -> datetime:
        return system_clock() + self.ahead


def served_nrl(origin: str) -> Nrl:
    """Return NRL with its platform's token endpoint."""
    types = {nrl_world.ORGANISATION: {nrl_world.settings().type}}
    nrl = Nrl(types)
    tokens = Tokens(f"{origin}{TOKEN}", nrl_world.API_KEY, nrl_world.KEY, clock=lambda: nrl.clock())
    nrl.tokens = tokens
    return nrl


@dataclass
class GpDocument(Far):
    """A practice behind MESH; each state of a plan is one document."""

    surgery: Surgery = field(kw_only=True)
    keeps = False
    sends = False
    finds = False

    @property
    def partner(self) -> Partner:
        return gp_described(self.surgery.standing.front.base, self.surgery.standing.folder)

    def adapter(self) -> Adapter:
        return self.surgery.adapter()

    async def there(self, ledger: Books) -> dict[str, str]:
        return dict.fromkeys(self.surgery.documents(ledger.number), "")

    async def lose(self, adapter: Adapter, parcel: Parcel) -> None:
        await self.surgery.lose(adapter, parcel)

    async def away(self) -> Adapter:
        return self.surgery.adapter("https://127.0.0.1:9")


@contextmanager
def standing(kind: str) -> Iterator[Addresses]:
    """Run a stand-in."""
    if kind in ("webhook", "control-room"):
        keys = {"keys": [signing_key(PEM).as_dict(private=False)]}
        config = Config(name="room", title="Room", kind="events", organisation="ZZAMB1", jwks=keys)
    else:
        sender = Sender(CLIENT, {"keys": [KEY.as_dict(private=False)]})
        config = Config(name="hospice", title="Hospice", kind="record", organisation="ZZHSP1", sender=sender)
    with process_of(config) as addresses:
        yield addresses


class Fleet:
    """What the partners run in, started when it is first asked for, for the time of a module."""

    def __init__(self, service: Callable[[], Running]) -> None:
        self._service = service
        self._stack = ExitStack()
        self._running: dict[str, Any] = {}

    def far(self, kind: str, folder: Path) -> Far:
        """Return a partner of a kind."""
        if kind not in self._running:
            self._running[kind] = self._start(kind)
        running = self._running[kind]
        if kind == "csv":
            return Csv(folder)
        if kind == "nrl":
            return Locator(folder, origin=running[0], nrl=running[1])
        if kind == "gp-document":
            return GpDocument(folder, surgery=Surgery(running))
        if kind == "webhook":
            return Webhook(folder, addresses=running)
        if kind == "control-room":
            return ControlRoom(folder, addresses=running)
        if kind == "router":
            return Router(folder, address=running[0], cable=running[1])
        if kind == "ourselves":
            return Ourselves(folder, service=running[0], cable=running[1])
        return StandIn(folder, addresses=running, once=kind.partition(": ")[2])

    def close(self) -> None:
        """Stop all of it."""
        self._stack.close()

    def _start(self, kind: str) -> Any:
        if kind == "csv":
            return None
        if kind == "nrl":
            return self._stack.enter_context(nrl_server(served_nrl))
        if kind == "gp-document":
            return self._stack.enter_context(gp_standing(Path(self._stack.enter_context(TemporaryDirectory()))))
        if kind == "router":
            address = self._stack.enter_context(fhir_router())
            return address, self._cable(httpx.URL(address).port)
        if kind == "ourselves":
            service = self._service()
            return service, self._cable(service.settings.port)
        return self._stack.enter_context(standing(kind))

    def _cable(self, port: int | None) -> Cable:
        assert port is not None
        cable = Cable(port)
        self._stack.callback(cable.close)
        return cable


KINDS = (
    "stand-in: if-none-exist",
    "stand-in: idempotency-key",
    "ourselves",
    "router",
    "webhook",
    "control-room",
    "csv",
    "nrl",
    "gp-document",
)
"""A kind that is added to `adapters.registry` is added here too."""
ONLY_ASKED = frozenset({"gp-connect", "pds"})
"""Kinds that are given nothing: there is nothing to try of them but that (`test_gp_connect`, `test_pds`)."""
SOURCES = frozenset({"mns", "nems"})
"""Kinds that are given nothing and tell of people: held to a contract of their own (`test_sources`)."""
