"""A small FHIR server on a real socket: it keeps what it is given, remembers every request, misbehaves by command."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]
START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body."""
        found: Json = json.loads(self.body)
        return found


@dataclass(slots=True)
class Reply:
    """One answer; `cut` sends half of it and closes."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


Fault = Callable[[Asked, Reply], Reply]
"""What becomes of an answer whose request took effect already."""


@dataclass(slots=True)
class SmallServer:
    """What it holds, by `Type/id`; a deleted resource is None. Times go on by a second with each write."""

    port: int = 0
    held: dict[str, Json | None] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    before: list[tuple[str, Reply]] = field(default_factory=list)
    after: list[tuple[str, Fault]] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict)
    step: timedelta = timedelta(seconds=1)
    clock: datetime = START
    sorts: bool = True
    versions: bool = True
    number: int = 0
    keys: dict[str, Reply] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base(self) -> str:
        """Its FHIR base URL."""
        return f"http://127.0.0.1:{self.port}/fhir"

    def add(self, resource: Json) -> str:
        """Put a resource there as somebody else would; return its reference."""
        self.number += 1
        reference = f"{resource['resourceType']}/t{self.number}"
        self._keep(reference, {**resource, "id": reference.partition("/")[2]}, "1")
        return reference

    def change(self, reference: str, **members: Any) -> None:
        """Change a resource as somebody else would."""
        old = self.current(reference)
        self._keep(reference, {**old, **members}, str(int(old["meta"]["versionId"]) + 1))

    def current(self, reference: str) -> Json:
        """Return what it holds."""
        found = self.held[reference]
        assert found is not None
        return found

    def of(self, kind: str) -> list[Json]:
        """Return what it holds of a type."""
        return [one for key, one in self.held.items() if key.startswith(f"{kind}/") and one is not None]

    def sent(self, method: str) -> list[Asked]:
        """Return the requests of a method."""
        return [one for one in self.asked if one.method == method]

    def answer_to(self, asked: Asked) -> Reply:
        """Let a request take effect and return the answer, or what a fault makes of either."""
        with self.lock:
            self.asked.append(asked)
            line = f"{asked.method} {asked.path}"
            for number, (begin, reply) in enumerate(self.before):
                if line.startswith(begin):
                    del self.before[number]
                    return reply
            answered = self._answer(asked)
            for number, (begin, fault) in enumerate(self.after):
                if line.startswith(begin):
                    del self.after[number]
                    return fault(asked, answered)
            return answered

    def _answer(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        steps = parts.path.removeprefix("/fhir").strip("/").split("/")
        if asked.method == "POST" and steps[-1] == "_search":
            return self._search(steps[0], dict(parse_qsl(asked.body.decode())))
        if asked.method == "GET" and len(steps) == 1:
            return self._search(steps[0], dict(parse_qsl(parts.query)))
        reference = "/".join(steps)
        if asked.method == "POST":
            return self._create(asked)
        if self.held.get(reference) is None:
            return _outcome(410 if reference in self.held else 404, "not-found")
        if asked.method == "GET":
            return self._said(200, reference)
        current = self.current(reference)
        match = asked.headers.get("if-match")
        if match is not None and match != f'W/"{current["meta"]["versionId"]}"':
            return _outcome(412, "conflict")
        if asked.method == "DELETE":
            self.held[reference] = None
            return Reply(204)
        self._keep(reference, asked.json, str(int(current["meta"]["versionId"]) + 1))
        return self._said(200, reference)

    def _create(self, asked: Asked) -> Reply:
        kind = asked.json["resourceType"]
        key = asked.headers.get("idempotency-key")
        if key in self.keys:
            return self.keys[key]
        condition = asked.headers.get("if-none-exist")
        if condition:
            found = self._matching(kind, dict(parse_qsl(condition)))
            if len(found) > 1:
                return _outcome(412, "multiple-matches")
            if found:
                return Reply(200, b"", {"Location": f"{self.base}/{kind}/{found[0]['id']}"})
        reference = self.add(asked.json)
        answer = self._said(201, reference)
        if key is not None:
            self.keys[key] = answer
        return answer

    def _search(self, kind: str, parameters: dict[str, str]) -> Reply:
        found = self._matching(kind, parameters)
        if self.sorts and parameters.get("_sort") == "_lastUpdated":
            found.sort(key=lambda one: str(one["meta"]["lastUpdated"]))
        size, offset = int(parameters.get("_count", "1000")), int(parameters.get("offset", "0"))
        link = []
        if offset + size < len(found):
            query = "&".join(f"{name}={value}" for name, value in parameters.items() if name != "offset")
            link = [{"relation": "next", "url": f"{self.base}/{kind}?{query}&offset={offset + size}"}]
        entries = b",".join(
            b'{"search":{"mode":"match"},"resource":%s}' % self._bytes(f"{kind}/{one['id']}")
            for one in found[offset : offset + size]
        )
        body = b'{"resourceType":"Bundle","type":"searchset","link":%s,"entry":[%s]}'
        return Reply(200, body % (json.dumps(link).encode(), entries))

    def _matching(self, kind: str, parameters: dict[str, str]) -> list[Json]:
        found = self.of(kind)
        if (wanted := parameters.get("identifier")) is not None:
            found = [
                one
                for one in found
                if wanted in [f"{item['system']}|{item['value']}" for item in one.get("identifier", ())]
            ]
        if (wanted := parameters.get("_tag")) is not None:
            found = [
                one
                for one in found
                if wanted in [f"{item['system']}|{item['code']}" for item in one["meta"].get("tag", ())]
            ]
        if (wanted := parameters.get("_id")) is not None:
            found = [one for one in found if one["id"] == wanted]
        if (wanted := parameters.get("patient")) is not None:
            found = [one for one in found if wanted in json.dumps([one.get("subject"), one.get("patient")])]
        if (wanted := parameters.get("_lastUpdated")) is not None:
            since = wanted.removeprefix("ge").rstrip("Z")
            found = [one for one in found if str(one["meta"]["lastUpdated"]) >= since]
        return found

    def _keep(self, reference: str, resource: Json, version: str) -> None:
        self.clock += self.step
        updated = self.clock.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        meta = {**resource.get("meta", {}), "versionId": version, "lastUpdated": updated}
        self.held[reference] = {**resource, "meta": meta}

    def _said(self, status: int, reference: str) -> Reply:
        if not self.versions:
            return Reply(status, self._bytes(reference), {"Location": f"{self.base}/{reference}"})
        version = self.current(reference)["meta"]["versionId"]
        location = f"{self.base}/{reference}/_history/{version}"
        return Reply(status, self._bytes(reference), {"ETag": f'W/"{version}"', "Location": location})

    def _bytes(self, reference: str) -> bytes:
        told = self.current(reference)
        if not self.versions:
            told = {**told, "meta": {name: value for name, value in told["meta"].items() if name != "versionId"}}
        return self.raw.get(reference) or json.dumps(told).encode()


def cut(asked: Asked, reply: Reply) -> Reply:
    """Cut the answer short."""
    return replace(reply, cut=True)


def untold(asked: Asked, reply: Reply) -> Reply:
    """Say that it was done, and not which version it is now."""
    return replace(_outcome(200, "informational"), headers={})


def _outcome(status: int, code: str) -> Reply:
    body = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}
    return Reply(status, json.dumps(body).encode())


@contextmanager
def small_server() -> Iterator[SmallServer]:
    """Run a small server until the block ends."""
    small = SmallServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = small.answer_to(Asked(self.command, self.path, headers, self.rfile.read(length)))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
            self.close_connection = reply.cut

        def log_message(self, format: str, *args: Any) -> None:
            pass

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._serve)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        small.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield small
        finally:
            server.shutdown()
            thread.join()
