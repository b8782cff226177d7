"""A small MESH in memory behind `Rules`, that fails by command; the caller's store of intents; and our side of both."""

from __future__ import annotations

import gzip
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import httpx

from adapters.http import HttpClient, strict_tls
from adapters.mesh import Mailbox
from adapters.mesh_authorization import Credentials
from adapters.mesh_inbox import Inbox
from adapters.mesh_intent import Intent, Overtaken
from adapters.mesh_outbox import Outbox
from adapters.mesh_outgoing import Outgoing
from tests.adapters.mesh_rules import CHUNK, Rules, parts, refused

BASE = "https://mesh.test"
OURS, THEIRS = "ZZ1OT001", "ZZ2OT001"
PASSWORD, SHARED_KEY = "password", "TestKey"
WORKFLOW = "ZZ_TEST_DOCUMENT"
START = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
_TLS = strict_tls()  # read once: a property starts thousands of processes
Fault = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        """Let time go on."""
        self.now += timedelta(**duration)


@dataclass(slots=True)
class Held:
    """One message that it holds; `chunks` by number, as they came."""

    id: str
    sender: str
    to: str
    headers: httpx.Headers
    total: int
    chunks: dict[int, bytes] = field(default_factory=dict)
    status: str = "uploading"
    kind: str = "DATA"

    @property
    def content(self) -> bytes:
        """What a recipient reads: what is missing is missing silently."""
        whole = b"".join(self.chunks[number] for number in sorted(self.chunks))
        return gzip.decompress(whole) if self.headers.get("content-encoding") == "gzip" else whole


