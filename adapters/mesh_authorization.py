"""The `Authorization` header of MESH: who calls, said once for each request. Pure but for the nonce.

    NHSMESH <mailbox>:<nonce>:<nonce count>:<yyyyMMddHHmm, UTC>:<hex>
    hex = HMAC-SHA256(shared key of the environment, "<mailbox>:<nonce>:<nonce count>:<password>:<time>")

MESH refuses (403) a nonce and count that it saw before, also when the same request is tried again, and a time more than
two hours from its own. So each call of `Authorization.header` gives another header: the nonce is of one `Authorization`
alone, which no other process has, and the count goes up.
"""

from __future__ import annotations

import hmac
import itertools
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from security.clock import Clock

SCHEME = "NHSMESH"
_MAILBOX = re.compile(r"[A-Z0-9]{1,40}")
_SECRET = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a mailbox signs in with. Raises ValueError, which repeats none of it, for what no mailbox can have.

    `mailbox` is its id in upper case; `shared_key` is that of the environment (integration, live), not of the mailbox.
    """

    mailbox: str
    password: str = field(repr=False)
    shared_key: str = field(repr=False)

    def __post_init__(self) -> None:
        if _MAILBOX.fullmatch(self.mailbox) is None:
            raise ValueError("a mailbox id is capital letters and digits")
        if not (_SECRET.fullmatch(self.password) and _SECRET.fullmatch(self.shared_key)):
            raise ValueError("a password and a shared key are ASCII without spaces")


def token(credentials: Credentials, nonce: str, count: int, moment: datetime) -> str:
    """Return the header for a nonce, a count and a time (aware)."""
    time = moment.astimezone(UTC).strftime("%Y%m%d%H%M")
    public = f"{credentials.mailbox}:{nonce}:{count}"
    signed = f"{public}:{credentials.password}:{time}".encode("ascii")
    digest = hmac.digest(credentials.shared_key.encode("ascii"), signed, "sha256").hex()
    return f"{SCHEME} {public}:{time}:{digest}"


class Authorization:
    """Makes the headers of one mailbox. Two of these, in one process or in two, never share a nonce."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self._credentials = credentials
        self._clock = clock
        self._nonce = str(uuid.uuid4())
        self._count = itertools.count(1)

    def header(self) -> str:
        """Return a header for one request and one try of it."""
        return token(self._credentials, self._nonce, next(self._count), self._clock())
