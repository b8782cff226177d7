"""A partner's web server for tests: real sockets, real TLS where wanted, and what it was sent."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_STARTS_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came. Header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """What was received, and what is answered: `answers` one after another, then the last of them for ever."""

    port: int
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=lambda: [(204, {}, b"")])
    received: list[Received] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        """Remember a request and answer it."""
        self.received.append(Received(request.method, request.url.path, dict(request.headers), await request.body()))
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Response(body, status, headers)


@contextmanager
def receiving(tls: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """Run a receiver on a free port of 127.0.0.1, in a thread; `tls` is certificate and key."""
    receiver = Receiver(0)
    methods = ["GET", "POST", "PUT", "DELETE"]
    with serving_app(Starlette(routes=[Route("/{path:path}", receiver.take, methods=methods)]), tls) as port:
        receiver.port = port
        yield receiver


@contextmanager
def serving_app(app: Starlette, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Run an application on a free port of 127.0.0.1, in a thread, and yield the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_config=None,
        lifespan="off",
        date_header=False,  # so that an answer says which time it is
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + _STARTS_WITHIN
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for a server, and a client's TLS that trusts who signed it."""

    chain: Path
    key: Path
    trusting: ssl.SSLContext


def certificate_for(names: Sequence[str], folder: Path) -> Certificate:
    """Make an authority and a certificate for host names or network addresses, valid around the machine's time."""
    now = datetime.now(UTC)

    def signed(
        subject: str, key: ec.EllipticCurvePrivateKey, by: x509.Name, *, authority: bool
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(by)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )

    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Invented authority")])
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = signed("Invented authority", root_key, root_name, authority=True).sign(root_key, hashes.SHA256())
    leaf = (
        signed(names[0], key, root_name, authority=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    chain, key_file = folder / "server.pem", folder / "server.key"
    chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    trusting = ssl.create_default_context(cadata=root.public_bytes(serialization.Encoding.PEM).decode())
    return Certificate(chain, key_file, trusting)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
