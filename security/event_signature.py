"""Signatures over what we send out unasked: a detached JWS by the key whose public half everybody can fetch.

What is guaranteed: whoever holds the bytes of a message and our key set (`/.well-known/jwks.json`) can tell that we
sent exactly these bytes, to this address, at this time. The header has the type `cloudevent+jws`, which no verifier of
tokens accepts, so that a signature never passes as a token although the key is the same. The content is not in the
signature (RFC 7515, appendix F), so that nothing of it is in a header, where proxies write it down.

What is not: that it was sent once. The receiver remembers ids and refuses what is old (`iat`).
"""

from __future__ import annotations

from joserfc import jws
from joserfc.jwk import ECKey

from security.clock import Clock

ALGORITHM = "ES256"
SIGNATURE_TYPE = "cloudevent+jws"


class EventSigner:
    """Signs messages with one P-256 key."""

    def __init__(self, pem: bytes, clock: Clock) -> None:
        self._key = signing_key(pem)
        self._clock = clock

    def sign(self, body: bytes, address: str) -> str:
        """Return `protected..signature` over `body`; the header names `address`, so that nobody can send it on."""
        header = {
            "alg": ALGORITHM,
            "kid": self._key.kid,
            "typ": SIGNATURE_TYPE,
            "iat": int(self._clock().timestamp()),
            "url": address,
        }
        registry = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)
        return jws.detach_content(jws.serialize_compact(header, body, self._key, registry=registry))


def signing_key(pem: bytes | str) -> ECKey:
    """Read a private P-256 key in PEM; its id is its thumbprint, as published. Raises ValueError for another curve."""
    key = ECKey.import_key(pem, {"use": "sig", "alg": ALGORITHM})
    if key.curve_name != "P-256":
        raise ValueError("the issuer's key is on the wrong curve")
    key.ensure_kid()
    return key
