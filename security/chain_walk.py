"""A chain verified entry by entry as it is read, in little memory however long it is.

Names the same faults as `audit_chain.verify_chain`, each once and in its own place: where a mac alone was changed, the
entry behind it is judged by the mac that should have been there. Entries come in the order in which they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.constant_time import bytes_eq

from security.audit_chain import START, ChainFault, ChainMark, FaultKind, Linked, Macs


@dataclass(slots=True)
class _Gap:
    """Places that are empty so far: what the first of them must follow, and the entry that must follow the last."""

    seq: int
    until: int
    before: tuple[bytes, ...]
    behind: Linked


class ChainWalk:
    """One chain. Give it every entry with `take`, then ask for `faults`."""

    def __init__(
        self, keys: Sequence[bytes], chain_id: bytes, known: Sequence[ChainMark] = (), left: Sequence[ChainMark] = ()
    ) -> None:
        """`keys`: those that the chain may have been made with. `known`: heads kept elsewhere that it must reach.

        `left` are heads from before a restore: it may end before them, and must agree with those that it reaches.
        """
        self._macs = [Macs(key, chain_id) for key in keys]
        self._known: dict[int, bytes] = {}
        self._faults: list[ChainFault] = []
        self._must_reach = max((mark.seq for mark in known), default=0)
        self._reached_once = max((mark.seq for mark in left), default=0)
        for mark in (*known, *left):
            if self._known.setdefault(mark.seq, mark.mac) != mark.mac:
                self._faults.append(ChainFault(FaultKind.FORK, mark.seq, mark.seq))
        self._forked = bool(self._faults)
        self._noted = 0
        self._newest = START.seq
        self._before: tuple[bytes, ...] = (START.mac,)
        self._gaps: list[_Gap] = []

    def take(self, entry: Linked) -> bool:
        """Judge the next entry; return whether nothing is wrong with it as far as is known."""
        noted = self._noted
        if entry.seq > self._newest:
            if entry.seq == self._newest + 1:
                self._before = self._follow(self._before, entry)
            else:
                self._gaps.append(_Gap(self._newest + 1, entry.seq - 1, self._before, entry))
                self._before = (entry.mac,)
            self._newest = entry.seq
        else:
            gap = next((gap for gap in self._gaps if gap.seq <= entry.seq <= gap.until), None)
            if gap is None:
                self._fault(FaultKind.FORK if entry.seq > START.seq else FaultKind.EDIT, entry.seq)
                return False
            self._fault(FaultKind.REORDER, entry.seq)
            self._fill(gap, entry)
        known = self._known.get(entry.seq)
        if known is not None and known != entry.mac and not self._forked and self._noted == noted:
            self._forked = True  # from here on it is another chain: said once
            self._fault(FaultKind.FORK, entry.seq)
        return self._noted == noted

    def faults(self) -> list[ChainFault]:
        """Return everything that is wrong, in order of place; neighbours with the same fault as one."""
        found = [*self._faults, *(ChainFault(FaultKind.GAP, gap.seq, gap.until) for gap in self._gaps)]
        if self._must_reach > self._newest:
            found.append(ChainFault(FaultKind.TRUNCATION, self._newest + 1, self._must_reach))
        joined: list[ChainFault] = []
        for fault in sorted(found, key=lambda fault: (fault.kind, fault.seq)):
            last = joined[-1] if joined else None
            if last is not None and last.kind is fault.kind and fault.seq <= last.until + 1:
                joined[-1] = ChainFault(last.kind, last.seq, max(last.until, fault.until))
            else:
                joined.append(fault)
        return sorted(joined, key=lambda fault: (fault.seq, fault.kind))

    @property
    def left_behind(self) -> int:
        """How many entries, known from heads, a restore left behind."""
        return max(0, self._reached_once - self._newest)

    def _fill(self, gap: _Gap, entry: Linked) -> None:
        """Put an entry that came late where it belongs."""
        self._gaps.remove(gap)
        behind: tuple[bytes, ...] = (entry.mac,)
        if entry.seq == gap.seq:
            behind = self._follow(gap.before, entry)
        else:
            self._gaps.append(_Gap(gap.seq, entry.seq - 1, gap.before, entry))
        if entry.seq == gap.until:
            self._follow(behind, gap.behind)
        else:
            self._gaps.append(_Gap(entry.seq + 1, gap.until, behind, gap.behind))

    def _follow(self, before: tuple[bytes, ...], entry: Linked) -> tuple[bytes, ...]:
        """Note an edit unless an entry follows what stands before it; return what the next one may follow."""
        computed = b""
        for macs in self._macs:
            for previous in before:
                computed = macs.mac(previous, entry.seq, entry.sealed)
                if bytes_eq(computed, entry.mac):
                    self._macs = [macs]
                    return (entry.mac,)
        self._fault(FaultKind.EDIT, entry.seq)
        return (entry.mac, computed)

    def _fault(self, kind: FaultKind, seq: int) -> None:
        self._noted += 1
        last = self._faults[-1] if self._faults else None
        if last is not None and last.kind is kind and last.until == seq - 1:
            # A chain that is wrong from end to end must not fill the memory.
            self._faults[-1] = ChainFault(kind, last.seq, seq)
        else:
            self._faults.append(ChainFault(kind, seq, seq))
