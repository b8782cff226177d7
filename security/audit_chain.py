"""The audit chain: each filed entry is tied to the one before it, so that what is missing or changed shows.

Guarantees, against whoever can write the database but holds no chain key: removing, changing, adding or reordering
entries between two known heads is found by `verify_chain`, which names what was done and where. With a head that was
kept outside the database (see `audit_batch`), so are truncation and a second history, even one made by a holder of
the key.

Does not: notice truncation after the last head that left the database, nor anything before the first.

Rotation: a chain keeps the key it began with; a new key begins a new chain. Every process has a chain of its own.
Race: a chain belongs to one writer, which links entries in the order in which it files them. `mark` before a commit,
`rewind` when it fails: the places of entries that were never stored are taken again, and no gap is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from security.errors import ChainRewound

CHAIN_ID_BYTES = 16
_HASH = SHA256()


class Linked(msgspec.Struct, frozen=True):
    """A sealed entry in its place: `seq` counts from 1 within a chain, `mac` (32 bytes) ties it to all before it."""

    seq: int
    mac: bytes
    sealed: bytes


class ChainMark(msgspec.Struct, frozen=True):
    """A place in a chain: after the entry `seq`, whose mac is `mac`. As a head it stands for everything up to there."""

    seq: int
    mac: bytes


START = ChainMark(0, bytes(32))
"""The place before the first entry."""


class Chain:
    """The chain of one process."""

    def __init__(self, key: bytes, chain_id: bytes, after: ChainMark = START) -> None:
        """Begin chain `chain_id` (16 random bytes), or go on with it `after` its last entry."""
        self._macs = Macs(key, chain_id)
        self.chain_id = chain_id
        self._seq = after.seq
        self._mac = after.mac

    def link(self, sealed: bytes) -> Linked:
        """Give `sealed` the next place."""
        self._seq += 1
        self._mac = self._macs.mac(self._mac, self._seq, sealed)
        return Linked(self._seq, self._mac, sealed)

    def mark(self) -> ChainMark:
        """Return the present place: the head."""
        return ChainMark(self._seq, self._mac)

    def rewind(self, mark: ChainMark) -> None:
        """Return to `mark`, which this chain gave out, because what was linked since was not stored."""
        if mark.seq > self._seq:
            raise ChainRewound
        self._seq, self._mac = mark.seq, mark.mac


class FaultKind(StrEnum):
    """What was done to a chain."""

    GAP = "gap"
    REORDER = "reorder"
    EDIT = "edit"
    TRUNCATION = "truncation"
    FORK = "fork"


class ChainFault(msgspec.Struct, frozen=True):
    """What was done to the entries `seq` to `until`, both included."""

    kind: FaultKind
    seq: int
    until: int


def verify_chain(
    key: bytes, chain_id: bytes, linked: Iterable[Linked], *, after: ChainMark = START, head: ChainMark | None = None
) -> list[ChainFault]:
    """Return everything that is wrong with `linked`, the entries of one chain in the order they are stored.

    They begin behind `after`; so a long chain is verified batch by batch. `head` is a place known from elsewhere that
    the entries must reach and agree with. An empty list means that nothing was removed, changed, added or reordered.

    gap         entries are missing before one that is there
    reorder     an entry stands behind a later one
    edit        an entry is not what was linked in its place
    truncation  the chain ends before `head`
    fork        two entries hold one place, or the chain is another one than `head` saw
    """
    macs = Macs(key, chain_id)
    faults: list[ChainFault] = []
    places: dict[int, list[Linked]] = {}
    newest = after.seq
    for entry in linked:
        if entry.seq < newest and entry.seq not in places:
            faults.append(ChainFault(FaultKind.REORDER, entry.seq, entry.seq))
        newest = max(newest, entry.seq)
        places.setdefault(entry.seq, []).append(entry)
    # The macs that an entry of the next place may follow; None where the place before it is empty and nothing is known.
    before: list[bytes] | None = [after.mac]
    expected = after.seq + 1
    known = {after.seq: [after.mac]}
    for seq in sorted(places):
        held = places[seq]
        if seq > expected:
            faults.append(ChainFault(FaultKind.GAP, expected, seq - 1))
            before = None
        if len(held) > 1:
            faults.append(ChainFault(FaultKind.FORK, seq, seq))
        if before is not None and not all(_follows(macs, before, entry) for entry in held):
            faults.append(ChainFault(FaultKind.EDIT, seq, seq))
        # Each next entry is judged by the macs as stored, so that one edit is reported once.
        before = known[seq] = [entry.mac for entry in held]
        expected = seq + 1
    if head is not None:
        if head.seq >= expected:
            faults.append(ChainFault(FaultKind.TRUNCATION, expected, head.seq))
        elif head.seq in known and head.mac not in known[head.seq]:
            faults.append(ChainFault(FaultKind.FORK, head.seq, head.seq))
    return sorted(faults, key=lambda fault: (fault.seq, fault.kind))


def _follows(macs: Macs, before: list[bytes], entry: Linked) -> bool:
    return any(bytes_eq(macs.mac(previous, entry.seq, entry.sealed), entry.mac) for previous in before)


class Macs:
    """The macs of one chain.

    mac = HMAC-SHA256(key, previous mac 32 | seq 8 | chain id 16 | sealed): all but the last of fixed length.
    """

    __slots__ = ("_chain_id", "_hmac")

    def __init__(self, key: bytes, chain_id: bytes) -> None:
        if len(chain_id) != CHAIN_ID_BYTES:
            raise ValueError("a chain id has 16 bytes")
        self._chain_id = chain_id
        self._hmac = HMAC(key, _HASH)

    def mac(self, previous: bytes, seq: int, sealed: bytes) -> bytes:
        """Return the mac of the entry `sealed` at place `seq`, behind the one whose mac is `previous`."""
        mac = self._hmac.copy()
        mac.update(previous + seq.to_bytes(8, "big") + self._chain_id)
        mac.update(sealed)
        return mac.finalize()
