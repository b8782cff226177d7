"""How a MESH mailbox is described in a partner's `settings`, judged whole; and the mailbox that they describe.

A partner kind that uses this transport has a `mesh` among its settings. Secrets are in files that only the service's
own account may read, beside the description.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from adapters.http import HttpClient, strict_tls
from adapters.mesh import Mailbox
from adapters.mesh_authorization import Credentials
from adapters.mesh_chunks import LARGEST_REQUEST
from security.clock import Clock
from security.errors import KeysRefused
from security.key_file import read_private

_BASE = re.compile(r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?")
_GROWTH = 1_000_000
"""What gzip may add to content that cannot be packed; far more than it does."""

File = Callable[[str], Path]
"""Finds a file that a description names (`Partner.file`)."""


class MeshSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mailbox. `base` is the environment's address without a path; `ca_file` '' believes the system's authorities.

    `chunk` is how many bytes travel in one request, `largest` how many a message that we receive may have, unpacked.
    `look_for_lost`: a lost answer is looked for in tracking (`mesh_outbox.Outbox`); else it is for a person.
    """

    base: str
    mailbox: str
    password_file: str
    shared_key_file: str
    certificate_file: str
    key_file: str
    ca_file: str = ""
    chunk: int = 20_000_000
    largest: int = 64 * 1024 * 1024
    look_for_lost: bool = True


def problems_of(settings: MeshSettings, file: File) -> Iterator[str]:
    """Yield what is wrong with the settings and the files that they name; none of it repeats a secret."""
    if _BASE.fullmatch(settings.base) is None:
        yield "`base` is https://host in lower case, without a path"
    if not 1 <= settings.chunk <= LARGEST_REQUEST - _GROWTH:
        yield f"`chunk` is 1 to {LARGEST_REQUEST - _GROWTH}"
    if settings.largest < 1:
        yield "`largest` is a number of bytes"
    try:
        credentials_of(settings, file)
    except (KeysRefused, ValueError) as error:
        yield f"`mailbox`, `password_file`, `shared_key_file`: {error}"
    try:
        read_private(file(settings.key_file))
        tls_of(settings, file)
    except KeysRefused as error:
        yield f"`key_file`: {error}"
    except OSError:  # ssl.SSLError is one
        yield "`ca_file`, `certificate_file` and `key_file` are PEM files that belong together"


def credentials_of(settings: MeshSettings, file: File) -> Credentials:
    """Return what the mailbox signs in with; raise KeysRefused or ValueError."""
    return Credentials(settings.mailbox, _secret(file(settings.password_file)), _secret(file(settings.shared_key_file)))


def tls_of(settings: MeshSettings, file: File) -> ssl.SSLContext:
    """Return mutual TLS: ours is checked there by our certificate, theirs here by name and authority. OSError."""
    context = strict_tls(str(file(settings.ca_file)) if settings.ca_file else None)
    context.load_cert_chain(file(settings.certificate_file), file(settings.key_file))
    return context


def mailbox_of(settings: MeshSettings, file: File, clock: Clock, within: float) -> Mailbox:
    """Return the mailbox of settings without problems; make it inside the running loop."""
    http = HttpClient(tls=tls_of(settings, file), max_answer=LARGEST_REQUEST)
    return Mailbox(http, settings.base, credentials_of(settings, file), clock, within)


def _secret(path: Path) -> str:
    # one line, as an editor leaves it
    return read_private(path).decode("ascii", "replace").strip()
