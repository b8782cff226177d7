"""Templates of resources with slots for columns: filled from a row, and read back out of a resource.

A slot is a whole string, `"${place}"`, or part of one, `"tel:${phone}"`, one in a string. An object that has slots and
none of them filled is left out with all it says, so that an empty cell leaves no half of an element behind; an element
of a list goes by itself.

Read back, a template covers a resource when it says all of it. What it does not say would be lost without anybody
noticing, so that such a resource is not covered. Allowed to be more: displays, a concept's text that is one of them,
and other codings of the same concept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_SLOT = re.compile(r"\$\{([^}]*)\}")
_MORE_ALLOWED = ("coding",)
MISSING: Final = object()

Bound = dict[str, Any]
Covers = Callable[[str, object], bool]
"""Whether a column can hold a value."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a template is read: `covers` judges values of slots, `optional` are slots that may be empty.

    A list of one slot of `several` may have more elements than the first, which is taken.
    """

    covers: Covers
    optional: frozenset[str]
    several: frozenset[str] = frozenset()


def slots(template: object) -> Iterator[tuple[str, bool]]:
    """Yield every slot of a template, and whether it is a whole string."""
    if isinstance(template, str):
        for found in _SLOT.finditer(template):
            yield found[1], found[0] == template
    elif isinstance(template, dict):
        for part in template.values():
            yield from slots(part)
    elif isinstance(template, list):
        for part in template:
            yield from slots(part)


def fill(template: object, values: Mapping[str, Any]) -> Any:
    """Return the template with its slots filled from `values`; MISSING when it has slots and none could be filled."""
    if isinstance(template, str):
        return _filled_text(template, values)
    if isinstance(template, dict):
        parts = {name: fill(part, values) for name, part in template.items()}
        names = {name for name, _ in slots(template)}
        if names and not any(name in values for name in names):
            return MISSING
        return {name: part for name, part in parts.items() if part is not MISSING}
    if isinstance(template, list):
        filled = [one for part in template if (one := fill(part, values)) is not MISSING]
        return filled if filled or not template else MISSING
    return template


def read_back(template: object, value: object, reading: Reading, bound: Bound, *, more: bool = False) -> Bound | None:
    """Return `bound` with the slots' values that make the template this value; None when it does not cover it.

    `more`: a list may have elements that the template does not.
    """
    if isinstance(template, str):
        return _text_back(template, value, reading, bound)
    if isinstance(template, dict):
        return _object_back(template, value, reading, bound) if isinstance(value, dict) else None
    if isinstance(template, list):
        return _list_back(template, value, reading, bound, more=more) if isinstance(value, list) else None
    return bound if template == value and type(template) is type(value) else None


def _filled_text(template: str, values: Mapping[str, Any]) -> Any:
    slot = _SLOT.search(template)
    if slot is None:
        return template
    if slot[1] not in values:
        return MISSING
    value = values[slot[1]]
    return value if slot[0] == template else template.replace(slot[0], value)


def _text_back(template: str, value: object, reading: Reading, bound: Bound) -> Bound | None:
    slot = _SLOT.search(template)
    if slot is None:
        return bound if template == value else None
    if slot[0] != template:
        before, after = template[: slot.start()], template[slot.end() :]
        if not (isinstance(value, str) and value.startswith(before) and value.endswith(after)):
            return None
        value = value[len(before) : len(value) - len(after)]
    name = slot[1]
    if name in bound:
        return bound if bound[name] == value else None
    return {**bound, name: value} if reading.covers(name, value) else None


def _object_back(template: dict[str, Any], value: dict[str, Any], reading: Reading, bound: Bound) -> Bound | None:
    if value.keys() - template.keys() - _says_nothing_more(value):
        return None
    found: Bound | None = bound
    for name, part in template.items():
        if name == "display" and "code" in template and not list(slots(part)):
            continue  # each system words its codes in its own way
        if name in value:
            more = name in _MORE_ALLOWED or part in [[f"${{{slot}}}"] for slot in reading.several]
            found = read_back(part, value[name], reading, bound, more=more)
        elif not _may_be_absent(part, reading):
            return None
        if found is None:
            return None
        bound = found
    return bound


def _says_nothing_more(value: dict[str, Any]) -> set[str]:
    """Return the members that repeat what others say: displays, and a concept's text that is one of its displays."""
    more = {"display"} if value.keys() & {"code", "reference"} else set()
    codings = value.get("coding")
    if isinstance(codings, list):
        displays = [coding.get("display") for coding in codings if isinstance(coding, dict)]
        if value.get("text") in displays:
            more.add("text")
    return more


def _list_back(template: list[Any], value: list[Any], reading: Reading, bound: Bound, *, more: bool) -> Bound | None:
    left = list(value)
    for part in template:
        for position, one in enumerate(left):
            found = read_back(part, one, reading, bound)
            if found is not None:
                bound = found
                del left[position]
                break
        else:
            if not _may_be_absent(part, reading):
                return None
    return bound if more or not left else None


def _may_be_absent(template: object, reading: Reading) -> bool:
    if isinstance(template, list):
        return all(_may_be_absent(part, reading) for part in template)
    names = {name for name, _ in slots(template)}
    return bool(names) and names <= reading.optional
