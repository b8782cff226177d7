"""Blind tokens: how a record is found by an identifier that is not stored.

Guarantees, against whoever holds the database but not the index key: a token does not show the value behind it, and
equal values under different fields, tenants or key versions have unrelated tokens. How many tokens a record truly has
is for whoever stores them to hide, by padding.

Does not: hide that two rows carry the same token of the same field (callers put the record id into the value where
equal values would group people, as for organisations), nor withstand a thief of the index key. There are 10^9 valid
NHS numbers: with the key, all can be tried in minutes, so it is guarded like a key-encryption key. A token only points:
the caller compares the decrypted value exactly before it answers.

An alias is the one thing here that whoever holds the key can turn back: a name for a record id that an outside system
keeps and asks with, so that nothing has to be stored for it. To whoever has no key it is as random as the id itself;
aliases of one record under two fields have nothing in common.

Rotation: write tokens of the active version and look up with those of every version (`lookups`) until all are
rewritten. A key that made an alias stays in the file as long as somebody may ask with that alias.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from security.keys import Secrets
from security.seal import KEY_BYTES, canonical

TOKEN_BYTES = 16
ALIAS_BYTES = 16

_HASH = SHA256()


class BlindIndex:
    """Makes look-up tokens for one tenant."""

    def __init__(self, keys: Secrets, tenant: str) -> None:
        """Take the index keys; the active one makes the tokens that are stored."""
        self._tenant = tenant.encode()
        self._active = keys.active
        self._earlier = keys.earlier
        self._started: dict[tuple[bytes, str], HMAC] = {}

    def token(self, field: str, value: str) -> bytes:
        """Return the token (16 bytes) of `value` in `field`, say "nhs-number" and ten digits.

        The caller brings `value` to one form first: the same number with a space in it has another token.
        """
        return self._token(self._active, field, value)

    def lookups(self, field: str, value: str) -> tuple[bytes, ...]:
        """Return the tokens under which `value` may be stored: the active key's first, then those of earlier keys."""
        return (self.token(field, value), *(self._token(secret, field, value) for secret in self._earlier))

    def alias(self, field: str, record_id: bytes) -> bytes:
        """Return the alias (16 bytes) of a random record id of 16 bytes in `field`."""
        cipher = self._permutation(self._active, field).encryptor()
        return cipher.update(record_id) + cipher.finalize()

    def behind(self, field: str, alias: bytes) -> tuple[bytes, ...]:
        """Return what `alias` may stand for, by each key: ids of records, or, of what is no alias, of none at all."""
        found = []
        for secret in (self._active, *self._earlier):
            cipher = self._permutation(secret, field).decryptor()
            found.append(cipher.update(alias) + cipher.finalize())
        return tuple(found)

    def _permutation(self, secret: bytes, field: str) -> Cipher[ECB]:
        """Return a keyed permutation of 16 bytes: one block of a block cipher, which is what that is.

        Nothing else may be put through it: an id is one block and random, so ECB repeats nothing.
        """
        key = HKDFExpand(_HASH, KEY_BYTES, canonical(b"EPX1", self._tenant, field.encode())).derive(secret)
        return Cipher(AES256(key), ECB())  # noqa: S305 - see above

    def _token(self, secret: bytes, field: str, value: str) -> bytes:
        started = self._started.get((secret, field))
        if started is None:
            # Fields are words of our code, never of a request, so what is kept here stays small.
            key = HKDFExpand(_HASH, KEY_BYTES, canonical(b"EPI1", self._tenant, field.encode())).derive(secret)
            started = HMAC(key, _HASH)
            started.update(field.encode() + b"/v1\x00")
            self._started[secret, field] = started
        mac = started.copy()
        mac.update(value.encode())
        return mac.finalize()[:TOKEN_BYTES]

    def __repr__(self) -> str:
        return "BlindIndex()"
