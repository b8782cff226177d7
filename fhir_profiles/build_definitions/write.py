"""Reads the published definitions, writes the compact ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from fhir_profiles.build_definitions.bindings import ValueSets
from fhir_profiles.build_definitions.schema import SchemaBuilder, by_type
from fhir_profiles.definitions import SCHEMA, TABLES
from fhir_profiles.r4 import ANSWERED_TYPES, CLIENTS_OWN_TYPES, CONTAINED_ONLY_TYPES, MESSAGE_TYPES, SUPPORTED_TYPES

Json = dict[str, Any]

PACKAGE = "hl7.fhir.r4.examples"
"""The npm package that holds what HL7 publishes of R4: definitions, terminology and examples, unaltered."""

_LEFT_OUT = frozenset(
    {
        "BackboneElement",
        "ElementDefinition",
        "MarketingStatus",
        "Population",
        "ProdCharacteristic",
        "ProductShelfLife",
        "SubstanceAmount",
    }
)
"""Data types that no element of our resource types has."""


class PublishedDefinitionsMissing(Exception):
    """The npm packages are not installed."""

    def __init__(self, place: Path) -> None:
        super().__init__(f"{place} is not there: run `make setup`, or `npm ci --ignore-scripts` first")


def write_definitions(packages: Path, target: Path) -> int:
    """Write the schema and the tables below `target` from `packages` (a node_modules); return how many files."""
    source = packages / PACKAGE
    if not source.is_dir():
        raise PublishedDefinitionsMissing(source)
    structures = {
        s["id"]: s for s in _published(source, "StructureDefinition") if s.get("derivation") == "specialization"
    }
    builder = SchemaBuilder(ValueSets([*_published(source, "ValueSet"), *_published(source, "CodeSystem")]))
    builder.add(_only(source, "Element"))
    for name, structure in structures.items():
        if structure["kind"] == "complex-type" and name not in _LEFT_OUT:
            builder.add(structure)
    judged = (*SUPPORTED_TYPES, *ANSWERED_TYPES, *MESSAGE_TYPES, *CLIENTS_OWN_TYPES)
    contained = (*SUPPORTED_TYPES, *CONTAINED_ONLY_TYPES)
    for name in sorted({*judged, *contained}):
        builder.add(structures[name])
    builder.add_contained(contained)
    files = {
        SCHEMA: {"$defs": builder.definitions, **by_type(judged)},
        TABLES: {
            "sentences": builder.sentences,
            "choices": builder.choices,
            "names": _element_names(builder.definitions),
        },
    }
    target.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (target / name).write_bytes(msgspec.json.encode(content))
    return len(files)


def _element_names(definitions: dict[str, Json]) -> list[str]:
    return sorted({name for schema in definitions.values() for name in schema.get("properties", {})})


def _published(source: Path, kind: str) -> list[Json]:
    return [msgspec.json.decode(path.read_bytes()) for path in sorted(source.glob(f"{kind}-*.json"))]


def _only(source: Path, name: str) -> Json:
    structure: Json = msgspec.json.decode((source / f"StructureDefinition-{name}.json").read_bytes())
    return structure
