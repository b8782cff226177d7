"""Statements beside the files of a backup: what a file is, of which moment, and its digest; signed.

Guarantees, against anyone without the audit's signing key: a file of a backup that was changed, cut, exchanged for that
of another time or given to another deployment is not restored.
Does not: say that a backup is the newest one, nor keep it from being read; its content is sealed, record by record, as
it is in the database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from security.errors import SealBroken
from security.seal import canonical


class BackupPart(StrEnum):
    """What a file holds. Wrapped keys lie in a file of their own, so that they can be kept for a shorter time."""

    CONTENT = "content"
    KEYS = "keys"


class BackupStatement(msgspec.Struct, frozen=True):
    """One file: `made` is the moment that it shows, `digest` its SHA-256, `size` its bytes.

    `schema` is the version of the database's form, `records` and `entries` what the database held of records and audit
    entries at that moment.
    """

    part: BackupPart
    tenant: str
    made: datetime
    schema: int
    records: int
    entries: int
    size: int
    digest: bytes


class _Signed(msgspec.Struct):
    statement: BackupStatement
    signature: bytes


def sealed_statement(key: Ed25519PrivateKey, statement: BackupStatement) -> bytes:
    """Return a statement with its signature, as JSON."""
    return msgspec.json.encode(_Signed(statement, key.sign(_canonical(statement))))


def read_statement(key: Ed25519PublicKey, content: bytes) -> BackupStatement:
    """Undo `sealed_statement`; raise `SealBroken` for what this deployment did not sign."""
    try:
        signed = msgspec.json.decode(content, type=_Signed)
        key.verify(signed.signature, _canonical(signed.statement))
    except (msgspec.MsgspecError, InvalidSignature, OverflowError):
        raise SealBroken from None
    return signed.statement


def _canonical(statement: BackupStatement) -> bytes:
    numbers = (statement.schema, statement.records, statement.entries, statement.size)
    return canonical(
        b"EPK1",
        statement.part.encode(),
        statement.tenant.encode(),
        statement.made.astimezone(UTC).isoformat().encode(),
        *(number.to_bytes(8, "big") for number in numbers),
        statement.digest,
    )
