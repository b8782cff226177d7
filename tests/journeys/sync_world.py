"""The real program with three partners, each a process of its own: a practice, a hospice and a control room."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from fhir_profiles.terminology import SNOMED
from security.event_signature import signing_key
from security.keys import open_keys
from service.standins.config import Config, Sender
from service.standins.run import Addresses
from tests.board import board_until
from tests.journeys.people import Json, Person, gp, person, posted
from tests.running import Running, demo_settings, free_port, running
from tests.standins.far_end import CLIENT, FORM, KEY, token_form
from tests.standins.processes import process_of

DEADLINE = 60.0
LIMITS = {"timeout": 5, "retry_base": 0.05, "retry_cap": 0.5, "poll_every": 0.3}
PEOPLE = range(9_000, 9_016)


def concept(code: str) -> Json:
    """Return a SNOMED CT concept."""
    return {"coding": [{"system": SNOMED, "code": code}]}


def until(seen: Callable[[], Any], what: str) -> None:
    """Look again and again until something is seen."""
    deadline = time.monotonic() + DEADLINE
    while not seen():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # waiting for other processes; nothing is measured or decided by it


@dataclass(slots=True)
class Side:
    """A partner's system as its own people see it."""

    name: str
    addresses: Addresses
    http: httpx.Client = field(repr=False)
    base: str = ""
    """Our FHIR base, by which what came from us is marked there."""

    def ours(self, someone: Person) -> dict[str, Json]:
        """Return what it holds from us of a person, by our references; each of them once."""
        found: dict[str, Json] = {}
        theirs = self.patient(someone)
        for kind in ("Observation", "AllergyIntolerance", "CarePlan", "Consent", "Condition", "Flag"):
            for one in self._search(kind, f"patient={theirs}") if theirs else ():
                for mark in (one for one in one.get("identifier", ()) if one.get("system") == self.base):
                    assert mark["value"] not in found, "the same resource of ours is there twice"
                    found[mark["value"]] = one
        return found

    def patient(self, someone: Person) -> str:
        """Return its reference of a person, '' when it does not know them."""
        found = self._search("Patient", f"identifier={NHS_NUMBER_SYSTEM}|{someone.nhs_number}")
        return f"Patient/{found[0]['id']}" if found else ""

    def code_of(self, someone: Person, reference: str) -> str:
        """Return the code of the value of what it holds of a resource of ours; '' for nothing."""
        held = self.ours(someone).get(reference)
        return str(held["valueCodeableConcept"]["coding"][0]["code"]) if held is not None else ""

    def counts(self) -> dict[str, int]:
        """Return its effects over the wire by kind."""
        return dict(self._asked("/effects")["counts"])

    def causes(self) -> dict[str, int]:
        """Return its effects by type, events by cause."""
        return dict(self._asked("/effects")["by_type"])

    def violations(self) -> list[Json]:
        """Return what broke a rule there."""
        return list(self._asked("/violations")["violations"])

    def say(self, word: str, **more: Any) -> None:
        """Tell it how to behave."""
        answer = self.http.post(f"{self.addresses.control}/say", json={"word": word, **more})
        assert answer.status_code == 200, answer.text

    def behaves(self) -> str:
        """Return how it behaves now."""
        return str(self._asked("/state")["word"])

    def write(self, someone: Person, form: str, **members: str) -> None:
        """Let the nurse save a form of her page."""
        page = f"{self.addresses.page}/people/{self.patient(someone).removeprefix('Patient/')}/{form}"
        answer = self.http.post(page, data=members, headers={"Origin": self.addresses.page})
        assert answer.status_code == 303, answer.text

    def _asked(self, path: str) -> Json:
        answer: Json = self.http.get(f"{self.addresses.control}{path}").json()
        return answer

    def _search(self, kind: str, body: str) -> list[Json]:
        token = f"{self.addresses.page}/token"
        given = self.http.post(token, data=token_form(token)).json()["access_token"]
        headers = {**FORM, "Authorization": f"Bearer {given}"}
        answer = self.http.post(f"{self.addresses.wire}/{kind}/_search", content=body.encode(), headers=headers)
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", ())]


