"""The epoch that a restore begins: its number, its signed statement, and where both are made known."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from security.audit_batch import leaf_of, merkle_root
from security.clock import Clock
from security.epoch import Epoch, sign_epoch
from service import logs
from service.backup.errors import BackupRefused
from service.store.epochs import MOST, StoredEpoch
from service.store.port import RecordStore
from service.verify.export import HeadsExporter
from service.verify.exported import EpochLine, Exported, encode_line, exported_in
from service.verify.outside import Outside

UNKNOWN_PAST = (
    "There are no exported heads here, so nobody can tell whether this database was restored before, and a second "
    "restore must not begin the same epoch as the first. Put the file of exported heads back, or give --epoch with a "
    "number above that of every restore so far: 1 if there was none."
)


def next_number(stored: Iterable[StoredEpoch], exported: Exported, given: int | None) -> int:
    """Return the number of the epoch that a restore begins; raise BackupRefused where it cannot be told or taken."""
    known = max((*(one.number for one in stored), *(epoch.number for epoch in exported.epochs)), default=0)
    if given is None:
        if not exported.batches and not exported.epochs:
            raise BackupRefused(UNKNOWN_PAST)
        given = known + 1
    if not known < given <= MOST:
        raise BackupRefused(f"The epoch must have a number from {known + 1} to {MOST}.")
    return given


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """An epoch that is stated and not made known yet."""

    stored: StoredEpoch
    outside: Outside
    key: Ed25519PrivateKey
    tenant: str

    def exported(self) -> Exported:
        """Return what the heads file will say once the statement stands in it."""
        return exported_in([*lines_of(self.outside.file), self.stored.statement], self.key.public_key(), self.tenant)

    def make_known(self) -> None:
        """Append the statement to the heads file, synced, or raise OSError; then send it to syslog.

        A collector that is away must not hold up a restore: that is logged, and the line can be sent from the file.
        """
        self.outside.append([self.stored.statement])
        try:
            self.outside.send([self.stored.statement])
        except OSError:
            logs.event("epoch-not-sent", logging.ERROR)


async def new_epoch(
    store: RecordStore,
    number: int,
    began: datetime,
    backup_made: datetime | None,
    erased: Iterable[bytes],
    outside: Outside,
    key: Ed25519PrivateKey,
    tenant: str,
) -> NewEpoch:
    """State that epoch `number` begins with what is in `store`."""
    heads = await store.chain_heads()
    epoch = Epoch(
        tenant,
        number,
        _milliseconds(began),
        backup_made,
        tuple(erased),
        sum(head.seq for head in heads),
        merkle_root([leaf_of(head) for head in heads]),
        outside.last_signature(),
    )
    line = encode_line(EpochLine.of(epoch, sign_epoch(key, epoch)))
    return NewEpoch(StoredEpoch(number, line), outside, key, tenant)


async def export_heads(store: RecordStore, epoch: NewEpoch, clock: Clock) -> None:
    """Export every head of the restored database behind the statement: from here on it must not get shorter.

    What cannot be written or sent is logged; the service exports them again when it starts.
    """
    await HeadsExporter(store, epoch.key, epoch.tenant, clock, epoch.outside, timedelta(minutes=1)).finish()


def lines_of(heads: Path) -> list[bytes]:
    """Return the lines of a heads file; none where there is no file."""
    return heads.read_bytes().splitlines() if heads.exists() else []


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
