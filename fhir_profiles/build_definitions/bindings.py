"""Codes of the value sets that R4 binds as `required`, expanded from the published definitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

PATTERNS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:\s*;.*)?$",
    "http://hl7.org/fhir/ValueSet/currencies": r"^[A-Z]{3}$",
}
"""Sets that are a grammar or kept elsewhere: by shape alone."""


class ValueSets:
    """Expansion of value sets that list codes or include whole code systems, as every required R4 set does."""

    def __init__(self, published: list[Json]) -> None:
        self._systems = {r["url"]: r for r in published if r["resourceType"] == "CodeSystem"}
        self._sets = {r["url"]: r for r in published if r["resourceType"] == "ValueSet"}

    def codes(self, canonical: str) -> list[tuple[str, str]]:
        """Return the (system, code) pairs of the value set. Raises `LookupError` where it cannot be expanded."""
        found: list[tuple[str, str]] = []
        for part in self._sets[canonical.partition("|")[0]]["compose"]["include"]:
            if part.get("filter") or part.get("valueSet"):
                raise LookupError(canonical)
            concepts = part.get("concept") or self._systems[part["system"]]["concept"]
            found += [(part["system"], code) for code in _codes(concepts)]
        return found


def _codes(concepts: list[Json]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", []))
