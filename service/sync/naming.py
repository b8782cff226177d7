"""References that travel say also whom they mean. Pure.

Many systems keep no Practitioner of ours: to them a reference is what it says besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from adapters.base import Put
from service.plan.elements import person_name
from service.record.derive import pointers_in
from service.sync.differences import Wanted

_NAMED = frozenset({"Practitioner", "PractitionerRole", "Organization", "HealthcareService", "Location"})


def name_whom(puts: Iterable[Put], wanted: Iterable[Wanted]) -> None:
    """Let each reference to a person or place of care in what is put say also who that is, as far as they are shared.

    `wanted` is all that the partner shall hold of the person.
    """
    shared = {one.reference: one for one in wanted if one.reference.partition("/")[0] in _NAMED}
    known: dict[str, tuple[str | None, dict[str, str] | None]] = {}
    for put in puts:
        for pointer in pointers_in(put.resource):
            reference = pointer["reference"]
            if reference not in shared:
                continue
            if reference not in known:
                known[reference] = _whom(shared, reference)
            words, identifier = known[reference]
            if words:
                pointer.setdefault("display", words)
            if identifier:
                pointer.setdefault("identifier", dict(identifier))
                pointer.setdefault("type", reference.partition("/")[0])


def _whom(shared: dict[str, Wanted], reference: str) -> tuple[str | None, dict[str, str] | None]:
    """Return the name and the first identifier of whom a reference means; of a role, of who has it."""
    target: dict[str, Any] = shared[reference].resource
    practitioner = target.get("practitioner", {}).get("reference", "")
    if practitioner in shared:
        target = shared[practitioner].resource
    name = target.get("name")
    return (name if isinstance(name, str) else person_name(name)), next(iter(target.get("identifier", ())), None)
