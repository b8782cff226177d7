"""Whether an event was signed by whom it should be: a detached JWS over the exact body (RFC 7515, appendix F)."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

_ALGORITHMS = ["ES256", "ES384", "RS256", "RS384", "PS256"]
_AGE_SECONDS = 300


class Signatures:
    """Checks signatures with the keys of one sender: given, or in a file that is read again for an unknown key."""

    def __init__(self, jwks: dict[str, Any] | None, file: Path | None) -> None:
        self._file = file
        self._keys = _read(jwks if jwks is not None else _content(file))

    def problem(self, signature: str, body: bytes, address: str, now: float) -> str | None:
        """Return what is wrong with the signature of a body that came to `address` now; None when nothing is."""
        protected, dots, signed = signature.partition("..")
        if not dots or not protected or not signed or "." in signed:
            return "The signature is no detached JWS: protected..signature."
        whole = f"{protected}.{urlsafe_b64encode(body).rstrip(b'=').decode()}.{signed}"
        registry = jws.JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        try:
            header = jws.extract_compact(whole.encode(), registry=registry).protected
            if header.get("kid") not in self._ids():
                self._keys = _read(_content(self._file)) if self._file is not None else self._keys
            if not isinstance(header.get("kid"), str) or header["kid"] not in self._ids():
                return "The signature names no key of the sender (kid)."
            jws.deserialize_compact(whole.encode(), self._keys, registry=registry)
        except (JoseError, ValueError, UnicodeError):
            return "The signature is not one over this body."
        if header.get("url", address) != address:
            return "The signature is for another address."
        made = header.get("iat", now)
        if not isinstance(made, int | float) or abs(now - made) > _AGE_SECONDS:
            return "The signature was made more than five minutes ago, or is not made yet."
        return None

    def _ids(self) -> set[str | None]:
        return {key.kid for key in self._keys.keys}


def _content(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {"keys": []}
    document: dict[str, Any] = msgspec.json.decode(file.read_bytes())
    return document


def _read(jwks: dict[str, Any]) -> KeySet:
    return KeySet.import_key_set({"keys": jwks["keys"]})