class SmallMesh:
    """Answers requests; `faults` are used up one by one by requests that change something, None for no fault."""

    def __init__(self, time: Callable[[], datetime]) -> None:
        passwords = {OURS: PASSWORD, THEIRS: "theirs"}
        self.rules = Rules(time, passwords, SHARED_KEY, {WORKFLOW})
        self.held: dict[str, Held] = {}
        self.asked: list[httpx.Request] = []
        self.faults: deque[Fault | None] = deque()
        self.instead: dict[str, httpx.Response] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, with a body as it comes from the wire."""
        answer = self._answered(request)
        if not answer.is_closed:
            return answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))

    def _answered(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        line = f"{request.method} {parts(request)[1]}"
        if line in self.instead:
            return self.instead[line]
        fault = self.faults.popleft() if self.faults and request.method in ("POST", "PUT") else None
        return fault(request, lambda: self._judged(request)) if fault else self._judged(request)

    def lines(self, method: str = "") -> list[str]:
        """Return what was asked, without mailbox and query."""
        return [f"{one.method} {parts(one)[1]}" for one in self.asked if method in ("", one.method)]

    def waiting(self, mailbox: str) -> list[Held]:
        """Return what lies in an inbox."""
        return [one for one in self.held.values() if one.to == mailbox and one.status == "accepted"]

    def put(self, content: bytes, headers: Mapping[str, str] | None = None, *, chunks: int = 1) -> Held:
        """Lay a message into our inbox."""
        size = -(-len(content) // chunks) or 1
        made = Held(f"M{len(self.held) + 1}", THEIRS, OURS, httpx.Headers(headers or {}), chunks, status="accepted")
        made.chunks = {number + 1: content[number * size : (number + 1) * size] for number in range(chunks)}
        self.held[made.id] = made
        return made

    def _judged(self, request: httpx.Request) -> httpx.Response:
        answer = self.rules.refusal(request)
        if answer is None:
            answer = self._answer(request)
            self.rules.learn(request, answer)
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        mailbox, path = parts(request)
        steps = path.strip("/").split("/")
        if request.method == "POST":
            return self._take(request, mailbox, path)
        if request.method == "PUT":
            self.held[steps[1]].status = "acknowledged"
            return httpx.Response(200)
        if mailbox == "endpointlookup":
            return httpx.Response(200, json={"results": [{"mailbox_id": THEIRS, "mailbox_name": "Theirs"}]})
        if path == "/count":
            return httpx.Response(200, json={"count": len(self.waiting(mailbox))})
        if path == "/inbox":
            return self._list(request, mailbox)
        if steps[0] == "inbox":
            return self._part(request, steps[1], int(steps[2]) if len(steps) > 2 else 1)
        if path.startswith("/outbox/tracking"):
            return self._track(request, path)
        return httpx.Response(200, json={"mailbox_id": mailbox})

    def _take(self, request: httpx.Request, mailbox: str, path: str) -> httpx.Response:
        number, total = (int(one) for one in request.headers["mex-chunk-range"].split(":"))
        chunk = CHUNK.fullmatch(path)
        if chunk is None:
            made = Held(
                f"OUT{len(self.held) + 1}",
                mailbox,
                self.rules.address(request.headers["mex-to"]),
                request.headers,
                total,
            )
            self.held[made.id] = made
        elif chunk[1] not in self.held:
            return refused(request, 404, "RECEIVE", "20", "Message does not exist")
        else:
            made = self.held[chunk[1]]
            if made.status != "uploading":
                return refused(request, 423, "SEND", "", "complete")
        made.chunks[number] = request.content
        if number == total:
            made.status = "accepted"
        return httpx.Response(202, json={"message_id": made.id})

    def _list(self, request: httpx.Request, mailbox: str) -> httpx.Response:
        most = int(request.url.params["max_results"])
        ids = [one.id for one in self.waiting(mailbox)]
        begin = request.url.params.get("continue_from", "")
        ids = ids[ids.index(begin) + 1 :] if begin else ids
        links = {"next": f"https://evil.test/inbox?continue_from={ids[most - 1]}"} if len(ids) > most else {}
        return httpx.Response(200, json={"messages": ids[:most], "links": links, "approx_inbox_count": len(ids)})

    def _part(self, request: httpx.Request, message: str, number: int) -> httpx.Response:
        held = self.held.get(message)
        if held is None or (held.kind == "DATA" and number not in held.chunks):
            return refused(request, 404, "RECEIVE", "20", "Message does not exist")
        headers = {
            "Mex-MessageID": held.id,
            "Mex-MessageType": held.kind,
            "Mex-From": held.sender,
            "Mex-Chunk-Range": f"{number}:{held.total}",
            **held.headers,
        }
        body = held.chunks.get(number, b"")
        return httpx.Response(206 if number < held.total else 200, stream=httpx.ByteStream(body), headers=headers)

    def _track(self, request: httpx.Request, path: str) -> httpx.Response:
        local = unquote(path.removeprefix("/outbox/tracking").strip("/"))
        if not local:
            one = self.held[request.url.params["messageID"]]
            return httpx.Response(200, json={"message_id": one.id, "status": one.status, "status_success": True})
        found = [one for one in self.held.values() if one.sender == OURS and one.headers.get("mex-localid") == local]
        if len(found) != 1:
            return httpx.Response(300 if found else 404)
        one = found[0]
        said = {
            "messageId": one.id,
            "localId": local,
            "fileName": one.headers["mex-filename"],
            "status": one.status.title(),
            "statusSuccess": "SUCCESS",
        }
        return httpx.Response(200, json=said)


class MemoryIntents:
    """Intents as a store keeps them; `crashes` end the process before or after a write, used up one by one."""

    def __init__(self) -> None:
        self.written: dict[str, Intent] = {}
        self.crashes: deque[str] = deque()

    async def held(self, key: str) -> Intent | None:
        """Return what was written last."""
        return self.written.get(key)

    async def advance(self, before: Intent | None, after: Intent) -> None:
        """Compare and write."""
        crash = self.crashes.popleft() if self.crashes else ""
        if crash == "before":
            raise Crash
        if self.written.get(after.key) != before:
            raise Overtaken
        self.written[after.key] = after
        if crash == "after":
            raise Crash


class Crash(Exception):
    """The process ended here."""


@dataclass(slots=True)
class World:
    """Both sides."""

    time: Time = field(default_factory=Time)
    intents: MemoryIntents = field(default_factory=MemoryIntents)
    mesh: SmallMesh = field(init=False)
    mailbox: Mailbox = field(init=False)

    def __post_init__(self) -> None:
        self.mesh = SmallMesh(self.time)
        self.mailbox = self.start()

    def start(self) -> Mailbox:
        """Return our mailbox as a process that has just begun has it."""
        credentials = Credentials(OURS, PASSWORD, SHARED_KEY)
        http = HttpClient(tls=_TLS, transport=httpx.MockTransport(self.mesh))
        return Mailbox(http, BASE, credentials, self.time, 5.0)

    def outbox(self, chunk: int = 1000) -> Outbox:
        """Return our outbox."""
        return Outbox(self.mailbox, self.intents, chunk)

    def inbox(self, largest: int = 1_000_000) -> Inbox:
        """Return our inbox."""
        return Inbox(self.mailbox, largest)


def letter(content: bytes = b"<Bundle/>", key: str = "k1", **more: str) -> Outgoing:
    """Return a message to send."""
    return Outgoing(key, more.pop("to", THEIRS), more.pop("workflow", WORKFLOW), content, **more)  # type: ignore[arg-type]


def lost(request: httpx.Request, answer: Callable[[], httpx.Response]) -> httpx.Response:
    """Let the request take effect, and lose the answer."""
    answer()
    raise httpx.ReadError("lost")


def gateway(request: httpx.Request, answer: Callable[[], httpx.Response]) -> httpx.Response:
    """Let the request take effect, and answer as a gateway does that waited too long."""
    answer()
    return httpx.Response(504)


def unheard(request: httpx.Request, answer: Callable[[], httpx.Response]) -> httpx.Response:
    """Lose the request after a connection came about."""
    raise httpx.WriteError("lost")


def down(request: httpx.Request, answer: Callable[[], httpx.Response]) -> httpx.Response:
    """Let no connection come about."""
    raise httpx.ConnectError("down")


def busy(request: httpx.Request, answer: Callable[[], httpx.Response]) -> httpx.Response:
    """Say no for now."""
    return httpx.Response(429, headers={"Retry-After": "60"})


def body(said: object) -> bytes:
    """Return JSON."""
    return json.dumps(said).encode()
