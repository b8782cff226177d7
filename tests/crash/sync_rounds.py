"""Rounds of writes with a partner on the far side, a kill at a random moment, and a restart on the same home.

One client writes; what had no answer when the service died is sent again under its key. The receiver lives through all
of it. The service's clock is moved past the lease of the dead process, so that nobody waits for that. In the end the
receiver must have the newest version of everything, each effect once, nothing older after it, and nothing that is gone.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import httpx

from security.clock import MovableClock
from service.sync.relay import LEASE
from tests.crash.places import Place, kill, until
from tests.journeys.people import Json, person, references_of
from tests.peers.posting import KIND, RunningReceiver, receiving
from tests.peers.receiver import Has
from tests.running import FHIR, Running

SERVE = ("tests.crash.sync_serving",)
FIRST = 30_000
_REASON = json.dumps({"resourceType": "Provenance", "reason": [{"text": "Recorded twice"}]})
_CATCHES_UP = 60.0


@dataclass(slots=True)
class Write:
    """One request, and what it leaves: by reference the version that the partner shall have; None for gone."""

    method: str
    path: str
    body: Json | None
    headers: dict[str, str] = field(default_factory=dict)
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(slots=True)
class Player:
    """Writes, and knows what was acknowledged: versions of its own resources by reference, and who they are of."""

    random: Random
    next_person: int = FIRST
    patients: list[str] = field(default_factory=list)
    versions: dict[str, int | None] = field(default_factory=dict)
    bodies: dict[str, Json] = field(default_factory=dict)
    open: Write | None = None
    writes: int = 0

    def choose(self) -> Write:
        """Return what is written next."""
        alive = [one for one, version in self.versions.items() if version]
        dice = self.random.random()
        if not self.patients or dice < 0.1:
            self.next_person += 1
            return Write("POST", "", person(self.next_person, place="hospice").bundle)
        if not alive or dice < 0.4:
            return Write("POST", "/AllergyIntolerance", allergy(self.random.choice(self.patients), self._word()))
        reference = self.random.choice(alive)
        match = {"If-Match": f'W/"{self.versions[reference]}"'}
        if dice < 0.85:
            body = {**self.bodies[reference], "id": reference.split("/")[1], "code": {"text": self._word()}}
            return Write("PUT", f"/{reference}", body, match)
        return Write("DELETE", f"/{reference}", None, match | {"X-Provenance": _REASON})

    def acknowledged(self, write: Write, answer: httpx.Response) -> None:
        """Take up an answer."""
        assert answer.status_code in (200, 201, 204), answer.text
        self.writes += 1
        if not write.path:
            references = references_of(answer)
            self.patients.append(next(one for one in references if one.startswith("Patient/")))
        elif write.method == "POST":
            reference = f"AllergyIntolerance/{answer.json()['id']}"
            self.versions[reference], self.bodies[reference] = 1, write.body or {}
        else:
            reference = write.path[1:]
            self.versions[reference] = None if write.method == "DELETE" else (self.versions[reference] or 0) + 1

    def drive(self, service: Running, stopping: threading.Event) -> None:
        """Write until told to stop, or the service dies."""
        token = service.token("gp", "ZZGP01")
        with httpx.Client(timeout=30) as http:
            while not stopping.is_set():
                self.open = write = self.open or self.choose()
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": write.key, **FHIR, **write.headers}
                address = f"{service.settings.fhir_base}{write.path}"
                try:
                    answer = http.request(write.method, address, json=write.body, headers=headers)
                except httpx.TransportError:
                    return
                if answer.status_code == 503:
                    continue
                self.open = None
                self.acknowledged(write, answer)

    def _word(self) -> str:
        return f"word {self.random.getrandbits(48):x}"


def allergy(patient: str, words: str) -> Json:
    """Return a small resource that the partner may see."""
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    return {
        "resourceType": "AllergyIntolerance",
        "code": {"text": words},
        "patient": {"reference": patient},
        "clinicalStatus": {"coding": [{"system": system, "code": "active"}]},
    }


def describe(home: Path, url: str) -> Path:
    """Write the description of the partner; return its folder."""
    folder = home / "partners"
    folder.mkdir(exist_ok=True)
    described = {
        "name": "hospice",
        "kind": KIND,
        "title": "The hospice",
        "client": "demo-hospice",
        "owner": {"name": "Owner Example", "organisation": "ZZGP01"},
        "settings": {"url": url},
    }
    (folder / "hospice.json").write_text(json.dumps(described))
    return folder


def play(store: str, rounds: int, seed: int, folder: Path) -> tuple[Player, Has]:
    """Play rounds on one home; return what was written and what the receiver has. Fail with seed and round."""
    random = Random(f"sync:{store}:{seed}")
    place, player = Place(store, folder, SERVE), Player(random)
    clock = MovableClock(place.home / "clock")
    number = 0
    try:
        with receiving(folder / "journal") as receiver:
            partners = str(describe(place.home, receiver.url))
            for number in range(rounds + 1):
                with place.running(EPACCS_PARTNERS=partners) as service:
                    if number < rounds:
                        _round(player, service, random.uniform(0.05, 1.5))
                    else:
                        _last(player, service, receiver, clock)
                clock.advance(LEASE + timedelta(seconds=1))
            has = receiver.has()
            wrong = _wrong(player, has, folder / "journal")
            assert not wrong, "\n".join(wrong[:20])
            return player, has
    except BaseException as failure:
        failure.add_note(f"store {store}, seed {seed}, round {number}, state in {folder}")
        raise
    finally:
        place.close()


def _round(player: Player, service: Running, seconds: float) -> None:
    stopping = threading.Event()
    client = threading.Thread(target=player.drive, args=(service, stopping), daemon=True)
    client.start()
    stopping.wait(seconds)  # the random moment
    kill(service.process)
    stopping.set()
    client.join(timeout=60)
    assert not client.is_alive(), "a client waits for an answer of a service that is dead"


def _last(player: Player, service: Running, receiver: RunningReceiver, clock: MovableClock) -> None:
    """Send again what was open, and wait until the receiver has it all."""
    if player.open is not None:
        stopping = threading.Event()
        client = threading.Thread(target=player.drive, args=(service, stopping), daemon=True)
        client.start()
        until(lambda: player.open is None or client.is_alive() is False, 30, "the open write is answered")
        stopping.set()
        client.join(timeout=60)
    until(lambda: not _missing(player, receiver.has()), _CATCHES_UP, "the receiver has everything")


def _missing(player: Player, has: Has) -> list[str]:
    there = {one: has.versions.get(one) for one in player.versions}
    found = [one for one, version in player.versions.items() if there[one] != version]
    return found + [one for one in player.patients if one not in has.versions]


def _wrong(player: Player, has: Has, journal: Path) -> list[str]:
    """Return what is wrong with what the receiver saw: each version once, newer ones later, nothing unknown."""
    found = list(has.problems) + _missing(player, has)
    lines = [line.split() for line in journal.read_text().splitlines()]
    effects = Counter((reference, version) for _, _, reference, version in lines if version != "0")
    found += [f"{effect} happened {times} times" for effect, times in effects.items() if times > 1]
    return found
