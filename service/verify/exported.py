"""Heads that left the database: the lines of a heads file, written by the service and read by a verifier.

A line is one signed batch (`security.audit_batch`) as JSON. What a collector of syslog put in front of it does not
matter. The batch before each one must be among the lines: so a line that was taken out shows by the next one.
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
from security.errors import SealBroken
from service.verify.findings import Finding

_TABLE = "exported heads"


class Line(msgspec.Struct, frozen=True):
    """A signed batch as it is written: bytes in hex, the time as a FHIR instant."""

    tenant: str
    made: str
    heads: list[tuple[str, int, str]]
    entries: int
    root: str
    previous: str
    signature: str

    @classmethod
    def of(cls, batch: Batch, signature: bytes) -> Line:
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


encode_line = msgspec.json.Encoder().encode
decode_line = msgspec.json.Decoder(Line).decode


@dataclass(slots=True)
class Exported:
    """What a heads file says: heads by chain, each at most once, and what is wrong with the file itself."""

    heads: dict[bytes, list[ChainMark]] = field(default_factory=dict)
    batches: int = 0
    newest: datetime | None = None
    findings: list[Finding] = field(default_factory=list)


def read_exported(path: Path, key: Ed25519PublicKey, tenant: str) -> Exported:
    """Read a heads file. Raise OSError when it cannot be read; what is wrong in it is among the findings."""
    with path.open("rb") as lines:
        return exported_in(lines, key, tenant)


def exported_in(lines: Iterable[bytes], key: Ed25519PublicKey, tenant: str) -> Exported:
    """Judge lines; heads of a batch that is not genuine are not used."""
    exported = Exported()
    signatures = {b""}
    marks: dict[bytes, set[ChainMark]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        wrong = ""
        try:
            read = decode_line(line[max(line.find(b"{"), 0) :])
            batch, signature = read.batch(), bytes.fromhex(read.signature)
            verify_batch(key, batch, signature)
        except (msgspec.MsgspecError, ValueError, OverflowError):
            exported.findings.append(_finding(number, "is not a batch of heads"))
            continue
        except SealBroken:
            exported.findings.append(_finding(number, "is not signed with the key of this deployment"))
            continue
        if batch.tenant != tenant:
            exported.findings.append(_finding(number, "is of another deployment"))
            continue
        if batch.previous not in signatures:
            wrong = "the batch before this one is missing"
        signatures.add(signature)
        exported.batches += 1
        exported.newest = batch.made if exported.newest is None else max(exported.newest, batch.made)
        for head in batch.heads:
            marks.setdefault(head.chain_id, set()).add(ChainMark(head.seq, head.mac))
        if wrong:
            exported.findings.append(_finding(number, wrong))
    exported.heads = {chain: sorted(found, key=lambda mark: mark.seq) for chain, found in marks.items()}
    return exported


def _finding(line: int, what: str) -> Finding:
    return Finding(_TABLE, place=f"line {line}", what=what)
