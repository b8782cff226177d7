"""The rules of a mapping. Each is stated once, and knows how it is applied on the way out and undone on the way in.

They change the resource that they are given. What a rule cannot do is `Unmapped`, by the path that the file names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from adapters.mapping_paths import Absent, Path, Step, items, made, reached, without

Json = dict[str, Any]
Code = tuple[str, str]
"""System and code."""


class Unmapped(Exception):
    """A rule met something that its file does not provide for. `path` is the rule's, `why` holds no content."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(why)
        self.path = path
        self.why = why


class Rule(Protocol):
    """What is done to a resource of a type that the rule is for."""

    def out(self, resource: Json) -> None:
        """Put it into the partner's words."""

    def into(self, resource: Json) -> None:
        """Put it into ours."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Which ways a rule is applied."""

    out: bool = True
    into: bool = True


@dataclass(frozen=True, slots=True)
class When:
    """What must hold for a rule to be applied: a coding `system|code`, or a word, stands at `path`."""

    path: Path
    value: str

    def holds(self, resource: Json) -> bool:
        """Look, in the state in which the rule finds the resource."""
        return any(self.value in _words(found) for found in self.path.values(resource))


@dataclass(frozen=True, slots=True)
class Conditional:
    """A rule that is applied only where a condition holds.

    The rule never changes what the condition looks at, and rules are undone in the opposite order; so the condition
    finds the same on the way in as on the way out.
    """

    when: When
    rule: Rule

    def out(self, resource: Json) -> None:
        """Apply the rule where the condition holds."""
        if self.when.holds(resource):
            self.rule.out(resource)

    def into(self, resource: Json) -> None:
        """Undo the rule where the condition holds."""
        if self.when.holds(resource):
            self.rule.into(resource)


@dataclass(frozen=True, slots=True)
class IdentifierSystemRule:
    """Another name for a system of identifiers, wherever in a resource an Identifier stands."""

    ours: str
    theirs: str

    def out(self, resource: Json) -> None:
        """Name it as the partner does."""
        _rename_systems(resource, self.ours, self.theirs)

    def into(self, resource: Json) -> None:
        """Name it as we do."""
        _rename_systems(resource, self.theirs, self.ours)


@dataclass(frozen=True, slots=True)
class MoveRule:
    """The same content at another place. `shared` is the part of both paths in which they agree."""

    shared: tuple[Step, ...]
    ours: Path
    theirs: Path

    def out(self, resource: Json) -> None:
        """Move it to where the partner has it."""
        self._move(resource, self.ours, self.theirs)

    def into(self, resource: Json) -> None:
        """Move it to where we have it."""
        self._move(resource, self.theirs, self.ours)

    def _move(self, resource: Json, source: Path, target: Path) -> None:
        before = len(self.shared)
        for holder in reached([resource], self.shared):
            _move(holder, source.steps[before:], target.steps[before:], target.text)


@dataclass(frozen=True, slots=True)
class ConstantRule:
    """What the partner always has and we never: added on the way out where nothing is there, dropped on the way in."""

    path: Path
    value: Any
    repeats: bool
    ways: Ways

    def out(self, resource: Json) -> None:
        """Add it."""
        if not self.ways.out or any(found == self.value for found in self.path.values(resource)):
            return
        try:
            holder = made(resource, self.path.steps[:-1])
        except Absent:
            raise Unmapped(self.path.text, "there is no one place for the constant") from None
        if self.repeats:
            holder.setdefault(self.path.last.name, []).append(self.value)
        else:
            holder.setdefault(self.path.last.name, self.value)

    def into(self, resource: Json) -> None:
        """Take it away."""
        if self.ways.into:
            without(resource, self.path.steps, self.value)


@dataclass(frozen=True, slots=True)
class DropRule:
    """What the other side shall not get, or we do not want. Nothing brings it back."""

    path: Path
    ways: Ways

    def out(self, resource: Json) -> None:
        """Leave it out of what is sent."""
        if self.ways.out:
            without(resource, self.path.steps)

    def into(self, resource: Json) -> None:
        """Leave it out of what is taken in."""
        if self.ways.into:
            without(resource, self.path.steps)


def code_of(coding: Any) -> Code:
    """Return the system and code of a coding, '' for what it does not say."""
    if not isinstance(coding, dict):
        return "", ""
    return str(coding.get("system", "")), str(coding.get("code", ""))


def _rename_systems(value: Any, old: str, new: str) -> None:
    if isinstance(value, list):
        for item in value:
            _rename_systems(item, old, new)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name.lower().endswith("identifier"):
                for item in part if isinstance(part, list) else [part]:
                    if isinstance(item, dict) and item.get("system") == old:
                        item["system"] = new
            _rename_systems(part, old, new)


def _move(holder: Json, source: tuple[Step, ...], target: tuple[Step, ...], path: str) -> None:
    found = reached([holder], source[:-1])
    old, new = source[-1], target[-1]
    present = [one for one in found if items(one, old) or f"_{old.name}" in one]
    if not present:
        return
    if len(present) > 1:
        raise Unmapped(path, "there is more than one to be moved to one place")
    if any(items(one, new) for one in reached([holder], target[:-1])):
        raise Unmapped(path, "something stands already where it is to be moved to")
    if len(source) == len(target) == 1 and old.name == new.name:
        # only the URL changes: the extension stays where it is in its list
        for extension in items(holder, old):
            extension["url"] = new.url
        return
    values = items(present[0], old)
    content = {
        to: present[0][of]
        for to, of in ((new.name, old.name), (f"_{new.name}", f"_{old.name}"))
        if of in present[0] and not new.url
    }
    without(holder, source)
    try:
        place = made(holder, target[:-1])
    except Absent:
        raise Unmapped(path, "there is no one place to move it to") from None
    if new.url:
        place.setdefault(new.name, []).extend({**value, "url": new.url} for value in values)
    else:
        place.update(content)


def _words(found: Any) -> set[str]:
    if isinstance(found, bool):
        return {"true" if found else "false"}
    if isinstance(found, str):
        return {found}
    if isinstance(found, dict):
        codings = found.get("coding") if isinstance(found.get("coding"), list) else [found]
        return {"|".join(code_of(coding)) for coding in codings or ()}
    return set()
