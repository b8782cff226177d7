"""What a verifier asks of a document database, damage included; see `walk`.

A page of records is of readers' copies, as they lie there. `found` goes on to the commits behind a copy that nobody has
filed yet, and files them, as any reader would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from security.audit_batch import ChainHead
from security.audit_chain import Linked
from security.envelope import WrappedKey
from service.store.claims import COMMITS, Claims
from service.store.commit_documents import head_of
from service.store.document_epochs import Epochs
from service.store.documents import Document, Documents
from service.store.epochs import StoredEpoch
from service.store.filing import RECORDS, Filing
from service.store.grouped_audit import AUDIT, TOKENS
from service.store.series import numbered
from service.store.token_places import TokenPlaces
from service.store.walk import FiledEntry, FoundRecord

KEYS = "keys"
_LOOKED_AGAIN = 5


class DocumentWalk:
    """The walking half of `DocumentStore`, which brings what it works with."""

    _documents: Documents
    _filing: Filing
    _claims: Claims
    _epochs: Epochs
    _tokens: TokenPlaces

    async def records_behind(self, record_id: bytes, limit: int) -> list[FoundRecord]:
        """Return a page of readers' copies."""
        copies = await self._documents.walk(RECORDS, record_id.hex(), limit)
        return list(await asyncio.gather(*[self._with_key(copy["_id"], copy) for copy in copies]))

    async def found(self, record_id: bytes) -> FoundRecord | None:
        """Return the newest state of a record, after whatever was committed behind its copy is filed."""
        record, copy = record_id.hex(), None
        for _ in range(_LOOKED_AGAIN):
            copy = await self._documents.find(RECORDS, record)
            behind = 1 if copy is None else max(copy["next"], await self._epochs.start())
            last = await self._last_behind(record, behind)
            if last is None:
                return None if copy is None else await self._with_key(record, copy)
            if "slim" not in last:
                newest = await self._filing.newest(record)
                return None if newest is None else await self._with_key(record, newest.copy())
        # The commits behind the copy are filed and yet the copy does not move: it was put back, and the newest is gone.
        return None if copy is None else await self._with_key(record, copy)

    async def leading(
        self, record_id: bytes, claims: Sequence[bytes], tokens: Sequence[bytes]
    ) -> tuple[set[bytes], set[bytes]]:
        """Return which claims and tokens lead to a record."""
        record = record_id.hex()
        holders = await asyncio.gather(*[self._claims.holder(claim.hex()) for claim in claims])
        carried = await asyncio.gather(*[self._tokens.carries(record, token.hex()) for token in tokens])
        held = {
            claim
            for claim, holder in zip(claims, holders, strict=True)
            if holder is not None and holder["record"] == record
        }
        return held, {token for token, carries in zip(tokens, carried, strict=True) if carries}

    async def audit_behind(self, place: bytes, limit: int) -> list[FiledEntry]:
        """Return a page of the audit: chain by chain, each in order of its entries' numbers."""
        after = msgspec.msgpack.decode(place, type=tuple[bytes, int, str]) if place else None
        found = await self._documents.trail(AUDIT, "chain", "seq", after, limit)
        return [_filed(one) for one in found]

    async def audit_carrying(self, tokens: Sequence[bytes], after: bytes, limit: int) -> list[FiledEntry]:
        """Return entries that carry any of some tokens: chain by chain, each from its newest."""
        behind = msgspec.msgpack.decode(after, type=tuple[bytes, int, str]) if after else None
        named = [token.hex() for token in tokens]
        return [_filed(one) for one in await self._documents.carrying(AUDIT, TOKENS, named, behind, limit)]

    async def epochs(self) -> list[StoredEpoch]:
        """Return the epochs that began with a restore, in order."""
        return await self._epochs.all()

    async def chain_heads(self) -> list[ChainHead]:
        """Return the last entry of every chain: one query for each."""
        heads: list[ChainHead] = []
        after: bytes | None = None
        while (last := await self._documents.last_of_next(AUDIT, "chain", "seq", after)) is not None:
            heads.append(ChainHead(last["chain"], last["seq"], last["mac"]))
            after = last["chain"]
        return heads

    async def _last_behind(self, record: str, number: int) -> Document | None:
        """Return the last of the commits from `number` on, or None."""
        last = None
        while (commit := await self._documents.find(COMMITS, numbered(record, number))) is not None:
            last, number = commit, number + 1
        return last

    async def _with_key(self, record: str, copy: Document) -> FoundRecord:
        key = await self._documents.find(KEYS, record)
        wrapped = None if key is None else WrappedKey(key["dek_id"], key["kek_id"], key["blob"])
        head = None if "head" not in copy else head_of(copy["head"])
        return FoundRecord(bytes.fromhex(record), copy["sequence"], copy["sealed"], head, wrapped)


def _filed(one: Document) -> FiledEntry:
    place = msgspec.msgpack.encode((one["chain"], one["seq"], one["_id"]))
    tokens = b"".join(bytes.fromhex(token) for token in one.get(TOKENS, ()))
    return FiledEntry(place, one["chain"], Linked(one["seq"], one["mac"], one["sealed"]), tokens)
