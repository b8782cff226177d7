"""Keys: who holds them, how they are kept, and what they may be used for.

Guarantees, against other accounts of the machine and against our own carelessness: the key file belongs to the
account that runs the program and nobody else may read it, or the program does not start; keys are made by one
explicit act and never because a file was missing; each purpose has random keys of its own, never made from one
another; no key appears in a repr, a log or an error.

Does not: protect from whoever runs as the same account or reads its memory, nor from losing the file. Without it every
plan is unreadable (hazard H14), so a copy belongs in escrow apart from the database's backups; with both, a thief has
everything.

Rotation of the key-encryption key: `add_kek` (opens only; bring the file to every node), then `switch_kek` (it wraps
from now on), then rewrap what earlier ones wrapped. A key that anything still names must stay in the file. One key
wraps at most 2^32 data keys; rotate at 2^31. A running process keeps the keys it started with.
Race: changes of the file happen under a lock on its directory and replace it whole, so two of them follow one another
and a reader sees the old file or the new one.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from security.errors import KeysRefused, KeyUnavailable, SealBroken
from security.key_file import create_private, read_private, replacing
from security.seal import KEY_BYTES, NONCE_BYTES, canonical

FILE_FORMAT = "epaccs-keys/1"
_WRAPPED = b"EPK1"


class KeyProvider(Protocol):
    """Wraps and unwraps data keys: the key file here, a key management service elsewhere."""

    async def wrap(self, dek: bytes, aad: bytes) -> tuple[str, bytes]:
        """Return the id of the key-encryption key used and the wrapped data key.

        The provider binds `aad` and, behind it, its own key id and "wrap". Raises `KeyUnavailable`.
        """

    async def unwrap(self, kek_id: str, blob: bytes, aad: bytes) -> bytes:
        """Return the data key; raise `KeyUnavailable` for an unknown key id, `SealBroken` for a wrong blob or `aad`."""

    def current(self) -> str:
        """Return the id of the key-encryption key that wraps now."""

    async def health(self) -> None:
        """Raise `KeyUnavailable` unless every key-encryption key wraps and unwraps."""


class KeyState(StrEnum):
    """What a key may still do."""

    ACTIVE = "active"
    """Makes and opens. Exactly one key of each purpose."""
    OPENS = "opens"
    """Opens what it made earlier, or, just added, what other nodes already make with it."""


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One secret key of the file."""

    id: str
    version: int
    state: KeyState
    secret: bytes

    def __repr__(self) -> str:
        return f"StoredKey({self.id!r}, {self.state.value}, secret=***)"

    @classmethod
    def random(cls, purpose: str, version: int, state: KeyState) -> Self:
        """Return a new random key. Part of its id is random: keys of two files are never taken for each other."""
        return cls(f"{purpose}-{version}-{secrets.token_hex(4)}", version, state, secrets.token_bytes(KEY_BYTES))


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the key file holds, one list of versions per purpose. PEM strings are unencrypted PKCS 8."""

    format: str
    kek: tuple[StoredKey, ...]
    index: tuple[StoredKey, ...]
    head: tuple[StoredKey, ...]
    audit_seal: tuple[StoredKey, ...]
    audit_chain: tuple[StoredKey, ...]
    service: tuple[StoredKey, ...]
    audit_signing: str
    issuer: str

    def __repr__(self) -> str:
        return f"KeyFile({self.format!r}, ***)"


_PURPOSES = ("kek", "index", "head", "audit_seal", "audit_chain", "service")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The keys of one purpose: the one that makes, and the others, which open (newest first)."""

    active: bytes = field(repr=False)
    earlier: tuple[bytes, ...] = field(default=(), repr=False)


class FileKeyRing:
    """All keys of one deployment, from a file that only its owner can read. A `KeyProvider`."""

    def __init__(self, path: Path) -> None:
        """Read and judge the file; raise `KeysRefused` with a plain sentence if it may not be used."""
        content = _decode(path, read_private(path))
        self._keks = {stored.id: _Kek(stored) for stored in content.kek}
        self._current = next(stored.id for stored in content.kek if stored.state is KeyState.ACTIVE)
        self.index = _secrets(content.index)
        self.head = _secrets(content.head)
        self.audit_seal = _secrets(content.audit_seal)
        self.audit_chain = _secrets(content.audit_chain)
        self.service = _secrets(content.service)
        self.audit_signing_pem = content.audit_signing
        self.issuer_pem = content.issuer

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key file with new random keys and open it. Raises `KeysRefused` if `path` exists."""
        made = {purpose: (StoredKey.random(purpose, 1, KeyState.ACTIVE),) for purpose in _PURPOSES}
        signing, issuer = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
        content = KeyFile(FILE_FORMAT, audit_signing=_pem(signing), issuer=_pem(issuer), **made)
        create_private(path, _encode(content))
        return cls(path)

    async def wrap(self, dek: bytes, aad: bytes) -> tuple[str, bytes]:
        """Return the current key's id and `dek` wrapped with it (64 bytes)."""
        return self._current, self._keks[self._current].wrap(dek, aad)

    async def unwrap(self, kek_id: str, blob: bytes, aad: bytes) -> bytes:
        """Return the data key that was wrapped with `kek_id` and `aad`."""
        kek = self._keks.get(kek_id)
        if kek is None:
            raise KeyUnavailable("the key file does not hold the key-encryption key that a record names")
        return kek.unwrap(blob, aad)

    def current(self) -> str:
        """Return the id of the key-encryption key that wraps now."""
        return self._current

    async def health(self) -> None:
        """Raise `KeyUnavailable` unless every key-encryption key wraps and unwraps."""
        probe = secrets.token_bytes(KEY_BYTES)
        for kek in self._keks.values():
            if kek.unwrap(kek.wrap(probe, b"health"), b"health") != probe:
                raise KeyUnavailable("a key-encryption key does not unwrap what it wrapped")

    def __repr__(self) -> str:
        return f"FileKeyRing(current={self._current!r}, ***)"


