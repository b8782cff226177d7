"""The only maker of what may be returned.

Guarantees: a `Released` comes out of `release` alone, from a permitting decision, and holds only resources of which
that decision opens at least one (section, tier); a `Refusal` comes out of `refuse` alone, from a refusing one.
Neither can be built, subclassed, copied or unpickled elsewhere, so a route whose signature asks for one cannot be
given anything else. The decision group leaves together or not at all (5.3), also when it is one entry's label that
hides it.

A resource that holds several sections (Patient) comes in parts, and leaves with those parts alone that are open.
Under a decision that masks location (5.6) nothing leaves but what whoever holds it says is masked: whatever way of
reading forgets to mask is an error, not an answer.

What it does not do: look inside a part. What is narrower is cut, and masked, where the resource is prepared.
Somebody who sets out to defeat this from inside the process can; it guards against mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final, Never, final

import msgspec

from fhir_profiles.sections import CRITICAL_SECTIONS, DECISION_GROUP, Section, Tier
from security import cells
from security.decision import DIRECTORY_RULE, Decision, Obligation
from security.errors import NotReleasable

Grant = tuple[Section, Tier]

_PROOF: Final = object()
_OPEN_TO_SAY = cells.ALL & ~cells.NEVER_FLAGGED
_GROUP_SHOWN = cells.DECISION_GROUP_ROWS & _OPEN_TO_SAY
_CRITICAL = tuple(section for section in Section if section in CRITICAL_SECTIONS)
_OWN = {section: cells.own(section) for section in _CRITICAL}


class SectionState(StrEnum):
    """What a critical section answers: three states, never two (5.4)."""

    RECORDED = "recorded"
    NOT_RECORDED = "not_recorded"
    WITHHELD_OR_UNAVAILABLE = "withheld_or_unavailable"


class HeldPart(msgspec.Struct, frozen=True, gc=False):
    """One member of a resource's JSON, or one item of an array member; the head has no `key`.

    `cell` is where it lies (`security.cells.CELL`).
    """

    key: str
    item: bool
    cell: int
    body: bytes


class HeldLine(msgspec.Struct, frozen=True, gc=False):
    """A summary line made from a resource; it leaves with the resource, if its own `cell` is open too."""

    cell: int
    said: Any


class Held(msgspec.Struct, frozen=True, gc=False):
    """One resource as the record holds it, ready to be sent. `grants`: where it lies; one that is open releases it.

    `needs`: places that must all be open besides, of what tells of several entries at once (Provenance). `parts`: for
    a resource of several sections, what it is put together from; `body` is then not sent.
    """

    type: str
    id: str
    version: int
    last_updated: str
    grants: tuple[Grant, ...]
    body: bytes
    parts: tuple[HeldPart, ...] = ()
    lines: tuple[HeldLine, ...] = ()
    needs: tuple[Grant, ...] = ()
    predecessor: int = 0
    """The number of the version that this one replaced; 0 where it is the first, or where nobody asks."""
    masked: bool = False
    """`body`, `parts` and `lines` hold nothing that places the person (5.6)."""


class HeldWhole(msgspec.Struct, frozen=True, gc=False):
    """An answer put together beforehand, which leaves whole or not at all.

    Every cell of `requires` must be open and none of `forbids`. `content` is the answer as whoever holds it packed it.
    """

    requires: int
    forbids: int
    content: Any
    masked: bool = False


class _Sealed:
    """What only this module can make: no construction, subclass, copy or pickle elsewhere."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        if cls.__module__ != __name__ or cls.__base__ is not _Sealed:
            raise NotReleasable("what may be returned has no subclasses")

    def __setattr__(self, name: str, value: object) -> Never:
        raise NotReleasable("what may be returned does not change")

    def __delattr__(self, name: str) -> Never:
        raise NotReleasable("what may be returned does not change")

    def __copy__(self) -> Never:
        raise NotReleasable("what may be returned is not copied")

    def __deepcopy__(self, memo: object) -> Never:
        raise NotReleasable("what may be returned is not copied")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise NotReleasable("what may be returned is not stored")


@final
class Released(_Sealed):
    """Resources that may be returned to the caller of one decision."""

    __slots__ = ("critical_withheld", "decision", "items", "whole")

    decision: Decision
    items: tuple[Held, ...]
    whole: HeldWhole | None
    """An answer that was held whole; `items` are then empty."""
    critical_withheld: bool
    """The decision group is withheld, and the answer must say so (5.3)."""

    def __init__(
        self,
        decision: Decision,
        items: tuple[Held, ...],
        critical_withheld: bool,
        proof: object,
        whole: HeldWhole | None = None,
    ) -> None:
        if proof is not _PROOF:
            raise NotReleasable("only release() makes what may be returned")
        object.__setattr__(self, "decision", decision)
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "whole", whole)
        object.__setattr__(self, "critical_withheld", critical_withheld)

    @property
    def redacted(self) -> bool:
        """A cell that the caller could have was closed, and the answer must be flagged (5.5)."""
        return Obligation.REDACTED_FLAG in self.decision.obligations

    def __repr__(self) -> str:
        return f"Released(decision={self.decision.id}, items={len(self.items)})"


@final
class Refusal(_Sealed):
    """A refusal that may be returned to the caller of one decision. It holds no content."""

    __slots__ = ("decision",)

    decision: Decision

    def __init__(self, decision: Decision, proof: object) -> None:
        if proof is not _PROOF:
            raise NotReleasable("only refuse() makes a refusal")
        object.__setattr__(self, "decision", decision)

    def __repr__(self) -> str:
        return f"Refusal(decision={self.decision.id}, rule={self.decision.rule})"


