"""Public keys that verify signatures, read once from a JWK Set (RFC 7517).

What is guaranteed: no symmetric and no private key gets in, RSA has 2048 bits or more, elliptic curves are P-256, P-384
or P-521, every key has an id, and a key that says what it is for (`use`, `key_ops`, `alg`) is used for nothing else.
Keys are found by id and algorithm, never taken from a token's own header.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from joserfc import jwk
from joserfc.errors import JoseError

SIGNATURE_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""What a configuration may list. Symmetric algorithms and `none` are not words of this program."""

_CURVES = {"EC": frozenset({"P-256", "P-384", "P-521"}), "OKP": frozenset({"Ed25519"})}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MOST_KEYS = 50
LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class PublicKeys:
    """Parsed keys by their id. Two keys may share an id when their algorithms differ."""

    by_id: Mapping[str, tuple[jwk.Key, ...]]

    def find(self, key_id: str, algorithm: str) -> jwk.Key | None:
        """Return the key with that id which may verify `algorithm`, or None."""
        for key in self.by_id.get(key_id, ()):
            if key.get("alg") in (None, algorithm):
                return key
        return None

    def __bool__(self) -> bool:
        return bool(self.by_id)


NO_KEYS = PublicKeys({})


def read_public_keys(document: object) -> tuple[PublicKeys, list[str]]:
    """Read a JWK Set; return the usable keys and one sentence for each that is not (position, never content).

    A registration is refused when there is any sentence; an outside issuer's set keeps the keys that can be used, so
    that one odd key of theirs does not lock everybody out.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        return NO_KEYS, [f"a JWK Set has a list `keys` of 1 to {_MOST_KEYS} keys"]
    problems: list[str] = []
    found: dict[str, tuple[jwk.Key, ...]] = {}
    for position, entry in enumerate(keys):
        try:
            problem = _unusable(entry)
            if problem is None:
                found[entry["kid"]] = (*found.get(entry["kid"], ()), jwk.import_key(entry))
        except (JoseError, ValueError, TypeError):
            problem = "does not hold a valid key"
        if problem is not None:
            problems.append(f"keys[{position}] {problem}")
    return PublicKeys(found), problems


def _unusable(entry: object) -> str | None:
    """Say why an entry cannot be used, judged before any cryptography touches it."""
    if not isinstance(entry, dict):
        return "is not an object"
    if not isinstance(entry.get("kid"), str) or not 0 < len(entry["kid"]) <= 128:
        return "needs a `kid` of 1 to 128 characters"
    if _PRIVATE_MEMBERS & entry.keys():
        return "holds a secret; register public keys only"
    if entry.get("use") not in (None, "sig") or "verify" not in (entry.get("key_ops") or ("verify",)):
        return "is not meant for verifying signatures"
    if entry.get("alg") is not None and entry["alg"] not in SIGNATURE_ALGORITHMS:
        return "is meant for an algorithm that is not accepted"
    kind = entry.get("kty")
    if kind == "RSA":
        return None if rsa_bits(entry.get("n")) >= LEAST_RSA_BITS else f"is RSA below {LEAST_RSA_BITS} bits"
    if kind in _CURVES:
        return None if entry.get("crv") in _CURVES[kind] else "is on a curve that is not accepted"
    return "is neither RSA, EC nor OKP"


def rsa_bits(modulus: object) -> int:
    """Return the size of an RSA key by its member `n`; 0 where that is none."""
    if not isinstance(modulus, str):
        return 0
    try:
        return int.from_bytes(urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4)), "big").bit_length()
    except ValueError:
        return 0
