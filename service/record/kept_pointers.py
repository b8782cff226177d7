"""What a writer was not shown, and so could not send back: references to what must not be noticed (T5 to T7, rule 5.5).

To refuse the replacement would tell that something is there; to take it as sent would lose the reference. So the
references stay: what is stored is compared with what was shown, and what was dropped in between is put back into what
is sent. The writer is shown what it was shown before, and is told nothing.

What it does not do: keep a reference in an element that the writer takes away or fills itself, or in an item of a list
that it changes where the number of items changes too. And what would no longer be a valid resource is taken as sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_profiles.sections import Tier
from fhir_profiles.validation import validate
from security.decision import Decision
from security.principal import Role
from service.record.caller import Caller
from service.record.changes import Change, Method, Resource
from service.record.draft import Draft
from service.record.manifest import Entry
from service.record.pointers import closed_targets, without

UNNOTICED = (Tier.T5, Tier.T6, Tier.T7)
"""Tiers whose presence shows nowhere (5.5)."""
_OURS = frozenset({"id", "meta", "text", "resourceType"})
_CHOICES = ("value", "medication", "reported", "item", "product", "source", "content", "entity")
"""Elements of a choice of types, of which one is a Reference: there is only ever one of them."""


def is_own(entry: Entry, caller: Caller) -> bool:
    """Tell whether an entry is the calling system's own organisation's, which it carries on though it reads less."""
    return caller.principal.role == Role.SYSTEM and entry.author.organisation == caller.principal.organisation


def keeping_pointers(
    caller: Caller, changes: Sequence[Change], draft: Draft, decision: Decision | None
) -> list[Change]:
    """Return the changes, each replacement with the references to T5 to T7 that its writer was not shown.

    A system that carries on what its own organisation recorded knows them, and says itself which stay.
    """
    return list(changes) if decision is None else [_kept(caller, change, draft, decision) for change in changes]


def _kept(caller: Caller, change: Change, draft: Draft, decision: Decision) -> Change:
    entry, entries = draft.entry(change.reference), draft.record.entries
    if change.method is not Method.UPDATE or change.resource is None or entry is None or is_own(entry, caller):
        return change
    closed = frozenset(one for one in closed_targets(entry, entries, decision) if Tier(entries[one].tier) in UNNOTICED)
    if not closed:
        return change
    stored = {key: value for key, value in draft.resource(change.reference).items() if key not in _OURS}
    merged = put_back(change.resource, stored, closed)
    if merged == change.resource or validate(merged):
        return change
    return change.saying(merged)


def put_back(sent: Resource, stored: Resource, closed: frozenset[str]) -> Resource:
    """Return what is sent with the references to `closed` that `stored` has and its writer was not shown."""
    # `without` keeps a resource's type, and so an object of any kind that has one.
    shown = without({"resourceType": "", **stored}, closed)
    return _object(sent, stored, shown)


def _object(sent: Resource, stored: Resource, shown: Resource) -> Resource:
    found = dict(sent)
    for key, value in stored.items():
        seen = shown.get(key)
        if value == seen:
            continue
        mine = sent.get(key)
        if isinstance(value, list):
            items = _list(mine if isinstance(mine, list) else [], value, seen if isinstance(seen, list) else [])
            if items:
                found[key] = items
        elif seen is None:
            if mine is None and not _is_chosen(key, sent):
                found[key] = value
        elif isinstance(value, dict) and isinstance(seen, dict) and isinstance(mine, dict):
            found[key] = _object(mine, value, seen)
    return found


def _list(sent: list[Any], stored: list[Any], shown: list[Any]) -> list[Any]:
    """Put whole items that were dropped behind what is sent, and into the others what was dropped out of them."""
    found = list(sent)
    left = list(shown)
    behind = []
    for item in stored:
        if left and _is_shown_as(item, left[0]):
            seen = left.pop(0)
            place = _place(found, len(shown) - len(left) - 1, seen, alike=len(sent) == len(shown))
            if item != seen and place is not None:
                found[place] = _object(found[place], item, seen)
        elif item not in sent:
            behind.append(item)
    return found + behind


def _is_shown_as(item: Any, seen: Any) -> bool:
    """Tell whether `seen` is what is left of an item: nothing is added by dropping."""
    if isinstance(item, dict) and isinstance(seen, dict):
        return all(key in item and _is_shown_as(item[key], value) for key, value in seen.items())
    if isinstance(item, list) and isinstance(seen, list):
        rest = iter(item)
        return all(any(_is_shown_as(one, value) for one in rest) for value in seen)
    return bool(item == seen)


def _place(items: list[Any], place: int, seen: Any, *, alike: bool) -> int | None:
    """Return where an item is that the writer was shown: unchanged anywhere, or in its place among as many."""
    if seen in items:
        return items.index(seen)
    return place if alike and isinstance(items[place], dict) else None


def _is_chosen(key: str, sent: Resource) -> bool:
    return any(key.startswith(stem) and any(one.startswith(stem) for one in sent) for stem in _CHOICES)
