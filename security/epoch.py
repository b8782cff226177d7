"""Statements that a database was restored: since when it goes by another past, and by how much.

Guarantees, against anyone without the audit's signing key: nobody can pass a database that was put back off as one that
was restored. A statement stands in the database and among the exported heads, so either shows by the other when one of
them was put back or cut.
Does not: say that restoring was right. Whoever has the keys can restore anything; a statement makes it known.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from security.errors import SealBroken
from security.seal import canonical


class Epoch(msgspec.Struct, frozen=True):
    """An epoch of one deployment (`service.store.epochs`), counted from 1.

    `began`: when the restore was made. `backup_made`: when the backup was, None where a database's own tools restored
    it. `erased`: records that the backup holds and whose keys were gone by the time of the restore. `entries` and
    `root`: how many audit entries the restored database holds, and the Merkle root over the last one of each chain.
    `previous`: the signature of the line of exported heads before it; empty where there was none.
    """

    tenant: str
    number: int
    began: datetime
    backup_made: datetime | None
    erased: tuple[bytes, ...]
    entries: int
    root: bytes
    previous: bytes


def sign_epoch(key: Ed25519PrivateKey, epoch: Epoch) -> bytes:
    """Return the Ed25519 signature (64 bytes) of a statement."""
    return key.sign(_canonical(epoch))


def verify_epoch(key: Ed25519PublicKey, epoch: Epoch, signature: bytes) -> None:
    """Raise `SealBroken` unless `signature` is that of `epoch`."""
    try:
        key.verify(signature, _canonical(epoch))
    except InvalidSignature:
        raise SealBroken from None


def _canonical(epoch: Epoch) -> bytes:
    return canonical(
        b"EPE1",
        epoch.tenant.encode(),
        epoch.number.to_bytes(8, "big"),
        _time(epoch.began),
        b"" if epoch.backup_made is None else _time(epoch.backup_made),
        canonical(*epoch.erased),
        epoch.entries.to_bytes(8, "big"),
        epoch.root,
        epoch.previous,
    )


def _time(moment: datetime) -> bytes:
    return moment.astimezone(UTC).isoformat().encode()
