"""Heads: the proof that the stored copy of a record is its newest one.

Guarantees, against whoever can write the database but holds no key: an older sealed copy of the same record, put back
in its place, is refused, as is any other blob. The head stands in a table of its own and is compared on every read.

Does not: notice when the head row is rolled back together with the record. The audit chain, whose signed heads leave
the database, is what shows that.

Rotation: a head is made anew by every commit, with the active key; heads of earlier keys are checked against those.
Race: a head belongs to the commit that wrote it. A reader that sees record and head of two commits gets `HeadMismatch`
and reads both again.

The digest is AES-GMAC under a key of its own, not SHA-256: it covers the same bytes, a forgery
of 32 KiB succeeds with probability 2^-117, and it costs 2 us instead of 18, which is more than the unsealing it guards.
Its nonces are random, so a head key serves 2^32 commits; rotate it at 2^31.
"""

from __future__ import annotations

import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from security.errors import HeadMismatch
from security.keys import Secrets
from security.seal import KEY_BYTES, NONCE_BYTES, canonical

_HASH = SHA256()


class Head(msgspec.Struct, frozen=True):
    """Which sealed copy of a record is the current one.

    `digest` (28 bytes) is nonce and AES-GMAC of the sealed record; `mac` (32 bytes) is HMAC-SHA256 over tenant,
    record id, sequence and digest. None of them is secret.
    """

    sequence: int
    digest: bytes
    mac: bytes


class Heads:
    """Makes and checks heads for one tenant."""

    def __init__(self, keys: Secrets, tenant: str) -> None:
        """Take the head keys; the active one makes, all of them check."""
        self._front = canonical(b"EPH1", tenant.encode())
        self._active = _HeadKey(keys.active)
        self._earlier = tuple(_HeadKey(secret) for secret in keys.earlier)

    def make(self, record_id: bytes, sequence: int, sealed: bytes) -> Head:
        """Return the head that names `sealed` as the record's copy number `sequence`."""
        nonce = os.urandom(NONCE_BYTES)
        digest = nonce + self._active.gmac.encrypt(nonce, b"", sealed)
        return Head(sequence, digest, self._active.mac(self._place(record_id, sequence, digest)))

    def check(self, record_id: bytes, sequence: int, sealed: bytes, head: Head) -> None:
        """Raise `HeadMismatch` unless `head` names exactly `sealed` as copy number `sequence` of this record."""
        if head.sequence != sequence:
            raise HeadMismatch
        place = self._place(record_id, sequence, head.digest)
        for key in (self._active, *self._earlier):
            if bytes_eq(key.mac(place), head.mac):
                break
        else:
            raise HeadMismatch
        try:
            key.gmac.decrypt(head.digest[:NONCE_BYTES], head.digest[NONCE_BYTES:], sealed)
        except InvalidTag:
            raise HeadMismatch from None

    def made(self, record_id: bytes, head: Head) -> bool:
        """Say whether this service made a head for a record, whatever copy it names: for finding out what is wrong."""
        place = self._place(record_id, head.sequence, head.digest)
        return any(bytes_eq(key.mac(place), head.mac) for key in (self._active, *self._earlier))

    def _place(self, record_id: bytes, sequence: int, digest: bytes) -> bytes:
        return self._front + canonical(record_id, sequence.to_bytes(8, "big"), digest)


class _HeadKey:
    """The two keys made from one head secret: one for the digest, one for the mac."""

    __slots__ = ("_hmac", "gmac")

    def __init__(self, secret: bytes) -> None:
        self.gmac = AESGCM(HKDFExpand(_HASH, KEY_BYTES, b"head digest").derive(secret))
        self._hmac = HMAC(HKDFExpand(_HASH, KEY_BYTES, b"head mac").derive(secret), _HASH)

    def mac(self, message: bytes) -> bytes:
        mac = self._hmac.copy()
        mac.update(message)
        return mac.finalize()
