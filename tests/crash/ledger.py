"""What clients sent and what was acknowledged: the memory against which a restarted service is checked."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import httpx

from tests.journeys.people import Json, Person, references_of


class Kind(StrEnum):
    """What a request does."""

    PLAN = "plan"
    NOTE = "note"
    CHANGE = "change"
    DELETION = "deletion"
    EMERGENCY = "emergency"
    READ = "read"


READS = (Kind.EMERGENCY, Kind.READ)


@dataclass(slots=True, eq=False)
class Note:
    """A small resource that one client writes; `texts` has what each version says, None for a deletion."""

    person: Person
    reference: str
    texts: list[str | None]

    @property
    def deleted(self) -> bool:
        return self.texts[-1] is None


@dataclass(slots=True, eq=False)
class Request:
    """One request as it was sent. `key` is its Idempotency-Key, `request_id` leads to its audit entry."""

    kind: Kind
    method: str
    path: str
    person: Person
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)
    note: Note | None = None
    text: str = ""
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    written: tuple[str, ...] = ()
    """Once it is acknowledged: the versions that it made, as audit entries name them."""

    def sent_headers(self) -> dict[str, str]:
        """Return its headers but for the token."""
        own = {"X-Request-Id": self.request_id, **self.headers}
        return own if self.kind in READS else {"Idempotency-Key": self.key, **own}

    def repeated(self) -> Request:
        """Return the same request as a client sends it again: same key, another request id."""
        return Request(
            self.kind, self.method, self.path, self.person, self.body, self.headers, self.note, self.text, self.key
        )


class Ledger:
    """Everything that the clients of one home know. Safe to use from several threads."""

    def __init__(self) -> None:
        self.plans: list[Person] = []
        self.notes: list[Note] = []
        self.answered: list[Request] = []
        self.open: list[Request] = []
        """Sent and not acknowledged; nobody knows what became of them."""
        self.fresh: list[Request] = []
        """What was acknowledged since the last check."""
        self.surprises: list[str] = []
        self.unavailable = 0
        self.deliveries = 0
        """Found waiting at the last look, and done by then."""
        self._lock = threading.Lock()
        self._sent = 0
        self._wanted: tuple[int, Callable[[], None]] | None = None

    def after(self, sent: int, then: Callable[[], None]) -> None:
        """Call `then` once, when that many more requests have been sent."""
        with self._lock:
            self._wanted = (self._sent + sent, then)

    def sends(self, request: Request) -> None:
        """Take note that a request is on its way: from now on it may have been done."""
        with self._lock:
            self.open.append(request)
            self._sent += 1
            due = self._wanted is not None and self._sent >= self._wanted[0]
            then, self._wanted = (self._wanted[1] if due and self._wanted else None), None if due else self._wanted
        if then is not None:
            then()

    def surprised(self, request: Request, what: str) -> None:
        """Take note of an answer that must not be."""
        with self._lock:
            self.surprises.append(f"{request.kind} {request.method} {request.path}: {what}")

    def acknowledged(self, request: Request, answer: httpx.Response) -> None:
        """Take note of what a client was told; a read that told something else than was written is a surprise."""
        with self._lock:
            self.open.remove(request)
            self.answered.append(request)
            self.fresh.append(request)
            match request.kind:
                case Kind.PLAN:
                    request.person.references = references_of(answer)
                    self.plans.append(request.person)
                    request.written = tuple(entry["response"]["location"] for entry in answer.json()["entry"])
                case Kind.NOTE:
                    body = answer.json()
                    note = Note(request.person, f"{body['resourceType']}/{body['id']}", [request.text])
                    self.notes.append(note)
                    request.note, request.written = note, (f"{note.reference}/_history/1",)
                case Kind.CHANGE | Kind.DELETION:
                    changed = request.note
                    assert changed is not None
                    changed.texts.append(request.text if request.kind is Kind.CHANGE else None)
                    request.written = (f"{changed.reference}/_history/{len(changed.texts)}",)
                case Kind.EMERGENCY | Kind.READ:
                    pass

    def dropped(self, request: Request) -> None:
        """Forget a request that was answered with a refusal to serve: it is known not to have told anything."""
        with self._lock:
            self.open.remove(request)

    def unsure(self, person: Person) -> bool:
        """Say whether a request about somebody is open."""
        with self._lock:
            return any(request.person is person for request in self.open if request.kind not in READS)
