"""Our own sign-in at other people's token endpoints: SMART Backend Services, and NHS API platform with RS512.

`ClientAssertion` makes the signed JWT (RFC 7523). `SmartBackendAuth` fetches an access token with it, keeps it,
refreshes it 30 seconds early under a lock, and after a 401 refreshes once and sends the request once more, no more.
The key never leaves `ClientAssertion`, and neither assertions nor tokens appear in a repr, log or error.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from joserfc import jwk, jwt

from security.clock import Clock
from security.errors import TokenRefused

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = timedelta(minutes=4)
"""Servers take 5 minutes at most; the minute between is for clocks that disagree."""

REFRESH_EARLY_SECONDS = 30.0
_SHORTEST_SECONDS = 60.0
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
            "jti": secrets.token_urlsafe(24),
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
        """Add the token; raise TokenRefused when none can be had."""
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
            request.headers["Authorization"] = f"Bearer {token.value}"
            for name, make in self._anew.items():
                request.headers[name] = make()
            response = yield request
            if response.status_code != httpx.codes.UNAUTHORIZED:
                return
            refused = token

    def _token_request(self) -> httpx.Request:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion.sign(),
        }
        if self._scope is not None:
            form["scope"] = self._scope
        return httpx.Request("POST", self._assertion.audience, data=form, headers={"Accept": "application/json"})

    def _read(self, response: httpx.Response) -> _AccessToken:
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
        lifetime = body.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) else _SHORTEST_SECONDS
        return _AccessToken(token, self._clock().timestamp() + max(seconds - REFRESH_EARLY_SECONDS, seconds / 2))
