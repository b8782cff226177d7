"""Starting and stopping the stand-in partners: processes of their own, and a description of each for the sync engine.

They are told all they need on their standard input: no address, key or person is on a command line. When that ends,
because we end in whatever way, they end too.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey

from adapters.errors import OutsideError
from adapters.http import HttpClient
from fhir_profiles.identifiers import ODS_SYSTEM
from security.demo_clients import add_missing_demo_clients
from security.errors import KeysRefused
from security.key_file import create_private, read_private
from security.keys import open_keys
from security.localities import load_policies
from security.registry import ClientRegistry
from service.opening import issuer_of
from service.people.demo import demo_people
from service.settings import PARTNERS, Settings
from service.standins.config import Config, Sender
from service.standins.run import Addresses
from service.wiring import clock_of

NAMES = ("gp", "hospice", "ambulance")
PARTNER_FOLDER = PARTNERS
SENDER_ID = "shared-record"
_CONTROL_ABOVE = 10
_TITLES = {
    "gp": "Example GP system",
    "hospice": "Example hospice system",
    "ambulance": "Example ambulance control room",
}
_ORGANISATIONS = {"gp": "ZZGP01", "hospice": "ZZHSP1", "ambulance": "ZZAMB1"}
ROOM = "control-room"
_ALSO = {"ambulance": (ROOM,)}
"""A control room is two partners on one address: one is told that plans change, one has flags and answers."""
_IDENTITY = ("resourceType", "identifier", "active", "name", "gender", "birthDate")
_READ_BACK = ("Observation", "CarePlan", "AllergyIntolerance")


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running stand-in."""

    name: str
    title: str
    addresses: Addresses
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process.poll() is None


@contextmanager
def standing_ins(settings: Settings, folder: Path, missing: Callable[[str], None]) -> Iterator[list[StandIn]]:
    """Run the three stand-ins until the block ends, and write their descriptions into `folder`.

    One that cannot be started is told to `missing` in a plain sentence and left out, its description too.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "keys").mkdir(exist_ok=True, mode=0o700)
    registry = ClientRegistry.load(settings.clients, load_policies(settings.policy, settings.localities).roles)
    add_missing_demo_clients(settings.home, registry)
    _write_jwks(settings, registry, folder / "keys" / "jwks.json")
    people = _people(settings)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for name in NAMES:
            processes.append(_begun(_config(settings, folder, name, people)))
        started = []
        for name, process in zip(NAMES, processes, strict=True):
            descriptions = [folder / f"{each}.json" for each in (name, *_ALSO.get(name, ()))]
            try:
                one = _answering(name, process)
            except _DidNotStartError as error:
                for description in descriptions:
                    description.unlink(missing_ok=True)
                missing(f"{_TITLES[name]} is not there (port {_port(settings, name)}): {error}")
                continue
            for description, said in zip(descriptions, _descriptions(one), strict=True):
                description.write_bytes(msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n")
            started.append(one)
        yield started
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            _ended(process)


def control_url(settings: Settings, name: str) -> str:
    """Return where a stand-in takes commands."""
    return f"http://127.0.0.1:{_port(settings, name) + _CONTROL_ABOVE}"


async def command(url: str, path: str, said: Mapping[str, Any]) -> str | None:
    """Send a command to a control endpoint; return why it was not taken, None when it was."""
    headers = {"Content-Type": "application/json"}
    try:
        async with HttpClient() as http:
            content = msgspec.json.encode(said)
            answer = await http.send("POST", f"{url}{path}", headers=headers, content=content, within=5)
        return None if answer.status == 200 else str(msgspec.json.decode(answer.body)["problem"])
    except OutsideError:
        return "It does not run here: `epaccs partners demo` starts it."
    except (msgspec.DecodeError, KeyError, TypeError):
        return "What answers there is no stand-in."


async def state(url: str) -> str | None:
    """Return the word by which a stand-in behaves; None where none answers."""
    try:
        async with HttpClient() as http:
            answer = await http.send("GET", f"{url}/state", within=5)
        return str(msgspec.json.decode(answer.body)["word"])
    except (OutsideError, msgspec.DecodeError, KeyError, TypeError):
        return None


def _port(settings: Settings, name: str) -> int:
    return settings.standins_port + NAMES.index(name)


def _config(settings: Settings, folder: Path, name: str, people: Mapping[str, tuple[dict[str, Any], ...]]) -> Config:
    port = _port(settings, name)
    told: dict[str, Any] = {
        "name": name,
        "title": _TITLES[name],
        "organisation": _ORGANISATIONS[name],
        "port": port,
        "control_port": port + _CONTROL_ABOVE,
    }
    if name == "ambulance":
        return Config(kind="events", jwks_file=str((folder / "keys" / "jwks.json").absolute()), **told)
    key = _key(folder / "keys" / f"{name}.jwk", name)
    sender = Sender(SENDER_ID, {"keys": [key.as_dict(private=False)]})
    nurse = "Sister Tamsin Sample" if name == "hospice" else ""
    return Config(kind="record", sender=sender, people=people[name], nurse=nurse, **told)


def _begun(config: Config) -> subprocess.Popen[bytes]:
    """Start a process and tell it what it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service.standins"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to hear, and then we end them
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended already, and `_answering` says so
        process.stdin.write(msgspec.json.encode(config) + b"\n")
        process.stdin.flush()
    return process