def open_keys(url: str) -> FileKeyRing:
    """Open the keys that the setting `EPACCS_KEYS` names, say `file:///etc/epaccs/keys.json`."""
    return FileKeyRing(key_path(url))


def key_path(url: str) -> Path:
    """Return the path in a `file:///path` setting; raise `KeysRefused` with a plain sentence for anything else."""
    parts = urlsplit(url)
    if parts.scheme in ("vault", "aws-kms"):
        raise KeysRefused(f"EPACCS_KEYS: keys in {parts.scheme} are not supported yet; use file:///path")
    path = Path(unquote(parts.path))
    if parts.scheme != "file" or parts.netloc or parts.query or parts.fragment or not path.is_absolute():
        raise KeysRefused("EPACCS_KEYS: must be file:///path with an absolute path")
    return path


def add_kek(path: Path) -> str:
    """Add a random key-encryption key that opens but does not yet wrap, and return its id."""
    with replacing(path) as file:
        content = _decode(path, file.content)
        added = StoredKey.random("kek", max(stored.version for stored in content.kek) + 1, KeyState.OPENS)
        file.content = _encode(msgspec.structs.replace(content, kek=(*content.kek, added)))
    return added.id


def switch_kek(path: Path, kek_id: str) -> None:
    """Make `kek_id` the key that wraps, once every node's file holds it. The former one goes on opening."""
    with replacing(path) as file:
        content = _decode(path, file.content)
        if kek_id not in {stored.id for stored in content.kek}:
            raise KeysRefused("the key file holds no key-encryption key of that id")
        keks = tuple(
            msgspec.structs.replace(stored, state=KeyState.ACTIVE if stored.id == kek_id else KeyState.OPENS)
            for stored in content.kek
        )
        file.content = _encode(msgspec.structs.replace(content, kek=keks))


class _Kek:
    """One key-encryption key at work: marker 4 | nonce 12 | AES-256-GCM of the data key 32 | tag 16."""

    __slots__ = ("_aes", "_bound")

    def __init__(self, stored: StoredKey) -> None:
        self._aes = AESGCM(stored.secret)
        self._bound = canonical(stored.id.encode(), b"wrap")

    def wrap(self, dek: bytes, aad: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return _WRAPPED + nonce + self._aes.encrypt(nonce, dek, aad + self._bound)

    def unwrap(self, blob: bytes, aad: bytes) -> bytes:
        if blob[:4] != _WRAPPED or len(blob) != 64:
            raise SealBroken
        try:
            return self._aes.decrypt(blob[4:16], blob[16:], aad + self._bound)
        except InvalidTag:
            raise SealBroken from None


def _secrets(stored: tuple[StoredKey, ...]) -> Secrets:
    newest_first = sorted(stored, key=lambda key: key.version, reverse=True)
    active = next(key for key in newest_first if key.state is KeyState.ACTIVE)
    return Secrets(active.secret, tuple(key.secret for key in newest_first if key is not active))


def _pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _encode(content: KeyFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def _decode(path: Path, encoded: bytes) -> KeyFile:
    try:
        content = msgspec.json.decode(encoded, type=KeyFile)
    except msgspec.DecodeError:
        # The cause is left out: it may quote what it could not read, and that may be a key.
        raise KeysRefused(f"{path}: not a key file of this program, or damaged") from None
    if content.format != FILE_FORMAT:
        raise KeysRefused(f"{path}: the key file has a format that this version does not know")
    kept = [stored for purpose in _PURPOSES for stored in getattr(content, purpose)]
    if any(len(stored.secret) != KEY_BYTES for stored in kept):
        raise KeysRefused(f"{path}: every key must have {KEY_BYTES} bytes")
    if len({stored.secret for stored in kept}) < len(kept) or len({stored.id for stored in kept}) < len(kept):
        raise KeysRefused(f"{path}: one key, or one key id, stands in the file twice")
    for purpose in _PURPOSES:
        if sum(stored.state is KeyState.ACTIVE for stored in getattr(content, purpose)) != 1:
            raise KeysRefused(f"{path}: exactly one key of purpose {purpose} must be active")
    return content
