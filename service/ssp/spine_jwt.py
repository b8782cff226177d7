"""The Spine JWT that a consumer sends along: who asks, by its own account. Recorded, never believed.

Nobody signs it (`alg` none) or we have no key to check it by, so nothing is opened by it. Shape: GP Connect, "Cross
Organisation Audit and Provenance", and the National Record Locator's retrieval by the Spine Secure Proxy.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Iterator

import msgspec

DIRECT_CARE = "directcare"
_RECORDED = ("sub", "requesting_user", "requesting_system", "requesting_organization", "reason_for_request", "scope")
_LONGEST = 8_192
_LONGEST_CLAIM = 200


class NotAJwt(Exception):
    """It is not a JWT, or one without a reason that is direct care. Repeats nothing of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def read_spine_jwt(authorization: str) -> tuple[tuple[str, str], ...]:
    """Return the claims that are recorded, by name, from the header Authorization. Raise NotAJwt."""
    scheme, _, token = authorization.partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3 or len(token) > _LONGEST:
        raise NotAJwt("Authorization must be Bearer and a JWT of three parts.")
    try:
        payload = urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(payload, type=dict[str, object])
    except (binascii.Error, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise NotAJwt("The claims of the JWT cannot be read.") from None
    if claims.get("reason_for_request") != DIRECT_CARE:
        raise NotAJwt(f"The JWT must state reason_for_request {DIRECT_CARE}.")
    return tuple(_recorded(claims))


def _recorded(claims: dict[str, object]) -> Iterator[tuple[str, str]]:
    for name in _RECORDED:
        value = claims.get(name)
        if isinstance(value, str) and value:
            yield f"jwt.{name}", "".join(letter for letter in value if letter.isprintable())[:_LONGEST_CLAIM]
