"""The sealed format: how bytes become ciphertext that opens only where it belongs.

Guarantees, against whoever can read and write the database but holds no key:
- the content cannot be read; its length is known only to the bucket (1 KiB unless the caller says otherwise);
- a changed, shortened or moved blob does not open: every blob is bound to a context (tenant, place, sequence ...) that
  the opener states again, never one that is read from the blob;
- one blob opens under one key only: AES-GCM alone does not promise that, so a commitment is derived together with the
  encryption key and compared, in constant time, before anything is decrypted (sharing rules, section 10).

Does not: stop an old blob being put back in its own place (see `heads`), hide how often or when something is written,
or wipe keys from memory, which Python cannot.

Rotation: the format names its version in the first four bytes; a new one is a new marker and both open side by side.
Races: none. Nonces are random and every context has a key of its own, so two writers of the same place never meet in
one nonce space; nothing here counts, and a restored backup repeats nothing.

    marker 4 | key id 16 | nonce 12 | commitment 32 | AES-256-GCM( length 4 | plaintext | zeros ) | tag 16
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from security.errors import SealBroken

KEY_BYTES = 32
KEY_ID_BYTES = 16
NONCE_BYTES = 12
BUCKET = 1024

_KEY_ID = slice(4, 20)
_NONCE = slice(20, 32)
_COMMITMENT = slice(32, 64)
_FRONT_BYTES = 64
_TAG_BYTES = 16
_LENGTH_BYTES = 4
_HASH = SHA256()


def canonical(*parts: bytes) -> bytes:
    """Join `parts` so that no other list of parts gives the same bytes: each behind its length (4 bytes, big-endian).

    canonical(a, b) + canonical(c) == canonical(a, b, c), so a context can be built in steps.
    """
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


class BoundCipher:
    """Seals and opens for one key and one context.

    Costs one HKDF to make (2 us); keep it only where many blobs share a context, and then for fewer than 2^32 of them.
    """

    __slots__ = ("_aes", "_commitment", "_context", "_key_id", "_marker")

    def __init__(self, marker: bytes, key: bytes, key_id: bytes, context: bytes) -> None:
        """Derive the encryption key and the commitment.

        `marker` (4 bytes) names format and kind; `key` is 32 uniformly random bytes, so HKDF's extract step has nothing
        to do and is left out (RFC 5869, 3.3); `context` is `canonical` of everything the blob is bound to.
        """
        derived = HKDFExpand(_HASH, 2 * KEY_BYTES, context).derive(key)
        self._aes = AESGCM(derived[:KEY_BYTES])
        self._commitment = derived[KEY_BYTES:]
        self._context = context
        self._marker = marker
        self._key_id = key_id

    def seal(self, plaintext: bytes, bucket: int = BUCKET) -> bytes:
        """Return `plaintext` sealed and padded to the next multiple of `bucket` bytes."""
        length = len(plaintext)
        padding = -(length + _LENGTH_BYTES) % bucket
        frame = b"".join((length.to_bytes(_LENGTH_BYTES, "big"), plaintext, bytes(padding)))
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._aes.encrypt(nonce, frame, self._context)
        return b"".join((self._marker, self._key_id, nonce, self._commitment, ciphertext))

    def committed_by(self, sealed: bytes) -> bool:
        """Return whether the commitment in `sealed` is to this key and context."""
        return bytes_eq(sealed[_COMMITMENT], self._commitment)

    def open(self, sealed: bytes) -> memoryview:
        """Return the plaintext of `sealed`, or raise `SealBroken` without saying which check failed.

        A view, because a copy of a whole record would cost as much as a tenth of its decryption.
        """
        if sealed[:4] != self._marker or len(sealed) < _FRONT_BYTES + _TAG_BYTES:
            raise SealBroken
        if not self.committed_by(sealed) or sealed[_KEY_ID] != self._key_id:
            raise SealBroken
        try:
            frame = self._aes.decrypt(sealed[_NONCE], memoryview(sealed)[_FRONT_BYTES:], self._context)
        except InvalidTag:
            raise SealBroken from None
        end = _LENGTH_BYTES + int.from_bytes(frame[:_LENGTH_BYTES], "big")
        if end > len(frame):
            raise SealBroken
        return memoryview(frame)[_LENGTH_BYTES:end]

    def __repr__(self) -> str:
        return f"BoundCipher({self._marker!r})"


def key_id_of(marker: bytes, sealed: bytes) -> bytes:
    """Return the key id that `sealed` names, or raise `SealBroken` if it is not a whole blob of the kind `marker`.

    The name is not yet trusted: it only tells which key to try.
    """
    if sealed[:4] != marker or len(sealed) < _FRONT_BYTES + _TAG_BYTES:
        raise SealBroken
    return bytes(sealed[_KEY_ID])
