"""A whole verification: heads kept elsewhere, the audit, then every record against both. Reads, and changes nothing.

The audit is read first: a record that is read after it can only have come further. A record with something wrong is
read again, as often as it changed meanwhile, so that nothing is reported that a running service was about to finish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from security.audit import AuditSealer
from security.epoch import Epoch
from security.keys import Secrets
from service.record.records import Records
from service.store.walk import FoundRecord, StoreWalk
from service.verify.audit import AuditCheck
from service.verify.epochs import check_epochs
from service.verify.exported import Exported
from service.verify.findings import Finding
from service.verify.record import RecordCheck

PAGE = 100
_TRIES = 8
Tell = Callable[[str, int, float], None]
"""Hears what is looked at (`audit`, `records`), how many are done, and the part of all records, where that is known."""


class Kept(msgspec.Struct):
    """What is kept to go on with: every record up to `behind` was checked. `store` tells one database from another."""

    store: str
    behind: bytes = b""
    records: int = 0
    findings: list[Finding] = []


@dataclass(frozen=True, slots=True)
class ResumeFile:
    """A small file in the home folder. It holds ids of records, and nothing that they say."""

    path: Path
    store: str

    def read(self) -> Kept:
        """Return what was kept of a verification of this database that did not end; else a beginning."""
        try:
            kept = msgspec.msgpack.decode(self.path.read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.MsgspecError):
            return Kept(self.store)
        return kept if kept.store == self.store else Kept(self.store)

    def write(self, kept: Kept) -> None:
        """Keep this instead of what is there."""
        temporary = self.path.with_name(f"{self.path.name}.new")
        temporary.touch(0o600)
        temporary.write_bytes(msgspec.msgpack.encode(kept))
        temporary.replace(self.path)

    def remove(self) -> None:
        """Forget it: the verification ended."""
        self.path.unlink(missing_ok=True)


@dataclass(slots=True)
class Verification:
    """One run. `run` returns what is wrong; the numbers tell what was looked at."""

    walk: StoreWalk
    records: Records
    sealer: AuditSealer
    chain_keys: Secrets
    signing: Ed25519PublicKey
    tenant: str
    exported: Exported
    resume: ResumeFile
    tell: Tell
    page: int = PAGE
    entries: int = 0
    chains: int = 0
    left_behind: int = 0
    """Audit entries that restores left behind, as far as exported heads tell."""
    epochs: list[Epoch] = field(default_factory=list)
    checked: int = 0
    """Records that this run checked, without those of the run that it goes on with."""
    kept: Kept = field(default_factory=lambda: Kept(""))

    async def run(self, *, resume: bool = False) -> list[Finding]:
        """Verify everything; with `resume`, records only behind where the last run stopped."""
        self.kept = self.resume.read() if resume else Kept(self.resume.store)
        stored = await self.walk.epochs()
        self.epochs, of_epochs = check_epochs(stored, self.exported, self.signing, self.tenant)
        reached, findings = await self._audit()
        for erased in [record for epoch in self.epochs for record in epoch.erased]:
            reached.pop(erased, None)
        await self._records(reached)
        self.resume.remove()
        return sorted([*self.exported.findings, *of_epochs, *findings, *self.kept.findings])

    async def _audit(self) -> tuple[dict[bytes, int], list[Finding]]:
        check = AuditCheck(self.walk, self.sealer, self.chain_keys, self.exported, self.records.index)
        await check.run(lambda entries: self.tell("audit", entries, 0.0))
        self.entries, self.chains, self.left_behind = check.entries, check.chains, check.left_behind
        return check.reached, check.findings

    async def _records(self, reached: dict[bytes, int]) -> None:
        kept, check = self.kept, RecordCheck(self.walk, self.records)
        for record_id in [one for one in reached if one <= kept.behind]:
            del reached[record_id]
        while page := await self.walk.records_behind(kept.behind, self.page):
            for found in page:
                kept.findings += await self._settled(check, found, reached.pop(found.record_id, 0))
            kept.behind = page[-1].record_id
            kept.records += len(page)
            self.checked += len(page)
            self.resume.write(kept)
            self.tell("records", kept.records, int.from_bytes(kept.behind[:8], "big") / 2**64)
        # Whatever the audit knows and the walk did not meet was there before the walk began.
        for record_id, known in sorted(reached.items()):
            left = await self.walk.found(record_id)
            if left is None:
                what = f"is missing: the audit knows sequence {known}"
                kept.findings.append(Finding("records", record_id.hex(), what=what))
            else:
                kept.findings += await self._settled(check, left, known)

    async def _settled(self, check: RecordCheck, found: FoundRecord, reached: int) -> list[Finding]:
        """Return what is wrong with a record and stays wrong."""
        wrong = await check.check(found, reached)
        for _ in range(_TRIES):
            if not wrong:
                break
            again = await self.walk.found(found.record_id)
            if again is None:
                return [Finding("records", found.record_id.hex(), found.sequence, what="went away while it was read")]
            before, (found, wrong) = (found, wrong), (again, await check.check(again, reached))
            if before == (found, wrong):
                break
        return wrong
