"""Signed JWTs (RFC 7515, 7519) as this service accepts them, for access tokens and client assertions alike.

Order matters here and is the same for both: size, then the header and its algorithm against an explicit list, then the
key, then the signature, and only then what the claims say. Headers that bring or name a key (`jwk`, `jku`, `x5u`,
`x5c`) and critical extensions are refused outright. Reasons are fixed sentences; nothing of the token is ever in them.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import ExpiredTokenError, JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from security.errors import InvalidToken

Claims = dict[str, Any]

MAX_TOKEN = 8192
MAX_HEADER = 1024
MAX_TOKEN_ID = 128
LEEWAY = timedelta(seconds=30)
_KEY_BEARING = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64"})


@dataclass(frozen=True, slots=True)
class Header:
    """What a token's header claims: worth nothing until the signature holds."""

    algorithm: str
    key_id: str
    type: str


class _ListedOnly(JWSRegistry):
    """Exactly the listed algorithms; the list was checked when it was configured, so there is nothing to warn about."""

    max_header_length = MAX_HEADER
    max_payload_length = MAX_TOKEN

    def get_alg(self, name: str) -> Any:
        if self.allowed is None or name not in self.allowed:
            raise UnsupportedAlgorithmError("not on the list of this issuer")
        return self.algorithms[name]


def peek(token: str) -> tuple[Header, Claims]:
    """Read header and claims without believing them; raise InvalidToken when they are not of the expected shape."""
    if len(token) > MAX_TOKEN or not token.isascii():
        raise InvalidToken("too large or not ASCII")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise InvalidToken("not a signed JWT")
    if len(parts[0]) > MAX_HEADER:
        raise InvalidToken("header too large")
    header, claims = _json_object(parts[0]), _json_object(parts[1])
    if _KEY_BEARING & header.keys():
        raise InvalidToken("header brings its own key or critical extensions")
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or not isinstance(key_id, str) or not isinstance(kind, str | None):
        raise InvalidToken("header without alg or kid")
    return Header(algorithm, key_id, (kind or "").lower().removeprefix("application/")), claims


def verified_claims(token: str, key: jwk.Key, algorithms: Collection[str]) -> Claims:
    """Return the claims when the signature holds under `key` and an algorithm of the list; else raise InvalidToken."""
    names = list(algorithms)
    try:
        return jwt.decode(token, key, names, _ListedOnly(algorithms=names, strict_check_header=False)).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InvalidToken("signature does not hold") from None


def check_claims(claims: Claims, now: datetime, issuer: str, audience: str, lifetime: timedelta) -> None:
    """Check `iss aud exp iat nbf jti` and that the token neither lives nor claims to live longer than `lifetime`."""
    seconds, leeway = int(now.timestamp()), int(LEEWAY.total_seconds())
    registry = jwt.JWTClaimsRegistry(
        now=seconds,
        leeway=leeway,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        jti={"essential": True},
    )
    try:
        registry.validate(claims)
    except ExpiredTokenError:
        raise InvalidToken("expired") from None
    except JoseError as error:
        raise InvalidToken(_CLAIM_REASONS.get(getattr(error, "claim", ""), "a claim is missing or wrong")) from None
    if len(claims["jti"]) > MAX_TOKEN_ID:
        raise InvalidToken("jti too long")
    if claims["exp"] - seconds > lifetime.total_seconds() + leeway:
        raise InvalidToken("exp too far ahead")
    if "iat" in claims and claims["exp"] - claims["iat"] > lifetime.total_seconds() + leeway:
        raise InvalidToken("lifetime too long")


_CLAIM_REASONS = {
    "iss": "wrong issuer",
    "aud": "wrong audience",
    "iat": "issued in the future",
    "nbf": "not yet valid",
    "exp": "exp is not a time",
    "jti": "jti is not a string",
}


def _json_object(segment: str) -> Claims:
    try:
        value = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except (ValueError, RecursionError):
        raise InvalidToken("not a signed JWT") from None
    if not isinstance(value, dict):
        raise InvalidToken("not a signed JWT")
    return value
