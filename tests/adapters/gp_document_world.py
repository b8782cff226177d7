"""Documents to a practice over a small MESH: our side, started as often as is wanted, and theirs."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.base import Cause, Message, Parcel, Put, Receipt, Resource, Untranslatable
from adapters.gp_document import GpDocumentAdapter
from adapters.gp_document_notes import DocumentNotes
from adapters.gp_document_settings import Clinician, GpDocumentSettings, Sender
from adapters.http import HttpClient, strict_tls
from adapters.mesh import Mailbox
from adapters.mesh_authorization import Credentials
from adapters.mesh_settings import MeshSettings
from adapters.notes import NotesInMemory
from tests.adapters.mesh_rules import Known
from tests.adapters.mesh_small import BASE, OURS, PASSWORD, SHARED_KEY, THEIRS, Crash, SmallMesh, Time
from tests.adapters.parcels import OBSERVATION, PERSON, put
from tests.standins.gpdocument import Practice

WORKFLOW, REPLIES = "GPCONNECT_SEND_DOCUMENT", "GPCONNECT_SEND_DOCUMENT_ACK"
_TLS = strict_tls()
MESH = MeshSettings(base=BASE, mailbox=OURS, password_file="p", shared_key_file="k", certificate_file="c", key_file="f")
SETTINGS = GpDocumentSettings(
    mesh=MESH,
    practice="ZZGP01",
    sender=Sender("ZZHSP1", "Exampleton Hospice", "01632 960 001"),
    clinician=Clinician("555500000077", "Invented", "Tamsin", "Dr"),
)


class CrashingNotes(NotesInMemory):
    """Notes that end the process before or after a write, as `crashes` say, used up one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.crashes: deque[str] = deque()

    async def write(self, key: str, before: bytes, after: bytes) -> None:
        crash = self.crashes.popleft() if self.crashes else ""
        if crash == "before":
            raise Crash
        await super().write(key, before, after)
        if crash == "after":
            raise Crash


async def document(plan: Sequence[Resource]) -> bytes:
    """Make a plan a document that stands for it."""
    return b"%PDF-1.7\n" + hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest().encode()


@dataclass
class Practised:
    """Both sides, and MESH between them. `plan` is what the practice may have now."""

    settings: GpDocumentSettings = SETTINGS
    time: Time = field(default_factory=Time)
    notes: CrashingNotes = field(default_factory=CrashingNotes)
    practice: Practice = field(default_factory=Practice)
    plan: dict[str, Resource] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    mesh: SmallMesh = field(init=False)
    adapter: GpDocumentAdapter = field(init=False)
    _made: int = 0

    def __post_init__(self) -> None:
        self.mesh = SmallMesh(self.time)
        self.mesh.rules.workflows |= {WORKFLOW, REPLIES}
        self.mesh.rules.people["9990000018"] = Known("19410502", "Exampleby", THEIRS)
        self.plan = {"Patient/p1": PERSON, "Observation/o1": OBSERVATION}
        self.adapter = self.start()

    def start(self) -> GpDocumentAdapter:
        """Return the adapter as a process that has just begun has it."""
        http = HttpClient(tls=_TLS, transport=httpx.MockTransport(self.mesh))
        mailbox = Mailbox(http, BASE, Credentials(OURS, PASSWORD, SHARED_KEY), self.time, 5.0)
        self.adapter = GpDocumentAdapter(self.settings, mailbox, DocumentNotes(self.notes), document, self.time)
        return self.adapter

    def parcel(self, text: str = "", *, gone: tuple[str, ...] = (), **more: Any) -> Parcel:
        """Return a parcel of the plan, after an entry was changed to say `text`."""
        if text:
            self.plan["Observation/o1"] = {**OBSERVATION, "note": [{"text": text}]}
            self._made += 1
        for one in gone:
            self.plan.pop(one, None)
        puts: tuple[Put, ...] = tuple(put(one) for one in self.plan.values())
        said: dict[str, Any] = {
            "key": f"keyed-7-{self._made}",
            "subject": "keyed-7",
            "sequence": self._made,
            "cause": Cause.CHANGE,
            "committed": "2026-11-02T14:40:00.000Z",
            "patient": self.plan.get("Patient/p1"),
            "puts": puts,
            "plan": tuple(self.plan.values()),
            **more,
        }
        return Parcel(**said)

    async def give(self, parcel: Parcel | None = None) -> list[Receipt]:
        """Give a parcel."""
        return [one async for one in self.adapter.give(parcel or self.parcel())]

    def open(self) -> list[list[bytes]]:
        """Let the practice take what waits for it; return what it replies to each."""
        replies = []
        for held in self.mesh.waiting(THEIRS):
            replies.append(self.practice.take(held.content, held.headers))
            held.status = "acknowledged"
        return replies

    def put_reply(self, content: bytes, **more: str) -> str:
        """Lay something into our mailbox; return its id there."""
        headers = {"Mex-WorkflowID": REPLIES, "Content-Type": "application/xml", **more}
        return self.mesh.put(content, headers).id

    async def poll(self) -> list[Message]:
        """Ask what came, as after a while, and settle it as the engine does; note what a person is told."""
        self.time.pass_by(minutes=6)
        messages = list((await self.adapter.poll("")).messages)
        for one in messages:
            self._look(one)
            await self.adapter.settled(one)
        return messages

    def _look(self, message: Message) -> None:
        try:
            assert list(self.adapter.arrived(message)) == []
        except Untranslatable as told:
            self.told.append(told.why)

    @property
    def held(self) -> Mapping[str, bytes]:
        """The notes."""
        return self.notes.notes
