"""Where signed lines go when they leave the database: a file, and syslog where the settings name one."""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from logging.handlers import SysLogHandler
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from service.verify.exported import decode_line

_TAIL = 64 * 1024


@dataclass(frozen=True, slots=True)
class Outside:
    """The places of one deployment. `syslog`: `udp://host:port`, `tcp://host:port`, a socket of this machine, or ''."""

    file: Path
    syslog: str

    def last_signature(self) -> bytes:
        """Return the signature of the last line in the file; nothing when there is none."""
        for line in reversed(self._tail().splitlines()):
            try:
                return bytes.fromhex(decode_line(line).signature)
            except (msgspec.MsgspecError, ValueError):
                continue
        return b""

    def append(self, lines: list[bytes]) -> None:
        """Append lines to the file and sync them; a line that a crash cut short is ended first: it spoils no other."""
        path = self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            written = b"".join(line + b"\n" for line in lines)
            if self._tail()[-1:] not in (b"", b"\n"):
                written = b"\n" + written
            while written:
                written = written[os.write(descriptor, written) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def send(self, lines: list[bytes]) -> None:
        """Send lines to syslog, if there is one."""
        if not self.syslog:
            return
        parts = urlsplit(self.syslog)
        if parts.scheme:
            kind = socket.SOCK_STREAM if parts.scheme == "tcp" else socket.SOCK_DGRAM
            sender = _Sender((parts.hostname or "", parts.port or 514), SysLogHandler.LOG_AUTH, kind)
        else:
            sender = _Sender(self.syslog, SysLogHandler.LOG_AUTH)
        sender.ident = "epaccs-heads: "
        # A stream has no other border between two messages than a character at the end of each.
        sender.append_nul = False
        try:
            for line in lines:
                text = line.decode() + ("\n" if parts.scheme == "tcp" else "")
                sender.emit(logging.LogRecord("epaccs.heads", logging.INFO, "", 0, text, None, None))
        finally:
            sender.close()

    def _tail(self) -> bytes:
        try:
            with self.file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
                return file.read()
        except FileNotFoundError:
            return b""


class _Sender(SysLogHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        """Raise what went wrong: whoever sends says so in our own log."""
        raise
