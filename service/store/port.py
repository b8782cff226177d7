"""The port every store implements: sealed records, look-up tokens, versions, audit, and things used once.

What a store guarantees, whichever database it is:

- `commit` is compare-and-set on the record's sequence and all or nothing: record, replaced versions, pieces, tokens,
  claims, audit entries, deliveries and the remembered answer are durable together when it returns, or none of them is
  there.
- A claim (a token that must be unique) belongs to at most one record, also when two processes race for it.
- `append_audit` returns when the entry is durable, never before. Whoever looks for one of its tokens from then on finds
  it.
- No read that starts after a commit returned shows the state before it.

What it never sees: a name, a code, an identifier, an organisation. Tokens are keyed hashes, everything else is sealed.
A MongoDB store commits by inserting one document `{_id: "<record id>:<sequence>"}`; the port was shaped so that one
insert can carry a whole `Commit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from security.envelope import WrappedKey
from security.heads import Head
from service.store.epochs import StoredEpoch
from service.store.walk import FiledEntry, StoreWalk


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it lies in the store: sealed content, the head that must agree with it, and its wrapped key.

    `skipped` counts the numbers behind `sequence` that no commit will ever have; the next one has the one after them.
    """

    record_id: bytes
    sequence: int
    sealed: bytes
    head: Head
    key: WrappedKey
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class StoredPiece:
    """One sealed chunk of a data element too large for the record itself."""

    piece_id: bytes
    chunk: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer to give again to the same request: `key` is a blind token, `sealed` the answer, kept to `expires`."""

    key: bytes
    sealed: bytes
    expires: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to be sent because of a commit. `lane`: a keyed hash, 16 bytes, of one person and one partner."""

    lane: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery that waits. `id` names it here; for one record, ids grow with the commits that caused them."""

    id: bytes
    lane: bytes
    sealed: bytes


class SealedEntry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An audit entry as it is handed over: sealed, and its look-up tokens (16 bytes each) one after the other."""

    sealed: bytes
    tokens: bytes = b""


@dataclass(frozen=True, slots=True)
class Commit:
    """One change of one record. `sequence` is the one being made: 1 creates the record and brings its `key`, any other
    is the one behind the stored record's own and those that it skipped.

    `replaced` holds, sealed, the versions that this commit replaces, and is filed under `sequence`. `claims` must be
    free or already this record's. `tokens` and `dropped_tokens` change the look-up tokens; `dropped_claims` frees some.
    `audit` entries are sealed; the store links them into its chain in filing order.
    """

    record_id: bytes
    sequence: int
    sealed: bytes
    head: Head
    key: WrappedKey | None = None
    replaced: bytes | None = None
    pieces: tuple[StoredPiece, ...] = ()
    claims: frozenset[bytes] = frozenset()
    dropped_claims: frozenset[bytes] = frozenset()
    tokens: frozenset[bytes] = frozenset()
    dropped_tokens: frozenset[bytes] = frozenset()
    audit: tuple[SealedEntry, ...] = ()
    known: bytes | None = None
    remembered: Remembered | None = field(default=None, repr=False)
    deliveries: tuple[Delivery, ...] = ()


class RecordStore(StoreWalk, Protocol):
    """See the module. Every method may raise `StoreUnavailable`."""

    @property
    def deliveries_in_order(self) -> bool:
        """Whether ids of deliveries grow over all records, so that behind the last id seen is all that is new."""

    async def fetch(self, record_id: bytes) -> StoredRecord | None:
        """Return the record, or None."""

    async def claimed(self, claim: bytes) -> StoredRecord | None:
        """Return the record that holds a unique token, or None."""

    async def claimed_and_head(self, claim: bytes, other: bytes) -> tuple[StoredRecord | None, Head | None]:
        """Return the record that holds `claim`, and the head of the record that holds `other`, in one look-up.

        The head alone tells whether what a caller keeps of that other record is still its newest state.
        """

    async def holding(self, token: bytes, limit: int) -> list[StoredRecord]:
        """Return up to `limit` records that carry a look-up token, in no meaningful order."""

    async def carrying(self, tokens: Sequence[bytes], limit: int) -> list[StoredRecord]:
        """Return up to `limit` records that carry any of several look-up tokens, each once, in no meaningful order."""

    async def replaced(self, record_id: bytes, sequence: int) -> bytes | None:
        """Return what commit `sequence` replaced, sealed, or None when it replaced nothing."""

    async def piece(self, record_id: bytes, piece_id: bytes, chunk: int) -> bytes | None:
        """Return one sealed chunk of a large element."""

    async def commit(self, commit: Commit) -> None:
        """Make the change durable; raise SequenceTaken, ClaimTaken or AlreadyRemembered and change nothing."""

    async def append_audit(self, entry: SealedEntry, known: bytes | None = None) -> None:
        """Make one audit entry durable, and with it, once, the token of a partner that was permitted to read."""

    async def audit_carrying(self, tokens: Sequence[bytes], after: bytes, limit: int) -> list[FiledEntry]:
        """Return up to `limit` audit entries that carry any of some look-up tokens, each once, newest first.

        `after` is the place of the entry to go on behind (empty: from the newest). Newest is what was filed last by one
        process; entries of several processes come in an order that is fixed, and theirs is known by opening them.
        """

    async def is_known(self, token: bytes) -> bool:
        """Say whether a known-partner token was ever written (sharing rule 9a)."""

    async def spend_once(self, token: bytes, expires: datetime) -> bool:
        """Insert a token if absent, atomically; False means that somebody spent it before."""

    async def remembered(self, key: bytes) -> bytes | None:
        """Return the sealed answer remembered under a key that has not expired."""

    async def waiting(self, after: bytes, limit: int) -> list[StoredDelivery]:
        """Return up to `limit` deliveries that are not done, with ids behind `after`, in order of id."""

    async def done(self, delivery: bytes) -> None:
        """Forget a delivery; nothing happens for one that is not there."""

    async def lease(self, name: bytes, holder: bytes, until: datetime) -> int | None:
        """Take or renew a lease; return its turn, None while somebody else has it.

        Of several who try at once at most one gets it. Turns grow with every taking and renewal.
        """

    async def leased(self, name: bytes) -> bool:
        """Say whether somebody has a lease now."""

    async def release(self, name: bytes, holder: bytes) -> None:
        """Let go of a lease, if `holder` has it."""

    async def count(self, key: bytes, until: datetime) -> int:
        """Count one more under `key` for the span of time that ends at `until`, and return the count.

        It is forgotten after that. Each of several who count at once gets a number of its own.
        """

    async def keep(self, key: bytes, sealed: bytes, expires: datetime) -> None:
        """Keep a sealed text until it expires."""

    async def begin_epoch(self, epoch: StoredEpoch) -> None:
        """Begin an epoch after a restore: from here on no number is handed out that an earlier epoch can have used.

        The next commit of every record, the next turn of every lease and, for one record, the ids of its next
        deliveries are those of the epoch. Repeating it changes nothing. Nothing else may have the store open meanwhile:
        whoever opens it later goes by the new numbers.
        """

    async def tidy(self) -> None:
        """Finish what processes that died left behind, and forget what has expired; called from time to time."""

    async def ready(self) -> None:
        """Raise StoreUnavailable when reads or durable writes cannot be served."""

    async def close(self) -> None:
        """Finish what was accepted and let go of files and connections."""
