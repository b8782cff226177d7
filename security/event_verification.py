"""Signatures of registered clients over what they send us unasked: the counterpart of `security.event_signature`.

What is guaranteed: the registered client that the header names (`iss`) sent exactly these bytes, to this address
(`url`), at this time (`iat`, five minutes either way), with a key of its registration. A key that a header brings is
never used; the algorithm is one of an explicit list. A signature of this type (`cloudevent+jws`) is no token anywhere,
and no token is one here.

What is not: that it was sent once. Whoever takes events remembers their ids. Every refusal is one fact without a reason
on the wire, so that nobody learns which clients there are.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError

from security.errors import SignatureRefused
from security.event_signature import SIGNATURE_TYPE
from security.registry import ClientRegistry, RegisteredClient

ALGORITHMS = ("ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384")
MOST_SECONDS = 300
_LONGEST_HEADER = 2048
_MOST_BYTES = 1024 * 1024
_KEY_BEARING = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64"})


def verified_client(
    signature: str, body: bytes, address: str, registry: ClientRegistry, now: datetime
) -> RegisteredClient:
    """Return the client that signed a body which came to `address`; raise SignatureRefused.

    `signature` is `protected..signature`, a detached JWS (RFC 7515, appendix F).
    """
    protected, dots, signed = signature.partition("..")
    if not dots or not protected or not signed or "." in signed or len(protected) > _LONGEST_HEADER:
        raise SignatureRefused("no detached JWS")
    header = _header(protected)
    client = registry.get(header["iss"]) if isinstance(header.get("iss"), str) else None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if client is None or client.issuer is not None or algorithm not in ALGORITHMS or not isinstance(key_id, str):
        raise SignatureRefused("not a registered client's")
    key = client.keys.find(key_id, algorithm)
    if key is None:
        raise SignatureRefused("not a registered key")
    if header.get("typ") != SIGNATURE_TYPE or header.get("url") != address:
        raise SignatureRefused("not for this address")
    made = header.get("iat")
    if type(made) is not int or abs(now.timestamp() - made) > MOST_SECONDS:
        raise SignatureRefused("not of this time")
    registry_of_algorithms = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry_of_algorithms.max_header_length = _LONGEST_HEADER
    registry_of_algorithms.max_payload_length = 2 * _MOST_BYTES
    content = urlsafe_b64encode(body).decode().rstrip("=")
    try:
        jws.deserialize_compact(f"{protected}.{content}.{signed}", key, registry=registry_of_algorithms)
    except (JoseError, ValueError, TypeError):
        raise SignatureRefused("it does not hold") from None
    return client


def _header(protected: str) -> dict[str, Any]:
    try:
        header = json.loads(urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
    except (ValueError, RecursionError):
        raise SignatureRefused("no header") from None
    if not isinstance(header, dict) or _KEY_BEARING & header.keys():
        raise SignatureRefused("no header that we take")
    return header
