"""Heads that left the database: the lines of a heads file, written by the service and read by a verifier.

A line is one signed batch of heads (`security.audit_batch`), or the statement that the database was restored
(`security.epoch`), as JSON. What a collector of syslog put in front of it does not matter. The line before each one
must be among the lines: so a line that was taken out shows by the next one.

Heads from before a restore say nothing of how far the restored database must reach. Where it does reach, it must agree
with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from security.audit_batch import Batch, ChainHead, verify_batch
from security.audit_chain import ChainMark
from security.clock import instant, parse_instant
from security.epoch import Epoch, verify_epoch
from security.errors import SealBroken
from service.verify.findings import Finding

_TABLE = "exported heads"


class HeadsLine(msgspec.Struct, frozen=True, tag_field="line", tag="heads"):
    """A signed batch as it is written: bytes in hex, the time as a FHIR instant."""

    tenant: str
    made: str
    heads: list[tuple[str, int, str]]
    entries: int
    root: str
    previous: str
    signature: str

    @classmethod
    def of(cls, batch: Batch, signature: bytes) -> HeadsLine:
        """Return the line of a batch; its time has whole milliseconds."""
        heads = [(head.chain_id.hex(), head.seq, head.mac.hex()) for head in batch.heads]
        return cls(
            batch.tenant,
            instant(batch.made),
            heads,
            batch.entries,
            batch.root.hex(),
            batch.previous.hex(),
            signature.hex(),
        )

    def batch(self) -> Batch:
        """Return the batch; raise ValueError for what is no hex or time."""
        heads = tuple(ChainHead(bytes.fromhex(chain), seq, bytes.fromhex(mac)) for chain, seq, mac in self.heads)
        return Batch(
            self.tenant,
            parse_instant(self.made),
            heads,
            self.entries,
            bytes.fromhex(self.root),
            bytes.fromhex(self.previous),
        )


class EpochLine(msgspec.Struct, frozen=True, tag_field="line", tag="epoch"):
    """A signed statement of a restore as it is written, among the heads and in the database alike."""

    tenant: str
    number: int
    began: str
    backup_made: str
    erased: list[str]
    entries: int
    root: str
    previous: str
    signature: str

    @classmethod
    def of(cls, epoch: Epoch, signature: bytes) -> EpochLine:
        """Return the line of a statement; its times have whole milliseconds."""
        return cls(
            epoch.tenant,
            epoch.number,
            instant(epoch.began),
            "" if epoch.backup_made is None else instant(epoch.backup_made),
            [record.hex() for record in epoch.erased],
            epoch.entries,
            epoch.root.hex(),
            epoch.previous.hex(),
            signature.hex(),
        )

    def epoch(self) -> Epoch:
        """Return the statement; raise ValueError for what is no hex or time."""
        return Epoch(
            self.tenant,
            self.number,
            parse_instant(self.began),
            parse_instant(self.backup_made) if self.backup_made else None,
            tuple(bytes.fromhex(record) for record in self.erased),
            self.entries,
            bytes.fromhex(self.root),
            bytes.fromhex(self.previous),
        )


Line = HeadsLine | EpochLine
encode_line = msgspec.json.Encoder().encode
decode_line = msgspec.json.Decoder(Line).decode


def genuine(line: Line, key: Ed25519PublicKey) -> Batch | Epoch:
    """Return what a line says; raise SealBroken when it is not signed, ValueError or OverflowError for odd values."""
    signature = bytes.fromhex(line.signature)
    if isinstance(line, EpochLine):
        epoch = line.epoch()
        verify_epoch(key, epoch, signature)
        return epoch
    batch = line.batch()
    verify_batch(key, batch, signature)
    return batch


@dataclass(slots=True)
class Exported:
    """What a heads file says: heads by chain, each at most once, and what is wrong with the file itself.

    `heads` must be reached; `left` are from before the last restore and need not be. `epochs` are in order of lines.
    """

    heads: dict[bytes, list[ChainMark]] = field(default_factory=dict)
    left: dict[bytes, list[ChainMark]] = field(default_factory=dict)
    epochs: list[Epoch] = field(default_factory=list)
    batches: int = 0
    newest: datetime | None = None
    findings: list[Finding] = field(default_factory=list)


def read_exported(path: Path, key: Ed25519PublicKey, tenant: str) -> Exported:
    """Read a heads file. Raise OSError when it cannot be read; what is wrong in it is among the findings."""
    with path.open("rb") as lines:
        return exported_in(lines, key, tenant)


def exported_in(lines: Iterable[bytes], key: Ed25519PublicKey, tenant: str) -> Exported:
    """Judge lines; what is not genuine is not used."""
    exported = Exported()
    signatures = {b""}
    marks: dict[bytes, set[ChainMark]] = {}
    left: dict[bytes, set[ChainMark]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            read = decode_line(line[max(line.find(b"{"), 0) :])
            said = genuine(read, key)
        except (msgspec.MsgspecError, ValueError, OverflowError):
            exported.findings.append(_finding(number, "is not a batch of heads"))
            continue
        except SealBroken:
            exported.findings.append(_finding(number, "is not signed with the key of this deployment"))
            continue
        if said.tenant != tenant:
            exported.findings.append(_finding(number, "is of another deployment"))
            continue
        if said.previous not in signatures:
            exported.findings.append(_finding(number, "the batch before this one is missing"))
        signatures.add(bytes.fromhex(read.signature))
        if isinstance(said, Epoch):
            exported.epochs.append(said)
            for chain, found in marks.items():
                left.setdefault(chain, set()).update(found)
            marks.clear()
            continue
        exported.batches += 1
        exported.newest = said.made if exported.newest is None else max(exported.newest, said.made)
        for head in said.heads:
            marks.setdefault(head.chain_id, set()).add(ChainMark(head.seq, head.mac))
    exported.heads, exported.left = _in_order(marks), _in_order(left)
    return exported


def _in_order(marks: dict[bytes, set[ChainMark]]) -> dict[bytes, list[ChainMark]]:
    return {chain: sorted(found, key=lambda mark: mark.seq) for chain, found in marks.items()}


def _finding(line: int, what: str) -> Finding:
    return Finding(_TABLE, place=f"line {line}", what=what)
