"""Which elements a type of FHIR R4 has, for whoever names elements in a file: a misspelt one would silently do nothing.

Read from the schema that judges resources, so that both know the same types.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from fhir_profiles import definitions


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `type` is a data type, or the element's own path where it has parts (`CarePlan.activity`)."""

    type: str
    repeats: bool


def is_resource_type(name: str) -> bool:
    """Say whether `name` is a resource type that this product judges."""
    return "const" in _properties(name).get("resourceType", {})


def element(type_name: str, name: str) -> Element | None:
    """Return the element `name` of a type, choices spelled as in JSON (`valueString`); None where there is none."""
    found = _properties(type_name).get(name)
    if found is None or name.startswith("_") or name == "resourceType":
        return None
    repeats = found.get("type") == "array"
    node = found["items"] if repeats else found
    node = node.get("else", node)
    named = node.get("$ref") or next((part["$ref"] for part in node.get("allOf", ()) if "$ref" in part), "")
    # a code bound to a value set is named after the set
    word = named.rpartition("/")[2]
    return Element("code" if word.startswith("code.") else word, repeats)


def _properties(type_name: str) -> dict[str, Any]:
    found: dict[str, Any] = _definitions().get(type_name, {}).get("properties", {})
    return found


@cache
def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((definitions.DIRECTORY / definitions.SCHEMA).read_bytes())["$defs"]
    return found
