"""What the provisions of a Consent, and Consents beside one another, must not say together (sharing rules 5.2, 5.3).

A rule that can never decide is a sign that something else was meant, so it is refused when it is written. The evaluator
copes with all of it, by denying.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from security import cells
from security.consent_base import identifiers_of, replaced_references
from security.consent_compile import CompiledConsent
from security.consent_elements import moment_of
from security.consent_times import Period
from security.consent_tree import Effect, Provision
from security.principal import Purpose
from security.purposes import COVERED_BY

_SPLITS = (
    "must not split the decision group: CPR decision, treatment escalation, ADRT, lasting power of attorney and their "
    "context are shared or withheld together"
)


def tree_problems(consent: CompiledConsent, paths: Sequence[str]) -> list[str]:
    """Return what is wrong with the provisions of one Consent, with the path of each: `paths` are in their order."""
    problems = []
    windows: list[Period] = []
    for position, provision in enumerate(consent.provisions):
        path = paths[position]
        above = windows[provision.parent] if provision.parent >= 0 else (None, None)
        own = (provision.start, provision.end) if provision.parent >= 0 else (consent.start, consent.end)
        windows.append(_narrowed(above, own))
        if provision.effect is Effect.NOTHING:
            continue
        data = cells.unpack(provision.data)
        if data & cells.DECISION_GROUP_OWN not in (cells.NONE, cells.DECISION_GROUP_OWN):
            problems.append(f"{path} {_SPLITS}")
        if provision.parent >= 0:
            parent = consent.provisions[provision.parent]
            problems += [f"{path} {problem}" for problem in _under(provision, parent, own, above)]
        for other in range(position):
            if consent.provisions[other].parent == provision.parent:
                problems += _side_by_side(consent, other, position, paths)
    return problems


def _under(provision: Provision, parent: Provision, own: Period, above: Period) -> Iterable[str]:
    """Yield why an exception does not fit the rule that it is an exception to."""
    if cells.unpack(provision.data) == cells.NONE:
        yield "is about nothing that the provision around it is about"
    if not _contains(above, own):
        yield "has a period that reaches outside that of the provision around it"
    if provision.purposes and parent.purposes and not _served(provision) & _served(parent):
        yield "is for purposes for which the provision around it is not"
    if _never_both(provision, parent):
        yield "names nobody whom the provision around it names"
    opposite = {provision.effect, parent.effect} == {Effect.PERMIT, Effect.DENY}
    if opposite and _covers(provision, parent):
        yield "takes back the whole of the provision around it: they contradict each other"


def _side_by_side(consent: CompiledConsent, first: int, second: int, paths: Sequence[str]) -> Iterable[str]:
    """Yield what is wrong with two provisions of the same parent: one that is never reached, or both the same."""
    one, two = consent.provisions[first], consent.provisions[second]
    if {one.effect, two.effect} != {Effect.PERMIT, Effect.DENY}:
        return
    permit, deny = (first, second) if one.effect is Effect.PERMIT else (second, first)
    if _covers(consent.provisions[deny], consent.provisions[permit]):
        yield f"{paths[permit]} permits nothing, because {paths[deny]} beside it refuses all of it: they contradict"


def problems_beside(consent: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with an active sharing Consent beside the other active ones of the record."""
    problems = set()
    named, mine = replaced_references(consent), f"Consent/{consent.get('id')}"
    for other in others:
        theirs = f"Consent/{other.get('id')}"
        names, is_named = theirs in named, mine in replaced_references(other)
        if names and is_named:
            problems.add("Two Consents say that each replaces the other")
        same_date = moment_of(consent.get("dateTime")) == moment_of(other.get("dateTime"))
        if same_date and not names and not is_named and identifiers_of(consent) & identifiers_of(other):
            problems.add(
                "Another active Consent has this identifier and this dateTime, so that neither takes the place of the "
                "other: give a later dateTime, or name the one that it replaces (extension replaces)"
            )
    return sorted(problems)


def _covers(one: Provision, other: Provision) -> bool:
    """Say whether one provision applies wherever another, of the same place in the tree or above, does."""
    data = cells.unpack(other.data)
    return (
        cells.unpack(one.data) & data == data
        and (
            not one.named
            or (
                other.named
                and other.organisations <= one.organisations
                and other.roles <= one.roles
                and other.persons <= one.persons
            )
        )
        and (not one.purposes or _served(other) <= _served(one))
        and _contains((one.start, one.end), (other.start, other.end), open_inherits=False)
    )


def _never_both(one: Provision, other: Provision) -> bool:
    """Say whether two provisions that name recipients cannot match the same one.

    Different kinds may: a person works for an organisation, in a role.
    """
    if not one.named or not other.named:
        return False
    kinds = [(p.organisations, p.roles, p.persons) for p in (one, other)]
    used = [[bool(named) for named in kind] for kind in kinds]
    return (
        used[0] == used[1]
        and sum(used[0]) == 1
        and all(mine.isdisjoint(theirs) for mine, theirs in zip(*kinds, strict=True))
    )


def _served(provision: Provision) -> frozenset[Purpose]:
    """Return the purposes that this service knows for which a provision holds."""
    if not provision.purposes:
        return frozenset(Purpose)
    return frozenset(purpose for purpose in Purpose if not COVERED_BY[purpose].isdisjoint(provision.purposes))


def _narrowed(above: Period, own: Period) -> Period:
    starts = [start for start in (above[0], own[0]) if start is not None]
    ends = [end for end in (above[1], own[1]) if end is not None]
    return max(starts, default=None), min(ends, default=None)


def _contains(outer: Period, inner: Period, *, open_inherits: bool = True) -> bool:
    """Say whether a period lies in another. An end that is not given is the outer one's (`open_inherits`), or none."""
    starts = outer[0] is None or (open_inherits if inner[0] is None else inner[0] >= outer[0])
    ends = outer[1] is None or (open_inherits if inner[1] is None else inner[1] <= outer[1])
    begins_in_time = inner[0] is None or outer[1] is None or inner[0] < outer[1]
    ends_in_time = inner[1] is None or outer[0] is None or inner[1] > outer[0]
    return starts and ends and begins_in_time and ends_in_time
