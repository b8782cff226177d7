"""A TCP port in front of another, which can be cut and mended like a cable: connections break, new ones are refused."""

from __future__ import annotations

import contextlib
import socket
import threading


class Cable:
    """Forwards from `port` on loopback to another port on loopback until it is closed.

    `lose_answers`: what is sent arrives, and whatever comes back is lost together with the connection.
    """

    lose_answers = False

    def __init__(self, to: int) -> None:
        self._to = to
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listening: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Take connections (again)."""
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind(("127.0.0.1", self.port))
        self._listening.listen()
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        if self._listening is not None:
            _shut(self._listening)
            self._listening = None
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            _shut(end)

    close = cut

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            with self._lock:
                self._ends |= {near, far}
            for one, other, answers in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._copy, args=(one, other, answers), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while (some := one.recv(65536)) and not (answers and self.lose_answers):
                other.sendall(some)
        _shut(one)
        _shut(other)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
