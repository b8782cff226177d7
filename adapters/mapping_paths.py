"""Where a rule of a mapping applies: element names from the resource down, lists walked through, extensions by URL.

`component.valueCodeableConcept`, `extension[https://example.org/key-safe].valueString`, `meta.tag`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_profiles.elements import Element, element

Json = dict[str, Any]

_STEP = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\[([^\[\]\s]+)\])?")
_EXTENSIONS = ("extension", "modifierExtension")


class Absent(LookupError):
    """A path does not lead to where the rule wants to write: what is on the way is a list, or no object."""


@dataclass(frozen=True, slots=True)
class Step:
    """One element; for an extension the URL by which it is picked."""

    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A place in resources. `text` is as written in the file; it holds nothing of anybody."""

    text: str
    steps: tuple[Step, ...]

    @property
    def last(self) -> Step:
        """The element itself."""
        return self.steps[-1]

    def holders(self, resource: Json) -> Iterator[Json]:
        """Yield the objects in which the element stands, or might stand."""
        yield from reached([resource], self.steps[:-1])

    def values(self, resource: Json) -> Iterator[Any]:
        """Yield what stands there, list items one by one."""
        for holder in self.holders(resource):
            yield from items(holder, self.last)


def parse(text: object) -> Path | None:
    """Read a path; None when it is not one."""
    if not isinstance(text, str):
        return None
    steps: list[Step] = []
    at = 0
    while True:
        match = _STEP.match(text, at)
        if match is None or (match[2] is not None) != (match[1] in _EXTENSIONS):
            return None
        steps.append(Step(match[1], match[2] or ""))
        at = match.end()
        if at == len(text):
            return Path(text, tuple(steps))
        if text[at] != ".":
            return None
        at += 1


def leads_to(type_name: str, path: Path) -> list[Element] | str:
    """Return the elements on the way in a resource type, or the name of the first one that the type does not have."""
    found: list[Element] = []
    for step in path.steps:
        one = element(type_name, step.name)
        if one is None:
            return step.name
        # picked by URL there is one, as the rules understand it
        found.append(Element(one.type, False) if step.url else one)
        type_name = one.type
    return found


def items(holder: Json, step: Step) -> list[Any]:
    """Return what an object has of an element."""
    value = holder.get(step.name)
    found = list(value) if isinstance(value, list) else [] if value is None else [value]
    if step.url:
        return [item for item in found if isinstance(item, dict) and item.get("url") == step.url]
    return found


def reached(holders: Sequence[Json], steps: Sequence[Step]) -> list[Json]:
    """Return the objects at the end of `steps`, from each of `holders`."""
    for step in steps:
        holders = [item for holder in holders for item in items(holder, step) if isinstance(item, dict)]
    return list(holders)


def made(holder: Json, steps: Sequence[Step]) -> Json:
    """Return the object at the end of `steps`, making what is not there; raise Absent where a list is on the way."""
    for step in steps:
        value = holder.get(step.name)
        if step.url:
            found = items(holder, step)
            if not found:
                found = [{"url": step.url}]
                holder.setdefault(step.name, []).append(found[0])
            holder = found[0]
        elif value is None:
            holder[step.name] = holder = {}
        elif isinstance(value, dict):
            holder = value
        else:
            raise Absent
    return holder


def without(holder: Json, steps: Sequence[Step], item: object = None) -> None:
    """Take away the element at the end of `steps` (or only what equals `item`), and what is empty after that."""
    step, rest = steps[0], steps[1:]
    for found in items(holder, step):
        if rest:
            if isinstance(found, dict):
                without(found, rest, item)
                if not found or found.keys() == {"url"}:
                    _take(holder, step.name, found)
        elif item is None or found == item:
            _take(holder, step.name, found)
    if not rest and item is None:
        holder.pop(f"_{step.name}", None)


def _take(holder: Json, name: str, gone: object) -> None:
    value = holder.get(name)
    if isinstance(value, list):
        value[:] = [item for item in value if item is not gone]
    if not isinstance(value, list) or not value:
        holder.pop(name, None)
