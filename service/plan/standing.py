"""Which decision stands: current, superseded, revoked, in conflict, or history. Pure, and blind to order of arrival.

Rules (hazard H3):

1. Order follows effective time in UTC. A tie, a missing time or an impossible order is shown, never guessed.
2. A decision that names another in `replaces` supersedes it, unless it was decided before it.
3. A revocation beats everything decided before it, named or not, whenever either arrived; what was decided after it
   stands; where the order is unknown the two are in conflict.
4. A later decision of the same author or organisation overtakes the earlier one, which is history: an old message that
   arrives late is never current.
5. Two decisions that disagree and know nothing of each other are in conflict. The newest is not picked.
6. What was entered in error counts for nothing. What was superseded or revoked never comes back by itself, except when
   what superseded it was entered in error.
7. "Not discussed" and "declined" are answers, not decisions: they neither supersede nor contradict a decision, unless
   they name it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from service.plan.decisions import DecisionItem, DecisionKind, Force
from service.plan.freshness import review_is_overdue


class State(StrEnum):
    """Where a decision stands among those of its kind."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    IN_CONFLICT = "in-conflict"
    HISTORY = "history"


class OrderIssue(StrEnum):
    """Why the order of decisions could not be settled."""

    TIE = "tie"
    NO_EFFECTIVE_TIME = "no-effective-time"
    IMPOSSIBLE_ORDER = "impossible-order"
    CYCLE = "cycle"


ACTIVE = frozenset({State.CURRENT, State.IN_CONFLICT})


class Standing(msgspec.Struct, frozen=True):
    """A decision's state, by which other decisions it came about, and what about the order was unclear."""

    state: State
    by: tuple[str, ...] = ()
    issues: tuple[OrderIssue, ...] = ()


def standings(items: Iterable[DecisionItem]) -> dict[str, Standing]:
    """Return every item's standing by its reference. Of several versions of one resource the last recorded counts."""
    by_kind: dict[DecisionKind, dict[str, DecisionItem]] = {}
    for item in items:
        versions = by_kind.setdefault(item.kind, {})
        other = versions.get(item.reference)
        if other is None or _version_key(other) < _version_key(item):
            versions[item.reference] = item
    result: dict[str, Standing] = {}
    for versions in by_kind.values():
        result.update(_Contest(versions).outcome())
    return result


def rivals(new: DecisionItem, existing: Iterable[DecisionItem]) -> list[str]:
    """Return the active decisions that `new` would stand beside without naming them, sorted; none means go on.

    A write with rivals is refused with three ways on: replace them, revoke them, or record a disagreement. An update
    replaces its own earlier version; the same decision sent again (author, effective time, value) is no rival. What one
    of the others replaces or revokes by name, written with it or before, stands beside nobody: a plan may come whole,
    with its past.
    """
    if new.force is not Force.IN_FORCE or (new.value is None and not new.revokes):
        return []
    others = [item for item in existing if item.kind is new.kind and item.reference != new.reference]
    if _named_past(new, others):
        return []
    standing = standings(others)
    return sorted(
        {
            item.reference
            for item in others
            if item.value is not None
            and standing[item.reference].state in ACTIVE
            and item.reference not in new.names
            and new.reference not in item.conflicts_with
            and not _same_again(new, item)
        }
    )


def needs_review(standing: Standing, review_due: str | None, now: datetime) -> bool:
    """Say whether a decision that stands is past its review date. It goes on standing until somebody changes it."""
    return standing.state in ACTIVE and review_is_overdue(review_due, now)


def _named_past(new: DecisionItem, others: list[DecisionItem]) -> bool:
    """Say whether one of the others has, by name and in due order, put an end to `new`."""
    if not any(new.reference in (*item.replaces, *item.revokes) for item in others):
        return False
    return standings([*others, new])[new.reference].state in (State.SUPERSEDED, State.REVOKED)


def _same_again(new: DecisionItem, old: DecisionItem) -> bool:
    return (
        new.author is not None
        and new.effective is not None
        and (new.author, new.effective, new.value) == (old.author, old.effective, old.value)
    )


def _version_key(item: DecisionItem) -> tuple[object, ...]:
    recorded = item.recorded.timestamp() if item.recorded else float("-inf")
    return recorded, item.force, item.value or "", item.replaces, item.revokes, item.conflicts_with, str(item.effective)


def _before(one: DecisionItem, other: DecisionItem) -> bool:
    return one.effective is not None and other.effective is not None and one.effective.before(other.effective)


