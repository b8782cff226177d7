"""A `Commit` as one document, and what of it stays when it is filed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from security.heads import Head
from service.store.documents import Document
from service.store.port import Commit, Remembered
from service.store.series import numbered

LARGEST = 12 * 1024 * 1024
"""Replaced versions that would make a commit larger than this lie beside it; a MongoDB document has 16 MB at most."""


def document_of(commit: Commit, attempt: bytes, replaced_at: str | None) -> Document:
    """Return the document whose insertion makes a commit; `replaced_at` is where its replaced versions lie already."""
    record, remembered = commit.record_id.hex(), commit.remembered
    document: Document = {
        "_id": numbered(record, commit.sequence),
        "sequence": commit.sequence,
        "attempt": attempt,
        "sealed": commit.sealed,
        "head": head_fields(commit.head),
        "claims": _hex(commit.claims),
        "dropped_claims": _hex(commit.dropped_claims),
        "tokens": _hex(commit.tokens),
        "dropped_tokens": _hex(commit.dropped_tokens),
        "audit": [{"sealed": entry.sealed, "tokens": entry.tokens} for entry in commit.audit],
        "known": None if commit.known is None else commit.known.hex(),
        "remembered": [] if remembered is None else [remembered.key.hex()],
        "answer": None if remembered is None else remembered.sealed,
        "deliveries": [{"lane": one.lane, "sealed": one.sealed} for one in commit.deliveries],
    }
    if replaced_at is not None:
        document["replaced_at"] = replaced_at
    elif commit.replaced is not None:
        document["replaced"] = commit.replaced
    return document


def entry_of(audit: Document | bytes) -> tuple[bytes, bytes]:
    """Return an audit entry of a commit and its tokens; a commit made by an earlier program has entries alone."""
    return (audit, b"") if isinstance(audit, bytes) else (audit["sealed"], audit["tokens"])


def slimmed(commit: Document) -> Document:
    """Return what stays of a filed commit: that it was made, by which attempt, of what, and what it claimed."""
    kept = {name: commit[name] for name in ("_id", "sequence", "attempt", "claims", "remembered")}
    return {**kept, "digest": sha256(commit["sealed"]).digest(), "slim": True}


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest state of a record: its sealed content and head, and the number that the next commit has."""

    record: str
    sequence: int
    sealed: bytes
    head: Head
    next: int

    @classmethod
    def of(cls, record: str, document: Document, following: int) -> Newest:
        """Read a copy in `records`, or a commit."""
        return cls(record, document["sequence"], document["sealed"], head_of(document["head"]), following)

    def copy(self) -> Document:
        """Return the copy that readers fetch."""
        return {
            "_id": self.record,
            "sequence": self.sequence,
            "sealed": self.sealed,
            "head": head_fields(self.head),
            "next": self.next,
        }


def head_fields(head: Head) -> list[Any]:
    """Return a head as a list."""
    return [head.sequence, head.digest, head.mac]


def head_of(fields: list[Any]) -> Head:
    """Undo `head_fields`."""
    return Head(*fields)


def remembered_holder(remembered: Remembered) -> Document:
    """Return what the holder of a remembered answer's key carries from the beginning."""
    return {"expires": remembered.expires}


def piece_name(record_id: bytes, piece_id: bytes, chunk: int) -> str:
    """Return the `_id` of a chunk of a large element."""
    return numbered(f"{record_id.hex()}:{piece_id.hex()}", chunk)


def _hex(tokens: frozenset[bytes]) -> list[str]:
    return sorted(token.hex() for token in tokens)
