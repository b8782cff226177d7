"""What the endpoint is told in its file: who may ask, as whom each is answered, and its own names and certificate.

A description that leaves something open is not used: everything that is wrong with it is said at once.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from security.errors import InvalidConfiguration, KeysRefused
from security.key_file import read_private
from security.principal import Role
from security.registry import ClientRegistry
from security.scopes import covers

_ASID = re.compile(r"[0-9]{12}")
_MACHINE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
READ = "system/Patient.r"
"""What a consumer's client must be registered for, at the least."""


class Consumer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A system that reads through the proxy: its ASID, and the registered client and organisation it is here.

    `organisation` '' is the client's own.
    """

    asid: str
    client: str
    organisation: str = ""


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file, as JSON. Paths are relative to it.

    `asid` is ours; `partners` are those whose pointers lead here; `peers` are the names that a certificate of a caller
    may have, `ca` the authorities whose certificates are believed, and no others.
    """

    asid: str
    partners: tuple[str, ...]
    consumers: tuple[Consumer, ...]
    peers: tuple[str, ...]
    ca: str
    certificate: str
    key: str
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8443


@dataclass(frozen=True, slots=True)
class Described:
    """A description without problems, and how it is to be spoken with: mutual TLS."""

    description: Description
    tls: ssl.SSLContext

    def consumer(self, asid: str) -> Consumer | None:
        """Return the consumer with an ASID, None for who is not on the list."""
        return next((one for one in self.description.consumers if one.asid == asid), None)


def read_described(path: Path, registry: ClientRegistry, partners: Collection[str]) -> Described:
    """Read the file; raise InvalidConfiguration with all that is wrong. `partners` are the names of all there are."""
    try:
        description = msgspec.json.decode(path.read_bytes(), type=Description)
    except OSError as error:
        raise InvalidConfiguration([f"{path.name}: cannot be read: {error.strerror}"]) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidConfiguration([f"{path.name}: {error}"]) from None
    problems = [*_problems(description, partners), *_of_consumers(description, registry)]
    tls = None
    try:
        tls = _mutual_tls(description, path.parent)
    except KeysRefused as error:
        problems.append(f"`key`: {error}")
    except OSError:  # ssl.SSLError is one
        problems.append("`ca`, `certificate` and `key` are PEM files, of which the last two belong together")
    if problems or tls is None:
        raise InvalidConfiguration([f"{path.name}: {problem}" for problem in problems])
    return Described(description, tls)


def _problems(told: Description, partners: Collection[str]) -> Iterator[str]:
    if _ASID.fullmatch(told.asid) is None:
        yield "`asid` is 12 digits"
    if not told.peers:
        yield "`peers` names nobody, so nobody could ask"
    if any(_MACHINE.fullmatch(name) is None for name in told.peers):
        yield "`peers` are whole names of machines, in lower case, without `*`"
    if not told.partners:
        yield "`partners` names nobody whose pointers could lead here"
    for name in told.partners:
        if name not in partners:
            yield f"`partners`: there is no partner `{name}`"


def _of_consumers(told: Description, registry: ClientRegistry) -> Iterator[str]:
    if not told.consumers:
        yield "`consumers` names nobody who could ask"
    asids = [one.asid for one in told.consumers]
    for one in told.consumers:
        whose = f"`consumers`: {one.asid!r}"
        if _ASID.fullmatch(one.asid) is None:
            yield f"{whose} is no ASID: 12 digits"
        if asids.count(one.asid) > 1:
            yield f"{whose} is there twice"
        client = registry.get(one.client)
        if client is None or Role.SYSTEM not in client.roles:
            yield f"{whose}: `client` is no registered client that may act with no person named"
        elif not client.acts_for(one.organisation or client.organisation):
            yield f"{whose}: `organisation` is none that the client acts for"
        elif not covers(client.scopes, READ):
            yield f"{whose}: `client` is not registered for {READ}"


def _mutual_tls(told: Description, folder: Path) -> ssl.SSLContext:
    read_private(folder / told.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder / told.ca)
    context.load_cert_chain(folder / told.certificate, folder / told.key)
    return context