@dataclass(slots=True)
class _Contest:
    """The working of one kind's standings: who supersedes, revokes, overtakes and contradicts whom."""

    items: dict[str, DecisionItem]
    superseded: dict[str, set[str]] = field(default_factory=dict)
    overtaken: dict[str, set[str]] = field(default_factory=dict)
    revoked: dict[str, set[str]] = field(default_factory=dict)
    contested: dict[str, set[str]] = field(default_factory=dict)
    issues: dict[str, set[OrderIssue]] = field(default_factory=dict)

    def outcome(self) -> dict[str, Standing]:
        counting = [self.items[name] for name in sorted(self.items)]
        counting = [item for item in counting if item.force not in (Force.ERROR, Force.NOT_YET)]
        for item in counting:
            if item.effective is None:
                self._note(OrderIssue.NO_EFFECTIVE_TIME, item)
            self._supersede(item)
            self._overtake(item, counting)
        self._break_cycles()
        for item in counting:
            if item.revokes:
                self._revoke(item, counting)
        for item in counting:
            if item.revokes:
                self._dispute_revocation(item, counting)
        active = [item for item in counting if item.value is not None and self._stands(item)]
        self._contradict(active)
        result = {name: self._finished(item) for name, item in self.items.items()}
        active_names = {item.reference for item in active}
        result.update({name: self._active(name) for name in active_names})
        result.update(self._events(counting, bool(active)))
        return result

    def _supersede(self, item: DecisionItem) -> None:
        for name in item.replaces:
            old = self.items.get(name)
            if old is None or old is item:
                continue
            if _before(item, old):
                self._dispute(OrderIssue.IMPOSSIBLE_ORDER, item, old)
            elif item.reference in old.revokes and not _before(old, item):
                self._dispute(OrderIssue.CYCLE, item, old)
            else:
                self.superseded.setdefault(name, set()).add(item.reference)

    def _overtake(self, item: DecisionItem, counting: list[DecisionItem]) -> None:
        if item.value is None:
            return
        for old in counting:
            same_hand = (item.author is not None and item.author == old.author) or (
                item.organisation is not None and item.organisation == old.organisation
            )
            disputed = old.reference in item.conflicts_with or item.reference in old.conflicts_with
            if same_hand and not disputed and old.value is not None and _before(old, item):
                self.overtaken.setdefault(old.reference, set()).add(item.reference)

    def _break_cycles(self) -> None:
        """Decisions that supersede one another in a ring supersede nothing: all of them stay in sight."""
        newer = {name: self.superseded.get(name, set()) | self.overtaken.get(name, set()) for name in self.items}
        reach = {name: _reachable(name, newer) for name in newer}
        for edges in (self.superseded, self.overtaken):
            for old, successors in edges.items():
                for ringed in {successor for successor in successors if old in reach[successor]}:
                    successors.discard(ringed)
                    self._note(OrderIssue.CYCLE, self.items[old], self.items[ringed])

    def _revoke(self, event: DecisionItem, counting: list[DecisionItem]) -> None:
        for item in counting:
            if item is event or event.reference in item.replaces or _before(event, item):
                continue
            if item.reference in event.revokes or (item.value is not None and _before(item, event)):
                self.revoked.setdefault(item.reference, set()).add(event.reference)

    def _dispute_revocation(self, event: DecisionItem, counting: list[DecisionItem]) -> None:
        """Set a revocation against the standing decisions that it may or may not have come after."""
        for item in counting:
            if item is event or event.reference in item.replaces or not self._stands(item):
                continue
            if _before(event, item):
                if item.reference in event.revokes:
                    self._dispute(OrderIssue.IMPOSSIBLE_ORDER, event, item)
            elif item.value is not None and item.value != event.value:
                self._dispute(OrderIssue.TIE, event, item)

    def _contradict(self, active: list[DecisionItem]) -> None:
        for position, one in enumerate(active):
            for other in active[position + 1 :]:
                recorded = other.reference in one.conflicts_with or one.reference in other.conflicts_with
                if one.value == other.value and not recorded:
                    continue
                self._contest(one, other)
                if one.effective and other.effective and not _before(one, other) and not _before(other, one):
                    self._note(OrderIssue.TIE, one, other)

    def _stands(self, item: DecisionItem) -> bool:
        name = item.reference
        beaten = self.superseded.get(name) or self.overtaken.get(name) or self.revoked.get(name)
        return item.force is Force.IN_FORCE and not beaten

    def _finished(self, item: DecisionItem) -> Standing:
        name = item.reference
        if item.force in (Force.ERROR, Force.NOT_YET):
            return Standing(State.HISTORY)
        if self.revoked.get(name):
            return self._standing(State.REVOKED, name, self.revoked[name])
        if item.force is Force.WITHDRAWN:
            return self._standing(State.REVOKED, name, set())
        if self.superseded.get(name):
            return self._standing(State.SUPERSEDED, name, self.superseded[name])
        return self._standing(State.HISTORY, name, self.overtaken.get(name, set()))

    def _active(self, name: str) -> Standing:
        against = {other for other in self.contested.get(name, set()) if self._in_sight(other)}
        return self._standing(State.IN_CONFLICT if against else State.CURRENT, name, against)

    def _events(self, counting: list[DecisionItem], decided: bool) -> dict[str, Standing]:
        """Place what is no decision: revocations that put nothing in place, and statements that there is none."""
        result: dict[str, Standing] = {}
        events = [item for item in counting if item.value is None and self._stands(item)]
        for item in events:
            name = item.reference
            peers = [other for other in events if other.revokes_only or not item.revokes_only]
            against = {other for other in self.contested.get(name, set()) if self._in_sight(other)}
            if against:
                result[name] = self._standing(State.IN_CONFLICT, name, against)
            elif decided or any(_before(item, other) for other in peers):
                result[name] = self._standing(State.HISTORY, name, set())
            else:
                result[name] = self._standing(State.CURRENT, name, set())
        return result

    def _in_sight(self, name: str) -> bool:
        return self._stands(self.items[name])

    def _dispute(self, issue: OrderIssue, one: DecisionItem, other: DecisionItem) -> None:
        self._note(issue, one, other)
        if one.value != other.value:
            self._contest(one, other)

    def _contest(self, one: DecisionItem, other: DecisionItem) -> None:
        self.contested.setdefault(one.reference, set()).add(other.reference)
        self.contested.setdefault(other.reference, set()).add(one.reference)

    def _note(self, issue: OrderIssue, *items: DecisionItem) -> None:
        for item in items:
            self.issues.setdefault(item.reference, set()).add(issue)

    def _standing(self, state: State, name: str, by: set[str]) -> Standing:
        return Standing(state, tuple(sorted(by)), tuple(sorted(self.issues.get(name, ()))))


def _reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(edges.get(name, ()))
    return seen