def release(decision: Decision, held: Iterable[Held]) -> Released:
    """Return those of the held resources that the decision opens, in the order given.

    Raises:
        NotReleasable: the decision refuses, or masks location and something that is held is not masked.

    """
    if not decision.permitted:
        raise NotReleasable("a refusing decision releases nothing")
    held = tuple(held)
    if decision.masks_location and not all(resource.masked for resource in held):
        raise NotReleasable("where the person is, is not to be told, and something is not masked")
    placed = [cells.of_grants(resource.grants) for resource in held]
    group_withheld = _group_withheld(decision, placed)
    opened = decision.open_cells & ~cells.DECISION_GROUP_ROWS if group_withheld else decision.open_cells
    items = tuple(
        _narrowed(resource, opened) if resource.parts or resource.lines else resource
        for resource, place in zip(held, placed, strict=True)
        if place & opened
        and (not resource.parts or _head_is_open(resource, opened))
        and all(cells.CELL.get(grant, cells.NONE) & opened for grant in resource.needs)
    )
    warned = Obligation.CRITICAL_WITHHELD_WARNING in decision.obligations
    return Released(decision, items, warned or (group_withheld and decision.decision_group_open), _PROOF)


def opens_whole(decision: Decision, whole: HeldWhole) -> bool:
    """Tell whether a decision opens all of an answer that was put together beforehand."""
    opened = decision.open_cells
    if decision.masks_location and not whole.masked:
        return False
    return decision.permitted and opened & whole.requires == whole.requires and not opened & whole.forbids


def release_whole(decision: Decision, whole: HeldWhole) -> Released:
    """Return an answer that was put together beforehand, all of it.

    Raises:
        NotReleasable: the decision does not open all of it, or opens what was left out of it.

    """
    if not opens_whole(decision, whole):
        raise NotReleasable("an answer leaves whole only where all of it is open")
    return Released(decision, (), False, _PROOF, whole)


def release_directory(decision: Decision, held: Iterable[Held]) -> Released:
    """Return entries of the shared directory, which holds no person, under the decision that says so.

    Raises:
        NotReleasable: the decision is about a person.

    """
    if decision.rule != DIRECTORY_RULE:
        raise NotReleasable("only a decision about the shared directory releases its entries")
    return Released(decision, tuple(held), False, _PROOF)


def release_nothing(decision: Decision) -> Released:
    """Return an answer without resources: a search that finds nobody, or nobody that this caller may know of (2.5)."""
    return Released(decision, (), False, _PROOF)


def refuse(decision: Decision) -> Refusal:
    """Return the refusal of a refusing decision. Raises NotReleasable for one that permits."""
    if decision.permitted:
        raise NotReleasable("a permitting decision is released, not refused")
    return Refusal(decision, _PROOF)


def section_states(decision: Decision, present: Iterable[Grant]) -> dict[Section, SectionState]:
    """Return the state of every critical section (5.4), in order of `Section`.

    `present` are the grants of what the record holds. An entry hidden at T5 to T7 counts as not there (I9); hidden
    otherwise, its section is withheld. The decision group has one fate.
    """
    found: dict[Section, int] = {}
    for grant in present:
        found[grant[0]] = found.get(grant[0], cells.NONE) | cells.CELL.get(grant, cells.NONE)
    # one bit a grant here, so that an entry hidden behind another one of its section is still seen as hidden
    hidden = _GROUP_SHOWN & ~decision.open_cells
    group_withheld = not decision.decision_group_open or any(
        place & hidden for section, place in found.items() if section in DECISION_GROUP
    )
    return {
        section: SectionState.WITHHELD_OR_UNAVAILABLE
        if section in DECISION_GROUP and group_withheld
        else _state_of(section, decision.open_cells, found.get(section, cells.NONE))
        for section in _CRITICAL
    }


def _state_of(section: Section, opened: int, place: int) -> SectionState:
    if not opened & _OWN[section]:
        return SectionState.WITHHELD_OR_UNAVAILABLE
    if place & opened:
        return SectionState.RECORDED
    if place & _OPEN_TO_SAY:
        return SectionState.WITHHELD_OR_UNAVAILABLE
    return SectionState.NOT_RECORDED


def _head_is_open(resource: Held, opened: int) -> bool:
    """Tell whether a resource in parts may be named at all; without its head no other part leaves."""
    return any(not part.key and part.cell & opened for part in resource.parts)


def _narrowed(resource: Held, opened: int) -> Held:
    """Return a resource with its open lines alone, and put together from its open parts if it has parts."""
    return Held(
        resource.type,
        resource.id,
        resource.version,
        resource.last_updated,
        resource.grants,
        _joined(resource, opened) if resource.parts else resource.body,
        (),
        tuple([line for line in resource.lines if line.cell & opened]),
        predecessor=resource.predecessor,
        masked=resource.masked,
    )


def _joined(resource: Held, opened: int) -> bytes:
    """Return the JSON of the open parts, the head first, items of one array together."""
    head = b"{"
    members: dict[str, list[bytes]] = {}
    arrays = set()
    for part in resource.parts:
        if not part.cell & opened:
            continue
        if not part.key:
            head = part.body
            continue
        members.setdefault(part.key, []).append(part.body)
        if part.item:
            arrays.add(part.key)
    joined = [head]
    for key, bodies in members.items():
        joined += (b',"', key.encode(), b'":[', b",".join(bodies), b"]") if key in arrays else (b",", bodies[0])
    joined.append(b"}")
    return b"".join(joined)


def _group_withheld(decision: Decision, placed: Iterable[int]) -> bool:
    """Tell whether any of the decision group stays hidden, other than where that must not be shown (T5 to T7)."""
    if not decision.decision_group_open:
        return True
    closed = _GROUP_SHOWN & ~decision.open_cells
    if not closed:
        return False
    return any(place & closed and not place & decision.open_cells for place in placed)