def _answering(name: str, process: subprocess.Popen[bytes]) -> StandIn:
    """Wait until a stand-in says where it is; raise _DidNotStartError with why it does not."""
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        return StandIn(name, _TITLES[name], msgspec.json.decode(line, type=Addresses), process)
    except msgspec.DecodeError:
        raise _DidNotStartError(_problem(line)) from None


def _problem(line: bytes) -> str:
    try:
        return str(msgspec.json.decode(line)["problem"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return "it ended at once"


class _DidNotStartError(Exception):
    """A stand-in ended before it could say where it is."""


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End a process and let go of its pipes."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _descriptions(one: StandIn) -> list[dict[str, Any]]:
    """Return the descriptions of the partners that a stand-in plays."""
    first = _description(one)
    if one.name != "ambulance":
        return [first]
    settings = {"address": one.addresses.wire, "hosts": ["127.0.0.1"]}
    room = {"name": ROOM, "kind": ROOM, "client": f"demo-{ROOM}-partner", "people": "related", "settings": settings}
    return [first, {**first, **room}]


def _description(one: StandIn) -> dict[str, Any]:
    """Return the description of a partner, as `adapters.partners` reads it."""
    owner = {"name": "Integration desk", "organisation": _ORGANISATIONS[one.name]}
    told = {"name": one.name, "title": f"{one.title} (stand-in)", "client": f"demo-{one.name}-partner", "owner": owner}
    limits = {"timeout": 10, "retry_base": 0.5, "retry_cap": 10, "poll_every": 2}
    if one.name == "ambulance":
        settings: dict[str, Any] = {"address": one.addresses.wire, "hosts": ["127.0.0.1"], "payload": "ids"}
        return {**told, "kind": "webhook", "people": "locality", "limits": limits, "settings": settings}
    settings = {
        "base": one.addresses.wire,
        "auth": {
            "token_url": f"{one.addresses.page}/token",
            "client_id": SENDER_ID,
            "key_file": f"keys/{one.name}.jwk",
            "algorithm": "ES384",
            "scope": "system/*.cruds",
        },
        "once": "if-none-exist" if one.name == "gp" else "idempotency-key",
        "types": list(_READ_BACK),
        "patients": "find" if one.name == "gp" else "create",
        "write_notes": one.name == "gp",
    }
    return {**told, "kind": "fhir", "sends": True, "limits": limits, "settings": settings}


def _key(path: Path, name: str) -> ECKey:
    """Return our key for a partner; make it, mode 0600, the first time."""
    if not path.exists():
        made = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384", "kid": f"{name}-1"})
        create_private(path, json.dumps(made.as_dict(private=True)).encode())
    try:
        return ECKey.import_key(json.loads(read_private(path)))
    except ValueError:
        raise KeysRefused(f"{path}: no private key; remove it, and a new one is made") from None


def _write_jwks(settings: Settings, registry: ClientRegistry, path: Path) -> None:
    """Write our public keys where the control room looks for them, as `/.well-known/jwks.json` publishes them."""
    issuer = issuer_of(settings, open_keys(settings.keys), registry, clock_of(settings), _spends_nothing)
    path.write_bytes(msgspec.json.encode(issuer.jwks()))


async def _spends_nothing(token: bytes, expires: Any) -> bool:
    raise AssertionError("nobody signs in here")


def _people(settings: Settings) -> dict[str, tuple[dict[str, Any], ...]]:
    """Return whom each stand-in knows from the start: those of the demo whose plan names its organisation.

    The practice's system knows them all, for it is in its name that the demo writes every plan.
    """
    known: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for one in demo_people(clock_of(settings)()):
        resources = [entry["resource"] for entry in one.bundle["entry"]]
        named = {
            identifier["value"]
            for resource in resources
            if resource["resourceType"] == "Organization"
            for identifier in resource.get("identifier", ())
            if identifier.get("system") == ODS_SYSTEM
        }
        person = next(resource for resource in resources if resource["resourceType"] == "Patient")
        for name in NAMES:
            if name == "gp" or _ORGANISATIONS[name] in named:
                known[name].append({member: person[member] for member in _IDENTITY if member in person})
    return {name: tuple(people) for name, people in known.items()}
