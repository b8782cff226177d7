"""A stand-in of the National Record Locator's producer API, as strict as its specification and error table.

`Nrl` judges requests and keeps pointers in memory; `nrl_server` puts it on a real socket, with the platform's token
endpoint beside it. `faults` are used up one by one by requests to the API:

    lost       no answer, and nothing took effect          down       503, nothing took effect
    unheard    it took effect, and no answer               busy       429 with Retry-After
    late       no answer, and it takes effect 45 s later   broken     500, and it took effect
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

from tests.standins.nrl_rules import Refusal, judge, nhs_number_problem
from tests.standins.nrl_tokens import Tokens

Json = dict[str, Any]
LATE = 45.0
API = "/record-locator/producer/FHIR/R4"
POINTERS = f"{API}/DocumentReference"
TOKEN = "/oauth2/token"
MEDIA_TYPE = "application/fhir+json;version=1"
FORM = "application/x-www-form-urlencoded"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ERROR_SYSTEMS = (
    "https://fhir.nhs.uk/CodeSystem/Spine-ErrorOrWarningCode",
    "https://fhir.nhs.uk/ValueSet/Spine-ErrorOrWarningCode-1",
    "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode",
)
_KEPT_BY_PUT = ("id", "subject", "custodian", "type", "masterIdentifier", "date")


@dataclass(slots=True)
class Asked:
    """One request; header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(slots=True)
