"""Sealing of what is no person's record: answers kept for idempotency, texts of refused messages kept for a look.

Guarantees the same as `seal` does, bound to tenant, kind and id. Does not: allow erasure by key, for one service key
seals them all; what is sealed here is deleted by deleting it, and lives for hours, not years.
Rotation: the active key seals, every key of the file opens; a blob names its key by a fingerprint.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from security.errors import KeyUnavailable
from security.keys import Secrets
from security.seal import BUCKET, KEY_ID_BYTES, BoundCipher, canonical, key_id_of

_MARKER = b"EPS1"


class ServiceSeal:
    """Seals and opens by kind ("idempotent-answer") and id, for one tenant."""

    def __init__(self, keys: Secrets, tenant: str) -> None:
        """Take the service keys; the active one seals."""
        self._tenant = tenant.encode()
        self._by_id = {_fingerprint(secret): secret for secret in (keys.active, *keys.earlier)}
        self._active_id = _fingerprint(keys.active)

    def seal(self, kind: str, id: bytes, plaintext: bytes, bucket: int = BUCKET) -> bytes:
        """Return `plaintext` sealed as the `kind` called `id`, padded to the next multiple of `bucket` bytes."""
        return self._cipher(self._active_id, kind, id).seal(plaintext, bucket)

    def open(self, kind: str, id: bytes, sealed: bytes) -> bytes:
        """Return what was sealed as this `kind` and `id`. Raises `SealBroken`, or `KeyUnavailable` for a lost key."""
        return bytes(self._cipher(key_id_of(_MARKER, sealed), kind, id).open(sealed))

    def _cipher(self, key_id: bytes, kind: str, id: bytes) -> BoundCipher:
        secret = self._by_id.get(key_id)
        if secret is None:
            raise KeyUnavailable("the key file does not hold the service key that sealed this")
        context = canonical(_MARKER, self._tenant, kind.encode(), id, key_id, b"service")
        return BoundCipher(_MARKER, secret, key_id, context)


def _fingerprint(secret: bytes) -> bytes:
    return HKDFExpand(SHA256(), KEY_ID_BYTES, b"service key id").derive(secret)
