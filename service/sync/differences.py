"""What has to be sent so that a partner holds what it shall: the difference from what it confirmed to hold. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.base import HeldThere, Put, Removal
from fhir_profiles import json

_NOT_CONTENT = ("id", "text")
_OUR_META = ("versionId", "lastUpdated")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource that a partner shall hold: its JSON as released for it, with its digest, and what it points at."""

    reference: str
    body: bytes = field(repr=False)
    digest: bytes
    points_at: Sequence[str] = ()

    @property
    def resource(self) -> dict[str, Any]:
        """The resource; of most that a partner shall hold nobody asks for more than the digest."""
        return json.decode(self.body)


def digest_of(resource: Mapping[str, Any]) -> bytes:
    """Return what stands for the content of a resource: the same for versions that say the same."""
    content = {name: value for name, value in resource.items() if name not in _NOT_CONTENT}
    meta = {name: value for name, value in content.pop("meta", {}).items() if name not in _OUR_META}
    return hashlib.sha256(json.encode({**dict(sorted(content.items())), "meta": meta})).digest()[:16]


_BEGUN = HeldThere("", "", b"")


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be put, in an order in which nothing points at what comes later, and what removed after that."""

    puts: tuple[Put, ...]
    removals: tuple[Removal, ...]

    def __bool__(self) -> bool:
        """Whether anything has to be sent."""
        return bool(self.puts or self.removals)


def difference(
    wanted: Iterable[Wanted],
    held: Mapping[str, HeldThere],
    its_own: Collection[str] = (),
    begun: Iterable[str] = (),
) -> Difference:
    """Compare what a partner shall hold with what it holds.

    What it had itself, and we did not make, is never removed: it is the partner's. `its_own` are references of what
    is here as the partner itself wrote it, which is not echoed to it. `begun` are references that it may hold,
    unconfirmed: what is not wanted any more is removed from there too.
    """
    ordered, there_is = _in_order(list(wanted)), dict.fromkeys(begun, _BEGUN) | dict(held)
    puts = tuple(
        Put(one.reference, one.resource, one.digest, there_is.get(one.reference))
        for one in ordered
        if one.reference not in its_own
        and ((there := there_is.get(one.reference)) is None or there.digest != one.digest)
    )
    names = {one.reference for one in ordered}
    removals = tuple(
        Removal(reference, there)
        for reference, there in reversed(list(there_is.items()))
        if reference not in names and there.made
    )
    return Difference(puts, removals)


def _in_order(wanted: list[Wanted]) -> list[Wanted]:
    """Order resources so that each comes after what it points at; rings are broken where they are met."""
    by_reference = {one.reference: one for one in wanted}
    placed: dict[str, Wanted] = {}
    entered: set[str] = set()
    for start in sorted(by_reference, key=lambda reference: not reference.startswith("Patient/")):
        stack = [(start, iter(by_reference[start].points_at))]
        entered.add(start)
        while stack:
            reference, targets = stack[-1]
            target = next((one for one in targets if one in by_reference and one not in entered), None)
            if target is None:
                placed.setdefault(reference, by_reference[reference])
                stack.pop()
            else:
                entered.add(target)
                stack.append((target, iter(by_reference[target].points_at)))
    return list(placed.values())
