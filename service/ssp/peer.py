"""Who is at the other end: the name in the certificate of a TLS connection, which must be one of a list.

The handshake has shown that an authority of ours vouches for the certificate and that the peer holds its key; whose
certificate it is is looked at here, before the first byte of a request is read. Names are compared whole, as RFC 9525
has it: those of the subject alternative name, no wildcards; where a certificate has none, its common name, for older
certificates of the Spine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service import logs

PEER = "peer"
"""Where the name of the peer stands in the state of a request."""


def names_in(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the names of machines in a verified certificate, in the form of `ssl.SSLSocket.getpeercert`."""
    if not certificate:
        return ()
    alternative: Iterable[tuple[str, str]] = certificate.get("subjectAltName", ())
    names = [value for kind, value in alternative if kind == "DNS"]
    if not names:
        subject: Iterable[Iterable[tuple[str, str]]] = certificate.get("subject", ())
        names = [value for group in subject for kind, value in group if kind == "commonName"]
    return tuple(name.lower() for name in names)


def spoken_with(peers: Collection[str]) -> type[HttpToolsProtocol]:
    """Return the protocol of a server that speaks with these peers alone and tells each request which of them it is."""

    class WithPeer(HttpToolsProtocol):
        """HTTP for known peers."""

        peer = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            names = names_in(transport.get_extra_info("peercert"))
            self.peer = next((name for name in names if name in peers), "")
            if not self.peer:
                logs.event("ssp-peer-refused", logging.WARNING, reason="its certificate is nobody's that is listed")
                transport.abort()

        def data_received(self, data: bytes) -> None:
            if self.peer:
                super().data_received(data)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope["state"][PEER] = self.peer

    return WithPeer
