"""Sealed records opened and committed: above this file plaintext and no database, below it a database and no plaintext.

Guarantees: what is opened is the newest committed state (the head is compared on every read, so a row put back to an
older state is noticed), belongs to the record it was asked for (bound in the seal), and is the person asked for
(compared on plaintext after every look-up by token). What it does not do: decide who may see it; that is
`security.consent`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from security.blind_index import BlindIndex
from security.envelope import Envelope, RecordKey
from security.heads import Head, Heads
from security.labels import SFlag
from service.plan.mask import Mask
from service.plan.matching import Key, bucket_of, keys_of
from service.record.compression import compress
from service.record.errors import RecordBroken
from service.record.manifest import (
    Contents,
    Entry,
    Manifest,
    Piece,
    RecordKind,
    Superseded,
    pack,
    pack_superseded,
    unpack,
    unpack_rest,
    unpack_superseded,
)
from service.store.port import Commit, Delivery, RecordStore, Remembered, SealedEntry, StoredPiece, StoredRecord

RECORDS, VERSIONS, PIECES = "records", "versions", "pieces"
INCIDENTS = "incidents"
"""The kind of claim that a person's incident register makes on the NHS number."""
PIECE_CHUNK = 1024 * 1024
_ANOTHER = "a look-up token leads to another record"
FLAGGED = (SFlag.RESTRICTED, SFlag.VERY_RESTRICTED)
"""Flags of persons whose location is protected: no key leads to them, and nothing of them is kept ready that tells
where they are (sharing rule 5.6)."""
TOKEN_BUCKET = 16
"""Look-up tokens of a record are padded to multiples of this, so that their number tells little of its content."""


@dataclass(frozen=True, slots=True)
class SeenRegister:
    """The look-up token of a person's incident register and its head; None where there is no register."""

    token: bytes
    head: Head | None


@dataclass(slots=True)
class OpenRecord:
    """A record in plaintext, as of `sequence`; 0 means that it was never stored.

    `front` holds the ready emergency answer, packed. Contents and slices are unpacked when they are first asked for.
    """

    record_id: bytes
    sequence: int
    manifest: Manifest
    key: RecordKey = field(repr=False)
    front: bytes | memoryview = field(default=b"", repr=False)
    rest: memoryview | tuple[Contents, memoryview] = field(default=(Contents(), memoryview(b"")), repr=False)
    skipped: int = 0
    register: SeenRegister | None = field(default=None, repr=False)
    """What was seen of the person's incident register, where it was looked up in the same breath."""
    mask: Mask | None = field(default=None, repr=False)
    """What masks the texts of this record, once somebody asked for it (`service.record.masked`)."""
    _entries: dict[str, Entry] | None = field(default=None, repr=False)

    @property
    def flagged(self) -> bool:
        """Whether the person has an S-flag, R or V."""
        return self.manifest.sflag in FLAGGED

    @property
    def following(self) -> int:
        """The sequence of the next commit."""
        return self.sequence + 1 + self.skipped

    @property
    def contents(self) -> Contents:
        """The entries of all resources, and what the emergency answer is made from."""
        return self._unpacked()[0]

    @property
    def slices(self) -> memoryview:
        """The JSON of all current resources."""
        return self._unpacked()[1]

    @property
    def entries(self) -> dict[str, Entry]:
        """Every entry by `Type/id`, deleted ones included, in the order in which they came."""
        if self._entries is None:
            self._entries = {entry.reference: entry for entry in self.contents.entries}
        return self._entries

    def entry(self, reference: str) -> Entry | None:
        """Return the entry of `Type/id`, deleted ones included."""
        return self.entries.get(reference)

    def slice(self, offset: int, length: int) -> bytes:
        """Return a copy of one slice."""
        return bytes(self.slices[offset : offset + length])

    def becoming(self, state: NewState) -> OpenRecord:
        """Return the record as its next commit will leave it, but for the ready answer and the padding."""
        rest = (state.contents, memoryview(state.slices))
        return OpenRecord(self.record_id, self.following, state.manifest, self.key, rest=rest)

    def _unpacked(self) -> tuple[Contents, memoryview]:
        if not isinstance(self.rest, tuple):
            self.rest = unpack_rest(self.rest)
        return self.rest


