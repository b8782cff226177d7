"""Restores: what the database says of its own, held against what was exported of them."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from security.epoch import Epoch
from security.errors import SealBroken
from service.store.epochs import StoredEpoch
from service.verify.exported import Exported, decode_line, genuine
from service.verify.findings import Finding

_TABLE = "epochs"


def read_epoch(stored: StoredEpoch, key: Ed25519PublicKey, tenant: str) -> Epoch:
    """Return what a statement in the database says; raise SealBroken when it is none of this deployment."""
    try:
        said = genuine(decode_line(stored.statement), key)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        raise SealBroken from None
    if not isinstance(said, Epoch) or said.tenant != tenant or said.number != stored.number:
        raise SealBroken
    return said


def check_epochs(
    stored: list[StoredEpoch], exported: Exported, key: Ed25519PublicKey, tenant: str
) -> tuple[list[Epoch], list[Finding]]:
    """Return the epochs of a database, and what is wrong with them.

    A database that was put back to before its last restore lacks the epoch that began then. Earlier ones it may lack: a
    backup that was restored twice knows nothing of the first time.
    """
    epochs: list[Epoch] = []
    findings: list[Finding] = []
    for one in stored:
        try:
            epochs.append(read_epoch(one, key, tenant))
        except SealBroken:
            findings.append(_finding(one.number, "is not a statement of this deployment"))
    told = {epoch.number for epoch in exported.epochs}
    if exported.epochs and (last := exported.epochs[-1].number) not in {epoch.number for epoch in epochs}:
        findings.append(_finding(last, "is missing: the database is older than its last restore"))
    if exported.batches or told:
        findings += [
            _finding(epoch.number, "is not among the exported heads") for epoch in epochs if epoch.number not in told
        ]
    return epochs, findings


def _finding(number: int, what: str) -> Finding:
    return Finding(_TABLE, place=f"epoch {number}", what=what)