class Reply:
    """One answer."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Nrl:
    """NRL. `types`: which pointer types each organisation may publish. `schema`: the generation, 2024 or 2026.

    `tokens` None takes any Bearer, for tests of something else. `answers` are given instead, one by one. `clock` is in
    seconds.
    """

    types: dict[str, set[str]]
    schema: int = 2026
    tokens: Tokens | None = None
    clock: Callable[[], float] = time.time
    held: dict[str, Json] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    faults: deque[str] = field(default_factory=deque)
    answers: deque[Reply] = field(default_factory=deque)
    blind: bool = False
    """A search finds nothing, though it should."""
    most: dict[str, int] = field(default_factory=dict)
    """The most pointers that there ever were at a time, by NHS number."""
    _late: list[tuple[float, Asked]] = field(default_factory=list)
    _outcomes: int = 0
    _writes: int = 0

    def answer(self, asked: Asked) -> Reply | None:
        """Answer a request; None cuts the connection."""
        path = urlsplit(asked.path).path
        if path == TOKEN:
            assert self.tokens is not None
            status, body = self.tokens.give(asked.method, asked.headers, asked.body)
            return Reply(status, body)
        self.asked.append(asked)
        self.let_arrive()
        if self.answers:
            return self.answers.popleft()
        match self.faults.popleft() if self.faults else "":
            case "lost":
                return None
            case "unheard":
                self._judged(asked)
                return None
            case "late":
                self._late.append((self.clock() + LATE, asked))
                return None
            case "down":
                return Reply(503, {})
            case "busy":
                return Reply(429, {}, {"Retry-After": "2"})
            case "broken":
                self._judged(asked)
                return self.outcome(500, "INTERNAL_SERVER_ERROR", "")
            case _:
                pass
        return self._judged(asked)

    def pointers(self, number: str) -> list[Json]:
        """Return what a crew would find of a person."""
        return [one for one in self.held.values() if one["subject"]["identifier"]["value"] == number]

    def lines(self) -> list[str]:
        """Return what was asked, ids aside."""
        found = []
        for one in self.asked:
            rest = one.path.removeprefix(POINTERS)
            found.append(f"{one.method} {rest if rest in ('', '/_search') else '/id'}".strip())
        return found

    def outcome(self, status: int, code: str, diagnostics: str) -> Reply:
        """Return an OperationOutcome with a code, its system spelled as one part of NRL or another spells it."""
        self._outcomes += 1
        coding = {"system": ERROR_SYSTEMS[self._outcomes % len(ERROR_SYSTEMS)], "code": code}
        severity = "information" if status < 400 else "error"
        issue = {
            "severity": severity,
            "code": "processing",
            "details": {"coding": [coding]},
            "diagnostics": diagnostics,
        }
        return Reply(status, {"resourceType": "OperationOutcome", "issue": [issue]})

    def let_arrive(self) -> None:
        """Let take effect what was late, if it is time."""
        due = [asked for when, asked in self._late if when <= self.clock()]
        self._late = [(when, asked) for when, asked in self._late if when > self.clock()]
        for asked in due:
            self._judged(asked)

    def _judged(self, asked: Asked) -> Reply:
        try:
            return self._answer(asked)
        except Refusal as refusal:
            return self.outcome(refusal.status, refusal.code, refusal.diagnostics)

    def _answer(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        if asked.method not in ("GET", "POST", "PUT", "DELETE"):
            raise Refusal(405, "METHOD_NOT_ALLOWED")
        if not (parts.path == POINTERS or parts.path.startswith(f"{POINTERS}/")):
            raise Refusal(404, "RESOURCE_NOT_FOUND")
        organisation = self._organisation(asked.headers)
        id = parts.path.removeprefix(POINTERS).strip("/")
        if asked.method == "POST" and id == "_search":
            self._of_type(asked, FORM)
            return self._search(parse_qsl(asked.body.decode(), keep_blank_values=True), organisation)
        if asked.method == "GET" and not id:
            return self._search(parse_qsl(parts.query, keep_blank_values=True), organisation)
        if asked.method == "POST":
            if id:
                raise Refusal(405, "METHOD_NOT_ALLOWED")
            return self._create(self._pointer(asked, organisation), organisation)
        current = self.held.get(id)
        if current is None:
            raise Refusal(404, "NO_RECORD_FOUND", "The requested DocumentReference resource could not be found")
        if current["custodian"]["identifier"]["value"] != organisation:
            raise Refusal(403, "AUTHOR_CREDENTIALS_ERROR")
        if asked.method == "GET":
            return Reply(200, current)
        if asked.method == "DELETE":
            del self.held[id]
            return self.outcome(200, "RESOURCE_DELETED" if self._outcomes % 2 else "RESOURCE_REMOVED", "")
        return self._update(current, self._pointer(asked, organisation))

    def _organisation(self, headers: dict[str, str]) -> str:
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not token or (self.tokens is not None and not self.tokens.is_good(token)):
            raise Refusal(401, "ACCESS_DENIED", "Invalid access token")
        try:
            UUID(headers.get("x-request-id", ""))
        except ValueError:
            raise Refusal(400, "MISSING_OR_INVALID_HEADER", "X-Request-ID") from None
        organisation = headers.get("nhsd-end-user-organisation-ods", "")
        if not organisation:
            raise Refusal(400, "PRECONDITION_FAILED", "NHSD-End-User-Organisation-ODS")
        if organisation not in self.types:
            raise Refusal(403, "ACCESS_DENIED", "The organisation is not onboarded")
        if headers.get("accept", "").replace(" ", "") != MEDIA_TYPE:
            raise Refusal(400, "MISSING_OR_INVALID_HEADER", "Accept")
        return organisation

    def _of_type(self, asked: Asked, media_type: str) -> None:
        if asked.headers.get("content-type", "").replace(" ", "") != media_type:
            raise Refusal(400, "MISSING_OR_INVALID_HEADER", "Content-Type")

    def _pointer(self, asked: Asked, organisation: str) -> Json:
        self._of_type(asked, MEDIA_TYPE)
        try:
            body = json.loads(asked.body)
        except ValueError:
            raise Refusal(400, "MESSAGE_NOT_WELL_FORMED") from None
        judge(body, self.schema)
        if body["custodian"]["identifier"]["value"] != organisation:
            raise Refusal(403, "AUTHOR_CREDENTIALS_ERROR", "The custodian is not who asks")
        if body["type"]["coding"][0]["code"] not in self.types[organisation]:
            raise Refusal(403, "AUTHOR_CREDENTIALS_ERROR", "The organisation may not publish this type")
        return dict(body)

    def _create(self, body: Json, organisation: str) -> Reply:
        if "id" in body:
            raise Refusal(400, "INVALID_RESOURCE", "The id is assigned here")
        code = "RESOURCE_CREATED"
        for relation in body.get("relatesTo", ()):
            target = self.held.get(relation["target"]["identifier"]["value"])
            if target is None:
                raise Refusal(400, "BAD_REQUEST", "The relatesTo target document does not exist")
            if any(target[name] != body[name] for name in ("subject", "type")):
                raise Refusal(400, "BAD_REQUEST", "The relatesTo target document is about something else")
            if target["custodian"] != body["custodian"]:
                raise Refusal(403, "AUTHOR_CREDENTIALS_ERROR")
            del self.held[target["id"]]
            code = "RESOURCE_SUPERSEDED"
        id = f"{organisation}-{uuid4()}"
        self._keep(id, body)
        return self._located(self.outcome(201, code, ""), id)

    def _located(self, reply: Reply, id: str) -> Reply:
        reply.headers["Location"] = f"/producer/FHIR/R4/DocumentReference/{id}"
        return reply

    def _update(self, current: Json, body: Json) -> Reply:
        for name in _KEPT_BY_PUT:
            if body.get(name) != current.get(name):
                raise Refusal(400, "INVALID_RESOURCE", f"{name} does not change")
        self._keep(current["id"], body)
        return self.outcome(200, "RESOURCE_UPDATED", "")

    def _keep(self, id: str, body: Json) -> None:
        self._writes += 1
        moment = f"2026-11-28T09:{self._writes // 60 % 60:02}:{self._writes % 60:02}.{self._writes // 3600:03}Z"
        self.held[id] = {**body, "id": id, "meta": {"versionId": "1", "lastUpdated": moment}}
        number = body["subject"]["identifier"]["value"]
        self.most[number] = max(self.most.get(number, 0), len(self.pointers(number)))

    def _search(self, said: list[tuple[str, str]], organisation: str) -> Reply:
        parameters = dict(said)
        if not parameters.keys() <= {"subject:identifier", "type", "category"} or len(parameters) != len(said):
            raise Refusal(400, "INVALID_PARAMETER")
        system, _, number = parameters.get("subject:identifier", "").partition("|")
        if system != NHS_NUMBER:
            raise Refusal(400, "INVALID_PARAMETER", "subject:identifier")
        if nhs_number_problem(number):
            raise Refusal(400, "INVALID_IDENTIFIER_VALUE", "subject:identifier")
        found = [
            one
            for one in self.pointers(number)
            if not self.blind
            and one["custodian"]["identifier"]["value"] == organisation
            and ("type" not in parameters or parameters["type"] == "|".join(_coding(one["type"])))
            and ("category" not in parameters or parameters["category"] == "|".join(_coding(one["category"][0])))
        ]
        entries = [{"resource": one} for one in found]
        return Reply(200, {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries})


def _coding(concept: Json) -> tuple[str, str]:
    return concept["coding"][0]["system"], concept["coding"][0]["code"]


@contextmanager
def nrl_server(make: Callable[[str], Nrl], tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, Nrl]]:
    """Run NRL on a socket of this machine; `make` gets its origin (`http://host:port`, with `tls` https)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                reply = nrl.answer(Asked(self.command, self.path, headers, content))
            if reply is None:
                self.close_connection = True
                return
            body = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", MEDIA_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._serve)
    lock = threading.Lock()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        origin = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        nrl = make(origin)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield origin, nrl
        finally:
            server.shutdown()
            thread.join()
