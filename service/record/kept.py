"""Texts kept for their senders: answers to give again under an Idempotency-Key, and writes refused as stale.

Both are sealed with the service key, found by blind tokens, and expire: 24 hours and 7 days.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from security.blind_index import BlindIndex
from security.clock import Clock
from security.principal import Principal
from security.service_seal import ServiceSeal
from service.record.errors import NotHere, RepeatedKey
from service.store.port import RecordStore, Remembered

IDEMPOTENCY_WINDOW = timedelta(hours=24)
REFUSED_WINDOW = timedelta(days=7)


class GivenResult(msgspec.Struct, array_like=True, frozen=True):
    """What became of one change; the fields are those of `service.record.write.Result`."""

    reference: str
    version: int
    status: int
    last_updated: str
    bare: bool


class GivenAnswer(msgspec.Struct, array_like=True, frozen=True):
    """What a write answered the first time: enough to answer it again by reading the same versions."""

    request_digest: bytes
    results: list[GivenResult]


class _RefusedText(msgspec.Struct, array_like=True, frozen=True):
    client: str
    user: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The key of one request and the digest of what it asks for."""

    key: str
    digest: bytes

    @classmethod
    def of(cls, key: str, *parts: bytes) -> Idempotency:
        """Digest method, path, version and body of a request under its key."""
        digest = hashlib.sha256()
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return cls(key, digest.digest())


@dataclass(frozen=True, slots=True)
class Kept:
    """Keeps and gives back such texts."""

    store: RecordStore
    seal: ServiceSeal
    index: BlindIndex
    clock: Clock

    async def answered(self, principal: Principal, asked: Idempotency) -> GivenAnswer | None:
        """Return what was answered under this key, None when nothing was; raise RepeatedKey for another request."""
        token = self._token(principal, asked)
        sealed = await self.store.remembered(token)
        if sealed is None:
            return None
        given = msgspec.msgpack.decode(self.seal.open("idempotent-answer", token, sealed), type=GivenAnswer)
        if given.request_digest != asked.digest:
            raise RepeatedKey
        return given

    def remember(self, principal: Principal, asked: Idempotency, results: list[GivenResult]) -> Remembered:
        """Return what a commit carries so that the same request is answered the same way for 24 hours."""
        token = self._token(principal, asked)
        plaintext = msgspec.msgpack.encode(GivenAnswer(asked.digest, results))
        sealed = self.seal.seal("idempotent-answer", token, plaintext)
        return Remembered(token, sealed, self.clock() + IDEMPOTENCY_WINDOW)

    async def keep_refused(self, principal: Principal, body: bytes) -> str:
        """Keep a refused text for its sender; return the id to ask for it with."""
        kept_as = secrets.token_urlsafe(18)
        token = self.index.token("refused-text", kept_as)
        text = _RefusedText(principal.client_id, "" if principal.user is None else principal.user.id, body)
        sealed = self.seal.seal("refused-text", token, msgspec.msgpack.encode(text))
        await self.store.keep(token, sealed, self.clock() + REFUSED_WINDOW)
        return kept_as

    async def refused(self, principal: Principal, kept_as: str) -> bytes:
        """Return a refused text to the client and person that sent it; NotHere for anybody else and after 7 days."""
        token = self.index.token("refused-text", kept_as)
        sealed = await self.store.remembered(token)
        if sealed is None:
            raise NotHere
        text = msgspec.msgpack.decode(self.seal.open("refused-text", token, sealed), type=_RefusedText)
        if (text.client, text.user) != (principal.client_id, "" if principal.user is None else principal.user.id):
            raise NotHere
        return text.body

    def _token(self, principal: Principal, asked: Idempotency) -> bytes:
        return self.index.token("idempotency-key", f"{principal.client_id}|{asked.key}")
