"""The audit, entry by entry: chains whole, entries readable, and what they say that records must have reached.

An entry about a record names the sequence that was read, and the one that a write made. So a record that was put back
to an earlier state, its head with it, is below what the audit knows, for as long as nobody cut the audit back as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from security.audit import AuditSealer
from security.audit_chain import CHAIN_ID_BYTES, ChainMark, FaultKind
from security.audit_tokens import made, split
from security.blind_index import BlindIndex
from security.chain_walk import ChainWalk
from security.errors import SealBroken
from security.keys import Secrets
from service.store.walk import FiledEntry, StoreWalk
from service.verify.exported import Exported
from service.verify.findings import Finding

PAGE = 200
_WORDS = {
    FaultKind.GAP: "entries are missing",
    FaultKind.REORDER: "stands behind a later entry",
    FaultKind.EDIT: "is not what was filed in this place",
    FaultKind.TRUNCATION: "the chain ends before a head that was exported",
    FaultKind.FORK: "another entry has this place",
}
_HIDDEN = "its look-up tokens are not those of the entry: it is missing in the log of a person or an organisation"
_OTHER_CHAIN = "is another entry than the exported head saw"


@dataclass(slots=True)
class AuditCheck:
    """One walk over all of the audit, held against the heads kept elsewhere."""

    walk: StoreWalk
    sealer: AuditSealer
    chain_keys: Secrets
    exported: Exported
    index: BlindIndex
    reached: dict[bytes, int] = field(default_factory=dict)
    """The sequence that the audit saw each record reach."""
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)
    _chains: dict[bytes, ChainWalk] = field(default_factory=dict)

    @property
    def chains(self) -> int:
        """How many chains there are."""
        return len(self._chains)

    @property
    def left_behind(self) -> int:
        """How many entries restores left behind, as far as exported heads tell."""
        return sum(walked.left_behind for walked in self._chains.values())

    async def run(self, tell: Callable[[int], None]) -> None:
        """Walk; `tell` hears how many entries were looked at, after each page."""
        for chain in self.exported.heads.keys() | self.exported.left.keys():
            self._chains[chain] = self._begin(chain)
        place = b""
        while page := await self.walk.audit_behind(place, PAGE):
            for filed in page:
                self._take(filed)
            self.entries += len(page)
            place = page[-1].place
            tell(self.entries)
        for chain, walked in self._chains.items():
            seen = {mark.seq for mark in self._marks(chain)}
            for fault in walked.faults():
                other = fault.kind is FaultKind.FORK and fault.seq in seen
                what = _OTHER_CHAIN if other else _WORDS[fault.kind]
                self.findings.append(_finding(chain, fault.seq, fault.until, what))

    def _begin(self, chain: bytes) -> ChainWalk:
        keys, exported = (self.chain_keys.active, *self.chain_keys.earlier), self.exported
        return ChainWalk(keys, chain, exported.heads.get(chain, ()), exported.left.get(chain, ()))

    def _marks(self, chain: bytes) -> list[ChainMark]:
        return [*self.exported.heads.get(chain, ()), *self.exported.left.get(chain, ())]

    def _take(self, filed: FiledEntry) -> None:
        chain, linked = filed.chain, filed.linked
        values: tuple[Any, ...] = (linked.seq, linked.mac, linked.sealed, chain, filed.tokens)
        if [type(one) for one in values] != [int, bytes, bytes, bytes, bytes]:
            self.findings.append(Finding("audit", what="a row holds values that are no entry"))
            return
        if len(chain) != CHAIN_ID_BYTES or not 0 < linked.seq < 1 << 63:
            self.findings.append(_finding(chain, linked.seq, linked.seq, "a row that is in no chain"))
            return
        walked = self._chains.get(chain)
        if walked is None:
            walked = self._chains[chain] = self._begin(chain)
        right = walked.take(linked)
        try:
            entry = self.sealer.open(linked.sealed)
            record = bytes.fromhex(entry.record)
        except (SealBroken, msgspec.MsgspecError, ValueError):
            if right:  # else the chain has said already what is wrong with it
                self.findings.append(_finding(chain, linked.seq, linked.seq, "does not open"))
            return
        if right and entry.found_by and not made(self.index, entry, linked.sealed) <= {*split(filed.tokens)}:
            self.findings.append(_finding(chain, linked.seq, linked.seq, _HIDDEN))
        if record:
            self.reached[record] = max(self.reached.get(record, 0), entry.sequence, entry.makes)


def _finding(chain: bytes, seq: int, until: int, what: str) -> Finding:
    return Finding("audit", chain=chain.hex(), place=str(seq) if seq == until else f"{seq} to {until}", what=what)
