"""The session of somebody who uses the pages: a sealed cookie, and the tokens that tie forms to it.

Guarantees: the cookie can be read and made by this deployment alone (AES-GCM under the service key), is sent to this
address alone (`HttpOnly`, `SameSite=Strict`; `Secure` and `__Host-` under https), ends after half an hour without use
and after twelve hours at most, and names the signed-in person by a key of the sign-in, never a patient. A form carries
a keyed hash of its session, so that a page of somebody else's can send nothing in a user's name, even where a browser
says nothing of where a request came from.

Does not: end a session before its time on another device, for nothing of it is stored here. Whoever holds the cookie
is its user until it ends; a client that is removed from the registry is out at once, whatever its cookies say.

Rotation: cookies sealed with an earlier service key still open while the key file holds it.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from security.blind_index import BlindIndex
from security.errors import SecurityError
from security.service_seal import ServiceSeal

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
RENEWED_AFTER = timedelta(minutes=1)

_KIND, _ID = "page-session", b"cookie"
_MOST = 1024
_BUCKET = 128
"""Every session is padded to as much, so that its length tells nothing and no request grows by a kilobyte."""


class Display(StrEnum):
    """How pages look: as the device asks, or as its user chose."""

    AUTO = "auto"
    DAY = "day"
    NIGHT = "night"


class Session(msgspec.Struct, array_like=True, frozen=True):
    """What the cookie says. `person` is the sign-in's own key of who signed in, empty before that. Times in seconds."""

    id: str
    person: str
    began: int
    used: int
    display: Display = Display.AUTO

    def ended(self, now: datetime) -> bool:
        """Say whether the sign-in has run out, so that it must be repeated."""
        moment = now.timestamp()
        return moment - self.used > IDLE.total_seconds() or moment - self.began > LONGEST.total_seconds()


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens and makes the cookies of one deployment; `base_url` says whether it is reached under https."""

    seal: ServiceSeal
    index: BlindIndex
    base_url: str

    @property
    def secure(self) -> bool:
        """Whether browsers reach the service under https."""
        return self.base_url.startswith("https:")

    @property
    def cookie(self) -> str:
        """The name of the cookie."""
        return "__Host-pages" if self.secure else "pages"

    def begin(self, now: datetime, person: str = "", display: Display = Display.AUTO) -> Session:
        """Return a fresh session; its id is new at every sign-in, so that an earlier one is worth nothing after it."""
        moment = int(now.timestamp())
        return Session(secrets.token_hex(16), person, moment, moment, display)

    def of(self, request: Request) -> Session | None:
        """Return the session of a request, also one that has ended; None for no cookie, or one that is not ours."""
        value = request.cookies.get(self.cookie, "")
        if not 0 < len(value) <= _MOST:
            return None
        try:
            sealed = urlsafe_b64decode(value + "=" * (-len(value) % 4))
            return msgspec.msgpack.decode(self.seal.open(_KIND, _ID, sealed), type=Session)
        except (SecurityError, msgspec.MsgspecError, ValueError):
            return None

    def set(self, response: Response, session: Session) -> None:
        """Give a session to the browser. Without Max-Age: when it has ended is inside, where it cannot be changed."""
        sealed = self.seal.seal(_KIND, _ID, msgspec.msgpack.encode(session), _BUCKET)
        value = urlsafe_b64encode(sealed).decode().rstrip("=")
        response.set_cookie(self.cookie, value, path="/", secure=self.secure, httponly=True, samesite="strict")

    def form_token(self, session: Session) -> str:
        """Return what a form of this session carries."""
        return self.index.token("page-form", session.id).hex()

    def owns(self, session: Session, form_token: str) -> bool:
        """Say whether a form was made for this session."""
        return hmac.compare_digest(self.form_token(session).encode(), form_token.encode())


def used(session: Session, now: datetime) -> Session | None:
    """Return the session as used now, if it is time to tell the browser so."""
    if now.timestamp() - session.used < RENEWED_AFTER.total_seconds():
        return None
    return msgspec.structs.replace(session, used=int(now.timestamp()))
