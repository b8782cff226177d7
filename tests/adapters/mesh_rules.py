"""What MESH refuses and small imitations of it let pass: written from its rules, knows nothing of our adapter.

A header used twice, a time more than two hours off, an unknown workflow, chunks out of order, an address of a person
that leads nowhere, a message that is gone. Stands before `mesh_small.SmallMesh` and before mesh-sandbox alike.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

CHUNK = re.compile(r"/outbox/([^/]+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Known:
    """A person as PDS has them, and the mailbox of their practice."""

    birth_date: str
    surname: str
    mailbox: str


@dataclass(slots=True)
class Rules:
    """`refusal` judges a request before it takes effect; `learn` sees what it was answered."""

    clock: Callable[[], datetime]
    passwords: Mapping[str, str]
    shared_key: str
    workflows: set[str]
    people: dict[str, Known] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    used: set[tuple[str, str]] = field(default_factory=set)
    expected: dict[str, tuple[int, int]] = field(default_factory=dict)

    def refusal(self, request: httpx.Request) -> httpx.Response | None:
        """Return the refusal of a request that breaks a rule, None for one that does not."""
        mailbox, path = parts(request)
        if mailbox == "endpointlookup":
            return None
        why = self._sign_in(mailbox, request.headers.get("authorization", ""))
        if why:
            return refused(request, 403, "", "", why)
        if request.method == "POST" and path == "/outbox":
            return self._first(request)
        if request.method == "POST" and (chunk := CHUNK.fullmatch(path)):
            return self._next(request, chunk[1], int(chunk[2]))
        if request.method == "GET" and path.startswith("/inbox/") and path.split("/")[2] in self.gone:
            return refused(request, 410, "SEND", "Message already accepted", "Message no longer available for download")
        return None

    def address(self, to: str) -> str:
        """Return the mailbox that an address leads to."""
        return self.people[to.split("_")[1]].mailbox if to.startswith("GPPROVIDER_") else to

    def learn(self, request: httpx.Request, answer: httpx.Response) -> None:
        """Remember which chunk comes next."""
        _, path = parts(request)
        if request.method != "POST" or answer.status_code != 202:
            return
        _, total = request.headers.get("mex-chunk-range", "1:1").split(":")
        chunk = CHUNK.fullmatch(path)
        if chunk is not None:
            self.expected[chunk[1]] = (int(chunk[2]) + 1, int(total))
        else:
            self.expected[answer.json()["message_id"]] = (2, int(total))

    def _sign_in(self, mailbox: str, header: str) -> str:
        scheme, _, rest = header.partition(" ")
        named, nonce, count, time, digest = [*rest.split(":"), "", "", "", "", ""][:5]
        if scheme != "NHSMESH" or named != mailbox or mailbox not in self.passwords or not count.isdigit():
            return "Error reading from Authorization header"
        text = f"{mailbox}:{nonce}:{count}:{self.passwords[mailbox]}:{time}"
        if hmac.new(self.shared_key.encode(), text.encode(), hashlib.sha256).hexdigest() != digest:
            return "Invalid Authentication Token"
        if (nonce, count) in self.used:
            return "Error Duplicated Authentication Token"
        self.used.add((nonce, count))
        said = datetime.strptime(time, "%Y%m%d%H%M").replace(tzinfo=UTC)
        return "Invalid Authentication Token" if abs(said - self.clock()) > timedelta(hours=2) else ""

    def _first(self, request: httpx.Request) -> httpx.Response | None:
        to = request.headers.get("mex-to", "")
        if request.headers.get("mex-workflowid") not in self.workflows:
            return refused(request, 417, "SEND", "17", "Workflow ID not registered for mailbox")
        if not to.startswith("GPPROVIDER_"):
            return None
        _, number, birth_date, surname = to.split("_")
        known = self.people.get(number)
        if len(number) != 10 or not number.isdigit():
            return refused(request, 417, "SEND", "EPL-152", "Invalid NHS Number")
        if known is None:
            return refused(request, 417, "SEND", "EPL-153", "NHS Number not found")
        if (known.birth_date, known.surname) != (birth_date, surname):
            return refused(request, 417, "SEND", "EPL-154", "NHS Number supplied does not match the demographics")
        return None

    def _next(self, request: httpx.Request, message: str, number: int) -> httpx.Response | None:
        following, total = self.expected.get(message, (0, 0))
        # one that was taken may come again: its answer may have been lost
        if following and number > following:
            return refused(request, 417, "SEND", "InvalidHeaderChunks", f"chunk {number} of {total} before {following}")
        return None


def parts(request: httpx.Request) -> tuple[str, str]:
    """Return the mailbox and the path under it."""
    _, _, rest = request.url.path.partition("/messageexchange/")
    mailbox, _, path = rest.partition("/")
    return mailbox, f"/{path}" if path else ""


def refused(request: httpx.Request, status: int, event: str, code: str, text: str) -> httpx.Response:
    """Answer an error in the dialect that the request accepts."""
    if "vnd.mesh.v2" in request.headers.get("accept", ""):
        body: object = {"detail": [{"event": event, "code": code, "msg": text}]}
    else:
        body = {"errorEvent": event, "errorCode": code, "errorDescription": text}
    return httpx.Response(status, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
