"""A partner's system in a process of its own: `python -m tests.peers.receiver JOURNAL`, its port is its first line.

It takes one effect in each request, as a receiver is told to: what it has already it does not do again, and what is
older than what it has of a person it sets aside. Whatever it should not have seen is a problem. It writes every effect
into the journal before it answers, and `GET /` tells what it has.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import msgspec
import uvicorn

Json = dict[str, Any]


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one request asks for: that a resource be as it says, or (None) be gone."""

    key: str
    subject: str
    sequence: int
    reference: str
    resource: Json | None
    known: bool
    """Whether the sender says that it is here already."""


class Has(msgspec.Struct):
    """What the receiver has: by reference the version and the number of effects on it; and what was wrong."""

    versions: dict[str, int] = {}
    effects: int = 0
    removals: int = 0
    requests: int = 0
    stale: int = 0
    problems: list[str] = []


@dataclass(slots=True)
class Receiver:
    """The receiver's state."""

    journal: TextIO
    has: Has = field(default_factory=Has)
    here: dict[str, bytes] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)

    def takes(self, body: bytes) -> None:
        """Let an effect happen; raise for what is none."""
        effect = msgspec.json.decode(body, type=Effect)
        self.has.requests += 1
        if effect.sequence < self.newest.get(effect.subject, 0):
            self.has.stale += 1
            return
        self.newest[effect.subject] = effect.sequence
        reference, resource = effect.reference, effect.resource
        if effect.known and reference not in self.here:
            self.has.problems.append(f"{reference} is said to be here")
        if resource is None:
            if self.here.pop(reference, None) is not None:
                del self.has.versions[reference]
                self.has.removals += 1
                self._write(effect, 0)
            return
        version = int(resource["meta"]["versionId"])
        if version < self.last.get(reference, 0):
            self.has.problems.append(f"{reference}: version {version} after {self.last[reference]}")
        content = msgspec.json.encode(resource)
        if self.here.get(reference) != content:
            if version == self.has.versions.get(reference):
                self.has.problems.append(f"{reference}: version {version} twice, and not the same")
            self.here[reference], self.last[reference] = content, version
            self.has.versions[reference] = version
            self.has.effects += 1
            self._write(effect, version)

    def _write(self, effect: Effect, version: int) -> None:
        self.journal.write(f"{effect.subject} {effect.sequence} {effect.reference} {version}\n")
        self.journal.flush()

    async def __call__(self, scope: Json, receive: Any, send: Any) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # whoever sent it died in the middle of it
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, answer = 200, b"{}"
        if scope["method"] == "GET":
            answer = msgspec.json.encode(self.has)
        else:
            try:
                self.takes(body)
            except (msgspec.MsgspecError, KeyError, ValueError) as error:
                self.has.problems.append(f"a request that is none: {type(error).__name__}")
                status = 400
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def main(journal: Path) -> None:
    """Serve until terminated."""
    with journal.open("a") as file:
        config = uvicorn.Config(Receiver(file), port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
        sys.stdout.write(f"{server.servers[0].sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await serving


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
