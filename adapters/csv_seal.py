"""Files under a key: compact JWE (RFC 7516), to the partner's public key on the way out, to ours on the way in.

What is guaranteed: AES-256-GCM with a key of the file's own, wrapped for the receiver by ECDH-ES+A256KW (P-256, P-384,
P-521, X25519) or RSA-OAEP-256 (2048 bits or more). Nothing is compressed, and nothing compressed is read, so that a
small file cannot become a large one. What is not: that the sender is who they say. Anybody who has the public key can
seal; who may write to the folder decides that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from joserfc import jwe, jwk
from joserfc.errors import JoseError

from security.errors import KeysRefused
from security.jwks import LEAST_RSA_BITS, rsa_bits
from security.key_file import read_private

_CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("X25519",)}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CONTENT = "A256GCM"
_LARGEST_KEY = 64 * 1024
_OVERHEAD = 8192
"""Bytes of a JWE beyond its content, at most; base64 makes a third more of everything."""


class NotSealed(Exception):
    """The content is no JWE, is not to this key, or was changed."""


def read_public_key(path: Path) -> jwk.Key:
    """Read a partner's public JWK; raise ValueError with a sentence."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"the key cannot be read ({error.strerror})") from None
    if len(content) > _LARGEST_KEY:
        raise ValueError("the file is too large for a key")
    document = _document(content)
    if _PRIVATE_MEMBERS & document.keys():
        raise ValueError("the file holds a secret key; a partner gives its public key only")
    return _key(document)


def read_own_key(path: Path) -> jwk.Key:
    """Read our private JWK, which only we may read; raise ValueError with a sentence."""
    try:
        document = _document(read_private(path))
    except KeysRefused as error:
        raise ValueError(str(error)) from None
    if "d" not in document:
        raise ValueError("the file holds no private key")
    return _key(document)


def seal(content: bytes, key: jwk.Key) -> bytes:
    """Return `content` as a compact JWE to a public key."""
    header = {"alg": _algorithm(key), "enc": _CONTENT, "cty": "text/csv"}
    if key.kid is not None:
        header["kid"] = key.kid
    return jwe.encrypt_compact(header, content, key, registry=_registry(key, len(content))).encode()


def unseal(sealed: bytes, key: jwk.Key) -> bytes:
    """Return the content of a compact JWE to our key; raise NotSealed."""
    try:
        content = jwe.decrypt_compact(sealed.strip(), key, registry=_registry(key, len(sealed))).plaintext
    except (JoseError, ValueError, TypeError, KeyError):
        raise NotSealed from None
    if content is None:
        raise NotSealed
    return content


def sealed_size(largest: int) -> int:
    """Return how many bytes a JWE of `largest` bytes may have."""
    return largest * 4 // 3 + _OVERHEAD


def _registry(key: jwk.Key, size: int) -> jwe.JWERegistry:
    registry = jwe.JWERegistry(algorithms=[_algorithm(key), _CONTENT])
    registry.max_ciphertext_length = size + _OVERHEAD
    return registry


def _algorithm(key: jwk.Key) -> str:
    return "RSA-OAEP-256" if key.key_type == "RSA" else "ECDH-ES+A256KW"


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("the file is not a JWK") from None
    if not isinstance(document, dict):
        raise ValueError("the file is not a JWK")
    return document


def _key(document: dict[str, Any]) -> jwk.Key:
    kind = document.get("kty")
    if kind in _CURVES:
        if document.get("crv") not in _CURVES[kind]:
            raise ValueError("the key is on a curve that is not accepted")
    elif kind != "RSA":
        raise ValueError("the key is neither RSA, EC nor OKP")
    elif rsa_bits(document.get("n")) < LEAST_RSA_BITS:
        raise ValueError(f"the key is RSA below {LEAST_RSA_BITS} bits")
    if document.get("use", "enc") != "enc":
        raise ValueError("the key is not meant for encryption")
    try:
        key = jwk.import_key(document)
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("the file holds no valid key") from None
    if document.get("alg", _algorithm(key)) != _algorithm(key):
        raise ValueError(f"the key is meant for another algorithm than {_algorithm(key)}")
    return key
