"""The token endpoint of the NHS API platform: client credentials with a private_key_jwt of RS512."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(slots=True)
class Tokens:
    """Gives tokens to one client, and knows the good ones. `down`: it answers 503."""

    url: str
    api_key: str
    key: RSAKey = field(repr=False)
    good: set[str] = field(default_factory=set, repr=False)
    given: int = 0
    down: bool = False
    clock: Callable[[], float] = time.time
    _used: set[str] = field(default_factory=set)

    def is_good(self, token: str) -> bool:
        """Say whether it gave this token, and still stands by it."""
        return token in self.good

    def give(self, method: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a token request."""
        if self.down:
            return 503, {"error": "temporarily_unavailable"}
        form = dict(parse_qsl(body.decode()))
        problem = self._problem(method, headers, form)
        if problem:
            return 401, {"error": "invalid_client", "error_description": problem, "message_id": "rrt-1"}
        token = secrets.token_urlsafe(16)
        self.good.add(token)
        self.given += 1
        return 200, {"access_token": token, "expires_in": 599, "token_type": "Bearer"}

    def _problem(self, method: str, headers: dict[str, str], form: dict[str, str]) -> str:
        if method != "POST" or not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return "not a form"
        if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != ASSERTION:
            return "another grant"
        try:
            assertion = jwt.decode(form.get("client_assertion", ""), self.key, ["RS512"])
        except (JoseError, ValueError):
            return "signature"
        claims, now = assertion.claims, self.clock()
        if assertion.header.get("typ") != "JWT" or assertion.header.get("kid") != self.key.kid:
            return "header"
        if claims.get("iss") != self.api_key or claims.get("sub") != self.api_key or claims.get("aud") != self.url:
            return "iss, sub, aud"
        if not now < claims.get("exp", 0) <= now + 300:
            return "exp"
        if not claims.get("jti") or claims["jti"] in self._used:
            return "jti"
        self._used.add(claims["jti"])
        return ""


def key_file_text(key: RSAKey) -> str:
    """Return a private key as the client keeps it."""
    return json.dumps(key.as_dict(private=True))
