"""Clients that drive the service over HTTP, each in a thread with a connection of its own, until it goes away.

A client writes its own people and their notes, so that it knows which version of what it last had acknowledged. People
made in earlier rounds belong to whoever has their turn.
"""

from __future__ import annotations

import copy
import json
import threading
from random import Random

import httpx

from service.api.outcomes import DO_NOT_INFER
from tests.crash.ledger import READS, Kind, Ledger, Note, Request
from tests.journeys.people import Json, Person, person
from tests.running import FHIR, Running, parameters

CLIENTS = 4
LOCAL_NUMBER = "https://hospital.example/numbers"
"""The system of an identifier that every Patient here carries besides the NHS number."""
_REASON = json.dumps({"resourceType": "Provenance", "reason": [{"text": "Recorded twice"}]})


def somebody(index: int) -> Person:
    """Make up a person whose Patient carries a second identifier."""
    found = person(index)
    found.bundle = copy.deepcopy(found.bundle)
    found.resource("Patient")["identifier"].append({"system": LOCAL_NUMBER, "value": f"H{index}"})
    return found


def local_number(someone: Person) -> str:
    """Return the second identifier as a search names it."""
    identifiers: list[Json] = someone.resource("Patient")["identifier"]
    return "|".join(next((one["system"], one["value"]) for one in identifiers if one["system"] == LOCAL_NUMBER))


def plan_request(someone: Person) -> Request:
    """Return the creation of a whole plan."""
    return Request(Kind.PLAN, "POST", "", someone, someone.bundle, {"Prefer": "return=minimal"})


def note_request(someone: Person, text: str) -> Request:
    """Return the creation of a note."""
    return Request(Kind.NOTE, "POST", "/Observation", someone, _note(someone, text), text=text)


def change_request(note: Note, text: str) -> Request:
    """Return an update of the version that was acknowledged last."""
    body = _note(note.person, text) | {"id": note.reference.split("/")[1]}
    return Request(Kind.CHANGE, "PUT", f"/{note.reference}", note.person, body, _if_match(note), note, text)


def deletion_request(note: Note) -> Request:
    """Return the deletion of the version that was acknowledged last."""
    headers = _if_match(note) | {"X-Provenance": _REASON}
    return Request(Kind.DELETION, "DELETE", f"/{note.reference}", note.person, None, headers, note)


def emergency_request(someone: Person) -> Request:
    """Return the emergency question."""
    body = parameters(nhsNumber=someone.nhs_number)
    return Request(Kind.EMERGENCY, "POST", "/Patient/$emergency-summary", someone, body)


def read_request(note: Note) -> Request:
    """Return a read of a note."""
    return Request(Kind.READ, "GET", f"/{note.reference}", note.person, note=note)


def send(http: httpx.Client, service: Running, token: str, request: Request) -> httpx.Response:
    """Send a request and return its answer."""
    headers = {"Authorization": f"Bearer {token}", **request.sent_headers()}
    if request.body is not None:
        headers |= FHIR
    return http.request(
        request.method, f"{service.settings.fhir_base}{request.path}", json=request.body, headers=headers
    )


def record(ledger: Ledger, request: Request, answer: httpx.Response) -> None:
    """Put an answer into the ledger, judged by what the client knew when it asked."""
    if answer.status_code == 503:
        ledger.unavailable += 1
        if DO_NOT_INFER not in answer.text or not answer.headers.get("retry-after", "").isdecimal():
            ledger.surprised(request, f"a 503 without its sentence or Retry-After: {answer.text}")
        if request.kind in READS:
            ledger.dropped(request)
        return
    expected = {Kind.PLAN: 200, Kind.NOTE: 201, Kind.CHANGE: 200, Kind.DELETION: 204, Kind.EMERGENCY: 200}
    deleted = request.kind is Kind.READ and request.note is not None and request.note.deleted
    if answer.status_code != (410 if deleted else expected.get(request.kind, 200)):
        ledger.surprised(request, f"{answer.status_code} {answer.text[:400]}")
        ledger.dropped(request)
        return
    asked = request.note if request.kind is Kind.READ and not deleted else None
    if asked is not None and answer.json()["valueString"] != asked.texts[-1]:
        ledger.surprised(request, "a read showed another state than the one acknowledged last")
    ledger.acknowledged(request, answer)


class Client(threading.Thread):
    """One client; ends when the service does, or when it is told to."""

    def __init__(self, service: Running, ledger: Ledger, number: int, seed: str, first: int) -> None:
        """`first` is the index of the first person that this client may make up."""
        super().__init__(name=f"client-{number}", daemon=True)
        self._service = service
        self._ledger = ledger
        self._random = Random(seed)
        self._next = first
        self._token = service.token("gp", "ZZGP01")
        self._stopping = threading.Event()
        self.plans = ledger.plans[number::CLIENTS]
        self.notes = [note for note in ledger.notes if note.person in self.plans]

    def stop(self) -> None:
        """End after the request that is on its way."""
        self._stopping.set()

    def run(self) -> None:
        with httpx.Client(timeout=30) as http:
            while not self._stopping.is_set():
                request = self._choose()
                self._ledger.sends(request)
                try:
                    answer = send(http, self._service, self._token, request)
                except httpx.TransportError:
                    if self._service.process.poll() is not None:
                        return
                    if request.kind in READS:
                        self._ledger.dropped(request)
                    continue
                record(self._ledger, request, answer)
                if request in self._ledger.answered:
                    self._remember(request)

    def _remember(self, request: Request) -> None:
        if request.kind is Kind.PLAN:
            self.plans.append(request.person)
        elif request.kind is Kind.NOTE and request.note is not None:
            self.notes.append(request.note)

    def _choose(self) -> Request:
        sure = [someone for someone in self.plans if not self._ledger.unsure(someone)]
        notes = [note for note in self.notes if not note.deleted and note.person in sure]
        dice = self._random.random()
        if not sure or dice < 0.1:
            self._next += 1
            return plan_request(somebody(self._next - 1))
        someone, text = self._random.choice(sure), f"note {self._random.getrandbits(48):x}"
        if not notes or dice < 0.3:
            return note_request(someone, text)
        note = self._random.choice(notes)
        if dice < 0.65:
            return change_request(note, text)
        if dice < 0.75:
            return deletion_request(note)
        return emergency_request(someone) if dice < 0.9 else read_request(note)


def _if_match(note: Note) -> dict[str, str]:
    return {"If-Match": f'W/"{len(note.texts)}"'}


def _note(someone: Person, words: str) -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Comfort"},
        "subject": {"reference": someone.patient},
        "effectiveDateTime": "2026-03-01T10:00:00Z",
        "valueString": words,
    }
