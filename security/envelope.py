"""The envelope: one data key per record, and the sealing of a record's contents with it.

Guarantees, against whoever can read and write the database but holds no key: contents cannot be read, and open only
as what they were sealed as: this tenant, collection, record, sequence and data key; a wrapped key opens only as the
key of its tenant and record under the key-encryption key that it names. Deleting the one wrapped key erases the
record in every copy of its content (sharing rules, section 10).

Does not: stop an older copy being put back in its own place (see `heads`), nor erase what a backup of the wrapped keys
still holds: keep such backups apart and briefly.

Rotation: `rewrap` moves a data key under the current key-encryption key; contents stay as they are, for they are
bound to the data key's id and not to the key-encryption key's. Readers go on with either wrapping; store the new one
by compare-and-set on the old.
Race: whoever unwrapped a key before it was shredded may use it until it lets go of it, at most five minutes in the
cache here; other processes find the wrapped key gone at their next read, for it is read from the store every time.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NoReturn

import msgspec

from security.errors import SealBroken
from security.keys import KeyProvider
from security.seal import KEY_BYTES, KEY_ID_BYTES, BoundCipher, canonical

_CONTENT = b"EPC1"
_WRAP = b"EPK1"
LONGEST_CACHED_SECONDS = 300.0


class WrappedKey(msgspec.Struct, frozen=True):
    """A data key as it is stored, once per record, in a place of its own. Nothing in it is secret."""

    dek_id: bytes
    kek_id: str
    blob: bytes


class RecordKey:
    """The data key of one record, ready to seal and open. Never stored, sent or shown."""

    __slots__ = ("_dek", "wrapped")

    def __init__(self, wrapped: WrappedKey, dek: bytes) -> None:
        self.wrapped = wrapped
        self._dek = dek

    def cipher(self, context: bytes) -> BoundCipher:
        """Return the cipher of one content context under this key."""
        return BoundCipher(_CONTENT, self._dek, self.wrapped.dek_id, context)

    def __repr__(self) -> str:
        return "RecordKey(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a record's key is never serialised")


class Envelope:
    """Makes, unwraps and rewraps the keys of one tenant's records, and seals and opens their contents."""

    def __init__(
        self,
        keys: KeyProvider,
        tenant: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        cached_keys: int = 4096,
        cached_seconds: float = LONGEST_CACHED_SECONDS,
    ) -> None:
        """`cached_keys` unwrapped keys are kept for `cached_seconds` at most, 300 being the limit; 0 keeps none."""
        if not 0 <= cached_seconds <= LONGEST_CACHED_SECONDS:
            raise ValueError("unwrapped keys may be kept for 0 to 300 seconds")
        self._keys = keys
        self._tenant = tenant.encode()
        self._cache = _KeyCache(cached_keys, cached_seconds, monotonic)
        self._collections: dict[str, bytes] = {}

    async def new_key(self, record_id: bytes) -> RecordKey:
        """Return a new random key for a record; its `wrapped` is what to store. Raises `KeyUnavailable`."""
        dek_id, dek = os.urandom(KEY_ID_BYTES), os.urandom(KEY_BYTES)
        kek_id, blob = await self._keys.wrap(dek, self._wrap_context(record_id, dek_id))
        return RecordKey(WrappedKey(dek_id, kek_id, blob), dek)

    async def unwrap(self, record_id: bytes, wrapped: WrappedKey) -> RecordKey:
        """Return the record's key. Raises `KeyUnavailable`, or `SealBroken` if it is not this record's key."""
        kept = self._cache.get(record_id, wrapped)
        if kept is not None:
            return kept
        key = RecordKey(wrapped, await self._unwrapped(record_id, wrapped))
        self._cache.keep(record_id, key)
        return key

    async def rewrap(self, record_id: bytes, wrapped: WrappedKey) -> WrappedKey:
        """Return the same data key wrapped with the current key-encryption key; `wrapped` itself if that made it."""
        if wrapped.kek_id == self._keys.current():
            return wrapped
        dek = await self._unwrapped(record_id, wrapped)
        kek_id, blob = await self._keys.wrap(dek, self._wrap_context(record_id, wrapped.dek_id))
        return WrappedKey(wrapped.dek_id, kek_id, blob)

    def forget(self, record_id: bytes) -> None:
        """Drop the record's key from the cache; call it when the record is erased."""
        self._cache.drop(record_id)

    def seal(self, key: RecordKey, collection: str, record_id: bytes, sequence: int, plaintext: bytes) -> bytes:
        """Return `plaintext` sealed as content `sequence` of the record in `collection`, padded to 1 KiB."""
        return key.cipher(self._content_context(key, collection, record_id, sequence)).seal(plaintext)

    def open(self, key: RecordKey, collection: str, record_id: bytes, sequence: int, sealed: bytes) -> memoryview:
        """Return what was sealed in exactly this place, or raise `SealBroken`."""
        return key.cipher(self._content_context(key, collection, record_id, sequence)).open(sealed)

    async def _unwrapped(self, record_id: bytes, wrapped: WrappedKey) -> bytes:
        context = self._wrap_context(record_id, wrapped.dek_id)
        dek = await self._keys.unwrap(wrapped.kek_id, wrapped.blob, context)
        if len(dek) != KEY_BYTES:
            raise SealBroken
        return dek

    def _wrap_context(self, record_id: bytes, dek_id: bytes) -> bytes:
        # The provider adds the key-encryption key's id and "wrap": only it knows which key it takes.
        return canonical(_WRAP, self._tenant, record_id, dek_id)

    def _content_context(self, key: RecordKey, collection: str, record_id: bytes, sequence: int) -> bytes:
        front = self._collections.get(collection)
        if front is None:
            front = self._collections[collection] = canonical(_CONTENT, self._tenant, collection.encode())
        return front + canonical(record_id, sequence.to_bytes(8, "big"), key.wrapped.dek_id, b"content")

    def __repr__(self) -> str:
        return f"Envelope({self._keys!r})"


class _KeyCache:
    """Unwrapped keys, least recently used out first, each good for one exact wrapping of one record and a short time.

    The whole wrapping is compared, so a changed or swapped one never finds a key here and goes to the provider to fail.
    """

    def __init__(self, capacity: int, seconds: float, monotonic: Callable[[], float]) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._monotonic = monotonic
        self._kept: OrderedDict[bytes, tuple[float, RecordKey]] = OrderedDict()

    def get(self, record_id: bytes, wrapped: WrappedKey) -> RecordKey | None:
        entry = self._kept.get(record_id)
        if entry is None:
            return None
        until, key = entry
        if key.wrapped != wrapped or self._monotonic() >= until:
            return None
        self._kept.move_to_end(record_id)
        return key

    def keep(self, record_id: bytes, key: RecordKey) -> None:
        self._kept[record_id] = (self._monotonic() + self._seconds, key)
        self._kept.move_to_end(record_id)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def drop(self, record_id: bytes) -> None:
        self._kept.pop(record_id, None)
