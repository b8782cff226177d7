"""The server of a stand-in: one that can close its port, so that connections are refused, and open it again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol


class _Protocol(H11Protocol):
    """Tells the application its connection, so that it can end it without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._lost = asyncio.Event()
        self.app_state = {**self.app_state, "transport": transport, "lost": self._lost}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost.set()


class _Server(uvicorn.Server):
    """Leaves signals to whoever started it, for a process may have two of these, and says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Door:
    """One address. `port` is the one that is listened on, also while it is closed."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        """Take the port; raise OSError when somebody has it. Port 0 takes a free one."""
        self._app = app
        self._host = host
        self._listening: socket.socket | None = _listen(host, port)
        self.port: int = self._listening.getsockname()[1]
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Answer from now on."""
        if self._serving is not None:
            return
        listening = self._listening or _listen(self._host, self.port)
        self._listening = None
        config = uvicorn.Config(
            self._app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=75,  # longer than any client's, so that none writes to a connection that is being closed
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([listening]))
        await self._server.answers.wait()

    async def close(self) -> None:
        """Let go of the port and of every connection."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving
            self._server = self._serving = None
        if self._listening is not None:
            self._listening.close()
            self._listening = None


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