@dataclass(slots=True)
class SyncWorld:
    """The service and its partners. `people` are known to the practice's system from the start."""

    service: Running
    gp: Side
    hospice: Side
    room: Side
    people: Iterator[Person]

    def admitted(self) -> Person:
        """Let the practice post somebody's plan, and wait until the partners have it."""
        someone = posted(self.service, next(self.people))
        cpr = someone.cpr()
        until(lambda: all(cpr in side.ours(someone) for side in (self.gp, self.hospice)), "the plan travels")
        self.service.open_incident(someone.nhs_number)  # from here on the control room may know that something changes
        self.settled()
        return someone

    def changes(self, someone: Person, reference: str, **elements: Any) -> None:
        """Let the practice change a resource."""
        token = gp(self.service)
        read = self.service.call("GET", f"/{reference}", token)
        match = {"If-Match": read.headers["etag"]}
        answer = self.service.call("PUT", f"/{reference}", token, {**read.json(), **elements}, match)
        assert answer.status_code == 200, answer.text

    def adds(self, someone: Person, words: str) -> str:
        """Let the practice add an allergy; return its reference."""
        system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
        resource = {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": {"coding": [{"system": system, "code": "active"}]},
            "code": {"text": words},
            "patient": {"reference": someone.patient},
        }
        answer = self.service.call("POST", "/AllergyIntolerance", gp(self.service), resource)
        assert answer.status_code == 201, answer.text
        return f"AllergyIntolerance/{answer.json()['id']}"

    def until(self, wanted: Callable[[dict[str, Json]], bool], *, empty: bool = False) -> dict[str, Json]:
        """Wait until the partners, by name, stand as wanted; return how they do."""
        return board_until(self.service.settings, wanted, DEADLINE, empty=empty)

    def settled(self) -> None:
        """Wait until nothing waits for any partner, and nothing needs a person."""

        def quiet(one: Json) -> bool:
            return one["served"] and not any(one["waiting"].values()) and not one["circuit"]["open"]

        found = self.until(lambda every: all(quiet(one) for one in every.values()), empty=True)
        troubles = {name: one["troubles"] for name, one in found.items() if one["troubles"]}
        assert not troubles, troubles

    def right(self) -> None:
        """Nobody saw a request that breaks a rule."""
        assert [side.violations() for side in (self.gp, self.hospice, self.room)] == [[], [], []]


@dataclass(slots=True)
class Place:
    """Where a world runs: its home, its port, which stays over a restart, and the partners' processes."""

    home: Path
    partners: Path
    port: int
    sides: Mapping[str, Side]
    people: Iterator[Person]
    store: str

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[SyncWorld]:
        """Run the service until the block ends; what the partners hold stays."""
        port, partners = str(self.port), str(self.partners)
        with running(
            self.home, *arguments, EPACCS_PORT=port, EPACCS_PARTNERS=partners, EPACCS_STORE=self.store
        ) as service:
            for side in self.sides.values():
                side.base = service.settings.fhir_base
            yield SyncWorld(service, self.sides["gp"], self.sides["hospice"], self.sides["room"], self.people)


@contextmanager
def place_of(folder: Path, store: str = "") -> Iterator[Place]:
    """Start the partners, and describe them."""
    partners = folder / "partners"
    partners.mkdir()
    key = partners / "key"
    key.touch(mode=0o600)
    key.write_text(json.dumps(KEY.as_dict(private=True)))
    home, port = folder / "home", free_port()
    published = signing_key(open_keys(demo_settings(home, port).keys).issuer_pem)
    (partners / "jwks").write_text(json.dumps({"keys": [published.as_dict(private=False)]}))
    people = [person(index, place="hospice") for index in PEOPLE]
    known = tuple(_identity(one) for one in people)
    sender = Sender(CLIENT, {"keys": [KEY.as_dict(private=False)]})
    configs = {
        "gp": Config(name="gp", title="GP", kind="record", organisation="ZZGP01", sender=sender, people=known),
        "hospice": Config(
            name="hospice",
            title="Hospice",
            kind="record",
            organisation="ZZHSP1",
            sender=sender,
            nurse="Sister Tamsin Sample",
        ),
        "room": Config(
            name="room", title="Room", kind="events", organisation="ZZAMB1", jwks_file=str(partners / "jwks")
        ),
    }
    with ExitStack() as stack:
        http = stack.enter_context(httpx.Client(trust_env=False, timeout=30))
        sides = {name: Side(name, stack.enter_context(process_of(one)), http) for name, one in configs.items()}
        for name, side in sides.items():
            (partners / f"{name}.json").write_text(json.dumps(_described(name, side.addresses)))
        yield Place(home, partners, port, sides, iter(people), store or f"sqlite:///{home}/records.sqlite")


@contextmanager
def world_of(folder: Path, *arguments: str, store: str = "") -> Iterator[SyncWorld]:
    """Run everything."""
    with place_of(folder, store) as place, place.serving(*arguments) as world:
        yield world


def _identity(someone: Person) -> Json:
    patient = someone.resource("Patient")
    kept = ("resourceType", "identifier", "name", "gender", "birthDate")
    return {name: patient[name] for name in kept if name in patient}


def _described(name: str, addresses: Addresses) -> Json:
    client = {"gp": "demo-gp-partner", "hospice": "demo-hospice-partner", "room": "demo-ambulance-partner"}[name]
    owner = {"name": "Integration desk", "organisation": "ZZGP01"}
    told: Json = {"name": name, "title": f"The {name}", "client": client, "owner": owner, "limits": LIMITS}
    if name == "room":
        settings: Json = {"address": addresses.wire, "hosts": ["127.0.0.1"]}
        return {**told, "kind": "webhook", "people": "locality", "settings": settings}
    token = f"{addresses.page}/token"
    auth = {"token_url": token, "client_id": CLIENT, "key_file": "key", "scope": "system/*.cruds"}
    settings = {
        "base": addresses.wire,
        "auth": auth,
        "once": "if-none-exist" if name == "gp" else "idempotency-key",
        "types": ["Patient", "Observation", "CarePlan", "AllergyIntolerance"],
        "patients": "find" if name == "gp" else "create",
        "write_notes": name == "gp",
    }
    return {**told, "kind": "fhir", "sends": True, "settings": settings}
