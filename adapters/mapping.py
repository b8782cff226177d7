"""Mappings: our words into a partner's dialect and back, as data. The file's format is in `docs/mappings.md`.

The rules of a file are applied in its order on the way out and undone in the opposite order on the way in, so each
rule meets the resource in the same state both ways. What no rule names stays as it is, digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping as Pairs
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.base import Untranslatable
from adapters.errors import Unsendable
from adapters.mapping_file import read_rules
from adapters.mapping_rules import IdentifierSystemRule, Rule, Unmapped
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode
from security.errors import InvalidConfiguration

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mapping:
    """One dialect. `types_out` and `types_in` are the resource types that travel; None: all of them."""

    name: str = "identity"
    types_out: frozenset[str] | None = None
    types_in: frozenset[str] | None = None
    rules: Sequence[tuple[frozenset[str] | None, Rule]] = field(default=())

    def travels_out(self, resource_type: str) -> bool:
        """Say whether the partner is sent resources of a type."""
        return self.types_out is None or resource_type in self.types_out

    def travels_in(self, resource_type: str) -> bool:
        """Say whether resources of a type are taken in from the partner."""
        return self.types_in is None or resource_type in self.types_in

    def out(self, resource: Resource) -> Resource:
        """Return a resource of ours in the partner's words; raise Unsendable."""
        said: Resource = _copy(resource)
        for rule in self._rules(resource):
            try:
                rule.out(said)
            except Unmapped as unmapped:
                raise Unsendable(self.name, f"{resource['resourceType']}.{unmapped.path}", unmapped.why) from None
        return said

    def into(self, resource: Resource) -> Resource:
        """Return a resource of the partner in our words; raise Untranslatable."""
        said: Resource = _copy(resource)
        for rule in reversed(self._rules(resource)):
            try:
                rule.into(said)
            except Unmapped as unmapped:
                raise Untranslatable(
                    f"mapping {self.name}: {resource['resourceType']}.{unmapped.path}: {unmapped.why}"
                ) from None
            except (AttributeError, KeyError, TypeError):
                # not FHIR at all: where a rule expects an object there is something else
                raise Untranslatable(
                    f"mapping {self.name}: the {resource['resourceType']} does not have the structure of FHIR"
                ) from None
        return said

    def their_system(self, system: str) -> str:
        """Return what the partner calls a system of identifiers of ours."""
        for _, rule in self.rules:
            if isinstance(rule, IdentifierSystemRule) and rule.ours == system:
                system = rule.theirs
        return system

    def _rules(self, resource: Resource) -> list[Rule]:
        kind = resource["resourceType"]
        return [rule for types, rule in self.rules if types is None or kind in types]


IDENTITY = Mapping()
"""The dialect of a partner that speaks as we do."""


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file; raise InvalidConfiguration with every problem of it, each named by its path in the file."""
    try:
        content = decode(path.read_bytes())
    except OSError as error:
        raise InvalidConfiguration([f"the mapping cannot be read ({error.strerror})"]) from None
    except InvalidJson as invalid:
        raise InvalidConfiguration([f"the mapping: {issue.text}" for issue in invalid.issues]) from None
    return mapping_of(content)


def mapping_of(content: Pairs[str, Any]) -> Mapping:
    """Judge the content of a mapping file; raise InvalidConfiguration with every problem of it."""
    read = read_rules(content)
    if read.problems:
        raise InvalidConfiguration(read.problems)
    return Mapping(read.name, read.types_out, read.types_in, tuple(read.rules))


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_copy(part) for part in value]
    return value
