"""A front for a MESH: mutual TLS on a real socket, the rules that what is behind does not keep, losses by command."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.adapters.certificates import Certified
from tests.adapters.mesh_rules import Rules
from tests.running import free_port

Fault = Literal["", "lost", "gateway", "unheard"]
_OF_THE_CONNECTION = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}


@dataclass(slots=True)
class Front:
    """`faults` are used up one by one by requests that change something; `asked` is every request line."""

    behind: httpx.AsyncBaseTransport
    target: str
    rules: Rules | None = None
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    base: str = ""

    async def answer(self, request: Request) -> Response:
        """Judge a request, hand it on, and answer what was answered."""
        asked = await self._handed_on(request)
        line = f"{request.method} {request.url.path.partition('/messageexchange/')[2].partition('/')[2]}"
        self.asked.append(line)
        fault = self.faults.popleft() if self.faults and request.method in ("POST", "PUT") else ""
        if fault == "unheard":
            return _Cut()
        answer = self.rules.refusal(asked) if self.rules is not None else None
        if answer is None:
            if self.rules is not None and "mex-to" in asked.headers:
                asked.headers["mex-to"] = self.rules.address(asked.headers["mex-to"])
            answer = await self.behind.handle_async_request(asked)
            # as it is: what was packed stays packed
            body = b"".join([part async for part in answer.aiter_raw()])
            await answer.aclose()
            answer = httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))
            if self.rules is not None and answer.status_code == 202:
                self.rules.learn(asked, httpx.Response(202, content=body or b"{}"))
        else:
            body = answer.content
        if fault:
            return _Cut() if fault == "lost" else Response(status_code=504)
        headers = {name: value for name, value in answer.headers.items() if name not in _OF_THE_CONNECTION}
        return Response(body, answer.status_code, headers)

    async def _handed_on(self, request: Request) -> httpx.Request:
        headers = {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}
        target = f"{self.target}{request.url.path}{'?' if request.url.query else ''}{request.url.query}"
        return httpx.Request(request.method, target, headers=headers, content=await request.body())


class _Cut(Response):
    """Ends the connection before the answer is whole."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": False})


@contextmanager
def serving(front: Front, server: Certified, clients: Path) -> Iterator[Front]:
    """Serve a front on a free port of 127.0.0.1, for clients with a certificate of the authority `clients`."""
    port = free_port()
    routes = [Route("/{rest:path}", front.answer, methods=["GET", "POST", "PUT"])]
    config = uvicorn.Config(
        Starlette(routes=routes),
        host="127.0.0.1",
        port=port,
        log_level=60,  # above critical: answers that are cut are meant
        timeout_graceful_shutdown=2,
        lifespan="off",
        ws="none",
        loop="asyncio",
        ssl_certfile=str(server.certificate),
        ssl_keyfile=str(server.key),
        ssl_ca_certs=str(clients),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not running.started:
        assert thread.is_alive(), "the front ended at once"
        assert time.monotonic() < deadline, "the front did not start in time"
        time.sleep(0.01)  # waiting for another thread to listen; nothing is measured by it
    front.base = f"https://127.0.0.1:{port}"
    try:
        yield front
    finally:
        running.should_exit = True
        thread.join(timeout=20)
