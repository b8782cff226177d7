"""References to what is closed: dropped from what is released, so that they do not tell that it is there (I9, I14).

A reference tells type, id and existence of what it points at. So it leaves only with an entry whose target may be known
as well. The Patient is nobody's secret within their own record; who and what has no section of its own, as a
Practitioner, is released with any released resource that names it, and so is never among these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from security.decision import Decision
from service.record.manifest import Entry, places

Resource = dict[str, Any]
_DROPPED = object()


def is_open(entry: Entry, decision: Decision) -> bool:
    """Tell whether a decision opens an entry, so that its reader may know of it."""
    needs = all(decision.opens(*place) for place in places(entry.needs))
    return needs and any(decision.opens(*place) for place in places(entry.grants))


def targets_of(entry: Entry, entries: Mapping[str, Entry]) -> Iterable[Entry]:
    """Yield the entries of the record, deleted ones too, that a resource points at and that have a section."""
    for reference in entry.points_at:
        target = entries.get(reference.partition("/_history/")[0])
        if target is not None and target.type != "Patient" and not target.follows:
            yield target


def closed_targets(entry: Entry, entries: Mapping[str, Entry], decision: Decision) -> frozenset[str]:
    """Return the references in a resource of what a decision does not open; of a current version or an earlier one."""
    return frozenset(one.reference for one in targets_of(entry, entries) if not is_open(one, decision))


def closed_names(names: Iterable[str], entries: Mapping[str, Entry], decision: Decision) -> frozenset[str]:
    """Return the references among `names` that lead to entries of the record which a decision does not open.

    Unlike resources, a line may name who or what follows others: through a Provenance, which may be closed itself.
    """
    return frozenset(
        name
        for name in names
        if (one := entries.get(name)) is not None and one.type != "Patient" and not is_open(one, decision)
    )


def without(resource: Resource, closed: frozenset[str]) -> Resource:
    """Return a resource without its references to `closed`, and without what stands empty for want of them."""
    kept = _kept(resource, closed)
    assert isinstance(kept, dict), "a resource has a type, so something is left of it"
    return kept


def _kept(value: Any, closed: frozenset[str]) -> Any:
    if isinstance(value, list):
        items = [one for item in value if (one := _kept(item, closed)) is not _DROPPED]
        return items if items or not value else _DROPPED
    if not isinstance(value, dict):
        return value
    reference = value.get("reference")
    if isinstance(reference, str) and reference.partition("/_history/")[0] in closed:
        return _DROPPED
    left = {key: one for key, item in value.items() if (one := _kept(item, closed)) is not _DROPPED}
    # An extension is nothing without its value.
    return left if left.keys() == value.keys() or left.keys() - {"url", "id"} else _DROPPED
