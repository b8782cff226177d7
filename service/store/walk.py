"""What a verifier asks of a store: everything that is there, in order, damage included.

Other reads answer with a whole record or not at all. These tell what lies there, so that somebody with the keys can say
what is wrong with it. None of them changes what a record says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from security.audit_batch import ChainHead
from security.audit_chain import Linked
from security.envelope import WrappedKey
from security.heads import Head
from service.store.epochs import StoredEpoch


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record as it was found: None for a head or a key that is not there."""

    record_id: bytes
    sequence: int
    sealed: bytes
    head: Head | None
    key: WrappedKey | None


@dataclass(frozen=True, slots=True)
class FiledEntry:
    """An audit entry in its chain. `place` is where a walk goes on behind it; it means nothing else."""

    place: bytes
    chain: bytes
    linked: Linked
    tokens: bytes = b""
    """The look-up tokens that stand beside it, one after the other."""


class StoreWalk(Protocol):
    """See the module. Every method may raise `StoreUnavailable`."""

    async def records_behind(self, record_id: bytes, limit: int) -> list[FoundRecord]:
        """Return up to `limit` records with ids behind `record_id` (empty: from the first), in order of id.

        Where the store has readers' copies, these: the newest state of a record may be found by `found` alone.
        """

    async def found(self, record_id: bytes) -> FoundRecord | None:
        """Return the newest state of a record, whole or not; None when there is none."""

    async def leading(
        self, record_id: bytes, claims: Sequence[bytes], tokens: Sequence[bytes]
    ) -> tuple[set[bytes], set[bytes]]:
        """Return those of some claims, and of some look-up tokens, that lead to a record."""

    async def replaced(self, record_id: bytes, sequence: int) -> bytes | None:
        """Return what commit `sequence` replaced, sealed, or None when nothing is filed there."""

    async def piece(self, record_id: bytes, piece_id: bytes, chunk: int) -> bytes | None:
        """Return one sealed chunk of a large element, or None."""

    async def audit_behind(self, place: bytes, limit: int) -> list[FiledEntry]:
        """Return up to `limit` audit entries behind `place` (empty: from the first), of all chains.

        Those of one chain come in the order in which they were filed, or by their number where the store keeps no
        such order. What is filed during a walk may or may not come; there is no gap before what comes.
        """

    async def epochs(self) -> list[StoredEpoch]:
        """Return the epochs that began with a restore, in order."""

    async def chain_heads(self) -> list[ChainHead]:
        """Return the last entry of every audit chain, in order of chain."""
