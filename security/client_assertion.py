"""Our own sign-in at other people's token endpoints: SMART Backend Services, and NHS API platform with RS512.

`ClientAssertion` makes the signed JWT (RFC 7523). `SmartBackendAuth` fetches an access token with it, keeps it,
refreshes it 30 seconds early under a lock, and after a 401 refreshes once and sends the request once more, no more.
`UserRestrictedAuth` does the same for one clinician who signed in with NHS CIS2: their ID token is exchanged
(RFC 8693), so that what is asked is asked by them. The key never leaves `ClientAssertion`, and neither assertions nor
tokens appear in a repr, log or error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
from joserfc import jwk, jwt

from security.clock import Clock
from security.errors import TokenRefused, TokenUnavailable

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a kind of token
LIFETIME = timedelta(minutes=4)
"""Servers take 5 minutes at most; the minute between is for clocks that disagree."""

REFRESH_EARLY_SECONDS = 30.0
_SHORTEST_SECONDS = 60.0
_AWAY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses by which a token endpoint says nothing of who asks: it is down or busy, and may be asked again later."""
_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """Makes client assertions. `audience` is the exact token URL; `key_id` as registered there.

    `algorithm` is e.g. RS384 or ES384 for SMART, RS512 for the NHS platform. `extensions` is the claim of that name
    (`security.assertions.b2b_extensions`), or None to name nobody.
    """

    client_id: str
    audience: str
    key: jwk.Key = field(repr=False)
    key_id: str
    algorithm: str
    clock: Clock
    extensions: Mapping[str, Any] | None = field(default=None, repr=False)

    def sign(self) -> str:
        """Return a new assertion, good for one use."""
        now = int(self.clock().timestamp())
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
        }
        if self.extensions is not None:
            claims["extensions"] = dict(self.extensions)
        header = {"alg": self.algorithm, "kid": self.key_id, "typ": "JWT"}
        return jwt.encode(header, claims, self.key, [self.algorithm])


@dataclass(frozen=True, slots=True)
class _AccessToken:
    value: str = field(repr=False)
    refresh_at: float


class SmartBackendAuth(httpx.Auth):
    """Signs requests of one client with its access token. Share one among all tasks that act as that client."""

    requires_response_body = True

    def __init__(
        self,
        assertion: ClientAssertion,
        scope: str | None,
        clock: Clock,
        anew: Mapping[str, Callable[[], str]] | None = None,
    ) -> None:
        """`scope` is space-separated; None leaves it to the server. `anew` are headers that are made for each sending
        of a request (`X-Request-ID` of the NHS platform), so also when it is sent once more."""
        self._assertion = assertion
        self._scope = scope
        self._clock = clock
        self._lock = asyncio.Lock()
        self._held: _AccessToken | None = None
        self._anew = anew or {}

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: this product's clients are asynchronous."""
        raise RuntimeError("SmartBackendAuth needs an AsyncClient")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token; raise TokenRefused when none can be had, TokenUnavailable when the endpoint is down."""
        refused: _AccessToken | None = None
        for _ in range(2):
            async with self._lock:
                # another task may have refreshed while this one waited
                token = self._held
                if token is None or token is refused or self._clock().timestamp() >= token.refresh_at:
                    response = yield self._token_request()
                    # the caller may be streaming, and then nobody else reads the answer of the token endpoint
                    await response.aread()
                    token = self._held = self._read(response)
            self._sign(request, token.value)
            for name, make in self._anew.items():
                request.headers[name] = make()
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            refused = token

    def _sign(self, request: httpx.Request, token: str) -> None:
        request.headers["Authorization"] = f"Bearer {token}"

    def _grant(self) -> dict[str, str]:
        """Return the form members that say by what right a token is asked for."""
        return {"grant_type": "client_credentials"}

    def _token_request(self) -> httpx.Request:
        form = {
            **self._grant(),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion.sign(),
        }
        if self._scope is not None:
            form["scope"] = self._scope
        return httpx.Request("POST", self._assertion.audience, data=form, headers={"Accept": "application/json"})

    def _read(self, response: httpx.Response) -> _AccessToken:
        if response.status_code in _AWAY:
            said = response.headers.get("retry-after", "")
            raise TokenUnavailable(float(said) if said.isascii() and said.isdecimal() and len(said) < 6 else None)
        try:
            body = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, RecursionError):
            raise TokenRefused("unintelligible") from None
        if not isinstance(body, dict):
            raise TokenRefused("unintelligible")
        if response.status_code != httpx.codes.OK:
            error = body.get("error")
            raise TokenRefused(error if isinstance(error, str) and error in _ERRORS else "unintelligible")
        token, kind = body.get("access_token"), body.get("token_type")
        if not isinstance(token, str) or not isinstance(kind, str) or kind.lower() != "bearer":
            raise TokenRefused("unintelligible")
        seconds = _lifetime(body.get("expires_in"))
        return _AccessToken(token, self._clock().timestamp() + max(seconds - REFRESH_EARLY_SECONDS, seconds / 2))


class UserRestrictedAuth(SmartBackendAuth):
    """Signs requests of one clinician who is present, by exchanging the ID token of their NHS CIS2 sign-in.

    One for each clinician's session: its access token is theirs. `role_profile` is the id of the role that they chose
    there, sent as `NHSD-Session-URID`; '' where the ID token names the only one.
    """

    def __init__(
        self, assertion: ClientAssertion, id_token: Callable[[], str], clock: Clock, role_profile: str = ""
    ) -> None:
        """`id_token` returns the session's current ID token; it is asked each time, as sessions renew theirs."""
        super().__init__(assertion, None, clock)
        self._id_token = id_token
        self._role_profile = role_profile

    def _sign(self, request: httpx.Request, token: str) -> None:
        super()._sign(request, token)
        if self._role_profile:
            request.headers["NHSD-Session-URID"] = self._role_profile

    def _grant(self) -> dict[str, str]:
        return {"grant_type": TOKEN_EXCHANGE, "subject_token_type": ID_TOKEN, "subject_token": self._id_token()}


def _lifetime(said: object) -> float:
    """Return the seconds that a token lasts. RFC 6749 has a number; the NHS platform sends its digits as a string."""
    if isinstance(said, str) and said.isascii() and said.isdecimal() and len(said) < 10:
        return float(said)
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else _SHORTEST_SECONDS