@dataclass(frozen=True, slots=True)
class NewState:
    """What a record shall become: all its parts, what that replaces, and large elements that are new."""

    manifest: Manifest
    front: bytes = b""
    contents: Contents = field(default_factory=Contents)
    slices: bytes = b""
    replaced: list[Superseded] = field(default_factory=list)
    elements: list[tuple[Piece, bytes]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Records:
    """Opens and commits records of one deployment."""

    store: RecordStore
    envelope: Envelope
    heads: Heads
    index: BlindIndex

    async def by_nhs_number(self, nhs_number: str) -> OpenRecord | None:
        """Return the record that holds an NHS number, compared on plaintext, and with it the incident register.

        A number that PDS replaced leads to the record of whoever had it.
        """
        token = self.index.token
        incidents = token(INCIDENTS, nhs_number)
        stored, head = await self.store.claimed_and_head(token("nhs-number", nhs_number), incidents)
        if stored is None:
            return None
        record = await self.open(stored)
        if not record.manifest.is_numbered(nhs_number):
            raise RecordBroken(_ANOTHER)
        record.register = SeenRegister(incidents, head)
        return record

    async def by_claim(self, kind: str, value: str) -> OpenRecord | None:
        """Return the record that claimed a unique value, compared on plaintext, or None."""
        stored = await self.store.claimed(self.index.token(kind, value))
        return None if stored is None else await self.open_claimed(stored, kind, value)

    async def open_claimed(self, stored: StoredRecord, kind: str, value: str) -> OpenRecord:
        """Open the record that a claim led to."""
        record = await self.open(stored)
        if (kind, value) not in record.manifest.claims:
            raise RecordBroken(_ANOTHER)
        return record

    async def by_reference(self, reference: str) -> OpenRecord | None:
        """Return the record that holds `Type/id`, or None."""
        for stored in await self.store.holding(self.index.token("reference", reference), 2):
            record = await self.open(stored)
            if record.entry(reference) is not None:
                return record
        return None

    async def by_identifier(self, identifier: str, limit: int) -> list[OpenRecord]:
        """Return records whose person carries `system|value` besides the NHS number, compared on plaintext."""
        found = await self.store.holding(self.index.token("identifier", identifier), limit)
        opened = [await self.open(stored) for stored in found]
        return [record for record in opened if identifier in record.manifest.identifiers]

    async def open(self, stored: StoredRecord) -> OpenRecord:
        """Check the head, unwrap the key, open the seal. Raise HeadMismatch, SealBroken or KeyUnavailable."""
        self.heads.check(stored.record_id, stored.sequence, stored.sealed, stored.head)
        key = await self.envelope.unwrap(stored.record_id, stored.key)
        plaintext = self.envelope.open(key, RECORDS, stored.record_id, stored.sequence, stored.sealed)
        manifest, front, rest = unpack(plaintext)
        return OpenRecord(stored.record_id, stored.sequence, manifest, key, front, rest, stored.skipped)

    async def new(self, empty: Manifest) -> OpenRecord:
        """Return a record that is nowhere yet, with a fresh random id and key."""
        record_id = secrets.token_bytes(16)
        return OpenRecord(record_id, 0, empty, await self.envelope.new_key(record_id))

    async def commit(
        self,
        record: OpenRecord,
        state: NewState,
        *,
        audit: tuple[SealedEntry, ...],
        known: bytes | None = None,
        remembered: Remembered | None = None,
        deliveries: tuple[Delivery, ...] = (),
    ) -> OpenRecord:
        """Seal and store the next state. Raise SequenceTaken, ClaimTaken, AlreadyRemembered: then nothing changed."""
        sequence = record.following
        record_id, key = record.record_id, record.key
        before = self.tokens_of(record_id, record.manifest, record.contents) if record.sequence else frozenset()
        claims_before = self.claims_of(record.manifest) if record.sequence else frozenset()
        manifest, entries = state.manifest, {entry.reference: entry for entry in state.contents.entries}
        manifest.padding = 0
        telling = self.tokens_of(record_id, manifest, state.contents)
        manifest.padding = -len(telling) % TOKEN_BUCKET
        after, claims = telling | self._padding(record_id, manifest.padding), self.claims_of(manifest)
        front = compress(state.front, thorough=record.sequence > 0)
        stored = self.sealed(record, state, front)
        replaced = None
        if state.replaced:
            replaced = self.envelope.seal(key, VERSIONS, record_id, sequence, pack_superseded(state.replaced))
        await self.store.commit(
            Commit(
                record_id=record_id,
                sequence=sequence,
                sealed=stored.sealed,
                head=stored.head,
                key=key.wrapped if sequence == 1 else None,
                replaced=replaced,
                pieces=tuple(self._pieces(key, record_id, state.elements)),
                claims=claims - claims_before,
                dropped_claims=claims_before - claims,
                tokens=after - before,
                dropped_tokens=before - after,
                audit=audit,
                known=known,
                remembered=remembered,
                deliveries=deliveries,
            )
        )
        rest = (state.contents, memoryview(state.slices))
        return OpenRecord(record_id, sequence, manifest, key, front, rest, _entries=entries)

    def sealed(self, record: OpenRecord, state: NewState, front: bytes) -> StoredRecord:
        """Return the next state as the store gets it; `front` is the ready answer, packed."""
        sequence = record.following
        plaintext = pack(state.manifest, front, state.contents, state.slices, thorough=record.sequence > 0)
        sealed = self.envelope.seal(record.key, RECORDS, record.record_id, sequence, plaintext)
        head = self.heads.make(record.record_id, sequence, sealed)
        return StoredRecord(record.record_id, sequence, sealed, head, record.key.wrapped)

    async def superseded(self, record: OpenRecord, sequence: int) -> list[Superseded]:
        """Return the versions that commit `sequence` replaced."""
        sealed = await self.store.replaced(record.record_id, sequence)
        if sealed is None:
            raise RecordBroken("a version that the manifest names is not filed")
        return unpack_superseded(self.envelope.open(record.key, VERSIONS, record.record_id, sequence, sealed))

    async def element(self, record: OpenRecord, piece: Piece) -> bytes:
        """Return the JSON string (without its quotes) of an element that was sealed apart."""
        chunks = []
        for chunk in range(piece.chunks):
            sealed = await self.store.piece(record.record_id, piece.piece_id, chunk)
            if sealed is None:
                raise RecordBroken("a piece that the manifest names is missing")
            whose = record.record_id + piece.piece_id
            chunks.append(self.envelope.open(record.key, PIECES, whose, chunk, sealed))
        element = b"".join(chunks)
        if hashlib.sha256(element).digest() != piece.digest:
            raise RecordBroken("a piece does not have the hash that the manifest names")
        return element

    def _pieces(self, key: RecordKey, record_id: bytes, elements: list[tuple[Piece, bytes]]) -> list[StoredPiece]:
        return [
            StoredPiece(
                piece.piece_id,
                chunk,
                self.envelope.seal(
                    key,
                    PIECES,
                    record_id + piece.piece_id,
                    chunk,
                    element[chunk * PIECE_CHUNK : (chunk + 1) * PIECE_CHUNK],
                ),
            )
            for piece, element in elements
            for chunk in range(piece.chunks)
        ]

    def claims_of(self, manifest: Manifest) -> frozenset[bytes]:
        """Return the unique tokens of a record."""
        return frozenset(self.index.token(kind, value) for kind, value in manifest.claims)

    async def by_keys(self, keys: Iterable[Key], limit: int) -> list[OpenRecord]:
        """Return up to `limit` records of persons that any of these keys leads to; nothing is compared yet."""
        found = await self.store.carrying([self.index.token(*key) for key in keys], limit)
        return [await self.open(stored) for stored in found]

    def tokens_of(self, record_id: bytes, manifest: Manifest, contents: Contents) -> frozenset[bytes]:
        """Return the look-up tokens of a record with these contents, padding included."""
        token = self.index.token
        person, flagged = manifest.kind is RecordKind.PERSON, manifest.sflag in FLAGGED
        keys = keys_of(contents.person, bucket_of(record_id)) if person and not flagged else ()
        identifiers = () if person and flagged else manifest.identifiers
        return frozenset(
            [token("reference", entry.reference) for entry in contents.entries]
            + [token("identifier", identifier) for identifier in identifiers]
            + [token(*key) for key in keys]
        ) | self._padding(record_id, manifest.padding)

    def _padding(self, record_id: bytes, count: int) -> frozenset[bytes]:
        owner = record_id.hex()
        return frozenset(self.index.token("padding", f"{owner}/{number}") for number in range(count))


def piece_of(element: bytes, offset: int) -> Piece:
    """Describe an element that is to be sealed apart and stands at `offset` of its slice."""
    chunks = -(-len(element) // PIECE_CHUNK)
    return Piece(secrets.token_bytes(16), offset, len(element), hashlib.sha256(element).digest(), chunks)
