"""One record and all that it names: head, key, seal, manifest, replaced versions, pieces, what leads back to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from security.envelope import RecordKey
from security.errors import HeadMismatch, KeyUnavailable, SealBroken
from service.record.manifest import (
    Contents,
    Entry,
    Piece,
    RecordKind,
    unpack,
    unpack_rest,
    unpack_superseded,
    version_made,
)
from service.record.records import PIECES, RECORDS, VERSIONS, OpenRecord, Records
from service.store.walk import FoundRecord, StoreWalk
from service.verify.findings import Finding

_UNREADABLE = (msgspec.MsgspecError, RuntimeError, ValueError, TypeError, OverflowError, IndexError)
"""What decoding raises when what was decoded was never encoded by this program (RuntimeError: LZ4)."""


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """Checks records of one deployment. Tells places; what it opens goes nowhere."""

    walk: StoreWalk
    records: Records

    async def check(self, found: FoundRecord, reached: int) -> list[Finding]:
        """Return what is wrong with a record; `reached` is the sequence that the audit saw it reach.

        A record whose own row, head or key is wrong cannot say what it names, so nothing else is looked for.
        """
        try:
            return await self._check(found, reached)
        except _UNREADABLE:
            what = "opens and cannot be read, or its rows hold values that no commit writes"
            return [Finding("records", found.record_id.hex(), what=what)]

    async def _check(self, found: FoundRecord, reached: int) -> list[Finding]:
        wrong = self._head(found)
        if found.key is None:
            wrong.append(_of(found, "keys", "the record has no key"))
        if wrong or found.key is None:
            return wrong
        envelope = self.records.envelope
        try:
            key = await envelope.unwrap(found.record_id, found.key)
        except KeyUnavailable:
            return [_of(found, "keys", "was wrapped with a key that the key file does not hold")]
        except SealBroken:
            return [_of(found, "keys", "is not the key of this record")]
        try:
            plaintext = envelope.open(key, RECORDS, found.record_id, found.sequence, found.sealed)
        except SealBroken:
            return [_of(found, "records", "does not open with its key")]
        manifest, front, rest = unpack(plaintext)
        contents, slices = unpack_rest(rest)
        record = OpenRecord(found.record_id, found.sequence, manifest, key, front, (contents, slices))
        if found.sequence < reached:
            return [_of(found, "records", f"was put back: the audit knows sequence {reached}")]
        return [
            *self._layout(found, contents, len(slices)),
            *await self._versions(found, key, contents),
            *await self._pieces(found, key, contents.entries),
            *await self._leading(record),
        ]

    def _head(self, found: FoundRecord) -> list[Finding]:
        head, heads = found.head, self.records.heads
        if head is None:
            return [_of(found, "heads", "the record has no head")]
        try:
            heads.check(found.record_id, found.sequence, found.sealed, head)
        except HeadMismatch:
            if not heads.made(found.record_id, head):
                return [_of(found, "heads", "is not a head of this record")]
            if head.sequence != found.sequence:
                return [_of(found, "records", f"is not the newest state: its head names sequence {head.sequence}")]
            return [_of(found, "records", "is not what its head names")]
        return []

    def _layout(self, found: FoundRecord, contents: Contents, length: int) -> list[Finding]:
        """Check that sequences are in order and that slices lie inside the record."""
        wrong: list[Finding] = []
        for entry in contents.entries:
            past = entry.superseded
            ends = (entry.offset + entry.length, sum(entry.received_text))
            number = version_made(len(past) + 1, past[-1]) if past else 1
            if entry.version != number or past != sorted(past) or (past and past[0] < 2):
                wrong.append(_of(found, "records", "sequences of earlier versions are not in order"))
            elif past and past[-1] > found.sequence:
                wrong.append(_of(found, "records", "names a commit that is later than itself"))
            elif not entry.deleted and max(ends) > length:
                wrong.append(_of(found, "records", "a resource lies outside the record"))
        return wrong[:1]

    async def _versions(self, found: FoundRecord, key: RecordKey, contents: Contents) -> list[Finding]:
        """Check that every version that was replaced is filed where the manifest says."""
        named: dict[int, set[tuple[str, int]]] = {}
        for entry in contents.entries:
            for number, sequence in zip(entry.earlier(), entry.superseded, strict=True):
                named.setdefault(sequence, set()).add((entry.reference, number))
        wrong: list[Finding] = []
        for sequence, expected in sorted(named.items()):
            sealed = await self.walk.replaced(found.record_id, sequence)
            if sealed is None:
                wrong.append(_of(found, "versions", "is missing", sequence))
                continue
            try:
                plain = self.records.envelope.open(key, VERSIONS, found.record_id, sequence, sealed)
                filed = [version.entry for version in unpack_superseded(plain)]
            except SealBroken:
                wrong.append(_of(found, "versions", "does not open in this place", sequence))
                continue
            if not expected <= {(entry.reference, entry.version) for entry in filed}:
                wrong.append(_of(found, "versions", "does not hold a version that the record names", sequence))
            current = {piece.piece_id for entry in contents.entries for piece in entry.pieces}
            wrong += await self._pieces(found, key, filed, current)
        return wrong

    async def _pieces(
        self, found: FoundRecord, key: RecordKey, entries: list[Entry], besides: set[bytes] | None = None
    ) -> list[Finding]:
        wrong: list[Finding] = []
        for entry in entries:
            for piece in entry.pieces:
                what = "" if piece.piece_id in (besides or ()) else await self._piece(found, key, piece)
                if what:
                    wrong.append(_of(found, "pieces", what, place=piece.piece_id.hex()))
        return wrong

    async def _piece(self, found: FoundRecord, key: RecordKey, piece: Piece) -> str:
        digest = hashlib.sha256()
        for chunk in range(piece.chunks):
            sealed = await self.walk.piece(found.record_id, piece.piece_id, chunk)
            if sealed is None:
                return f"chunk {chunk} is missing"
            try:
                whose = found.record_id + piece.piece_id
                digest.update(self.records.envelope.open(key, PIECES, whose, chunk, sealed))
            except SealBroken:
                return f"chunk {chunk} does not open in this place"
        return "" if digest.digest() == piece.digest else "does not have the digest that the record names"

    async def _leading(self, record: OpenRecord) -> list[Finding]:
        """Check that whoever looks for what the record says of itself finds this record."""
        manifest = record.manifest
        number = manifest.identity.nhs_number
        of_person = manifest.kind is RecordKind.PERSON and number
        # The same two that a commit writes; there is one place that says what leads to a record.
        claims = self.records.claims_of(manifest)
        tokens = self.records.tokens_of(record.record_id, manifest, record.contents)
        held, carried = await self.walk.leading(record.record_id, sorted(claims), sorted(tokens))
        wrong: list[Finding] = []
        if of_person and ("nhs-number", number) not in manifest.claims:
            wrong.append(_about(record, "records", "does not claim the number of its own person"))
        if lost := len(claims - held):
            wrong.append(_about(record, "claims", f"{lost} of {len(claims)} do not lead to this record"))
        if lost := len(tokens - carried):
            wrong.append(_about(record, "tokens", f"{lost} of {len(tokens)} do not lead to this record"))
        return wrong


def _of(found: FoundRecord, table: str, what: str, sequence: int = 0, place: str = "") -> Finding:
    return Finding(table, found.record_id.hex(), sequence or found.sequence, place=place, what=what)


def _about(record: OpenRecord, table: str, what: str) -> Finding:
    return Finding(table, record.record_id.hex(), record.sequence, what=what)
