"""JSON Schema of our own extensions: one below our base is one we know, with the value it is defined to have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_profiles.build_package.extensions import EXTENSIONS, ExtensionDefinition
from fhir_profiles.canonical import BASE, code_system, structure_definition

Schema = dict[str, Any]


def extension_rules() -> Iterator[tuple[str, Schema, str]]:
    """Yield name, schema of an Extension, and sentence of each rule."""
    known = [structure_definition(extension.name) for extension in EXTENSIONS]
    yield "extension-known", {"properties": {"url": {"enum": known}}}, "This service defines no extension of this URL."
    for extension in EXTENSIONS:
        rule = {
            "if": {"properties": {"url": {"const": structure_definition(extension.name)}}},
            "then": _value(extension),
        }
        yield f"extension.{extension.name}", rule, f"The extension `{extension.name}` needs {_words(extension)}."


def only_ours(rules: list[Schema]) -> Schema:
    """Return the schema that applies `rules` to extensions below our base, and costs others one comparison."""
    ours = {"properties": {"url": {"type": "string", "pattern": f"^{BASE.replace('.', '[.]')}/"}}, "required": ["url"]}
    return {"if": ours, "then": {"allOf": rules}}


def _value(extension: ExtensionDefinition) -> Schema:
    properties: dict[str, Schema] = {}
    if extension.codes:
        properties["valueCode"] = {"enum": list(extension.codes)}
    if extension.concepts:
        coding = {
            "properties": {"system": {"const": code_system("epaccs")}, "code": {"enum": list(extension.concepts)}},
            "required": ["system", "code"],
        }
        properties["valueCodeableConcept"] = {"properties": {"coding": {"contains": coding}}, "required": ["coding"]}
    if "Reference" in extension.types:
        properties["valueReference"] = {"required": ["reference"]}
    return {"properties": properties, "anyOf": [{"required": [name]} for name in _names(extension)]}


def _names(extension: ExtensionDefinition) -> list[str]:
    return [f"value{kind[0].upper()}{kind[1:]}" for kind in extension.types]


def _words(extension: ExtensionDefinition) -> str:
    codes = extension.codes or extension.concepts
    listed = f", one of: {', '.join(codes)}" if codes else ""
    return f"{' or '.join(f'`{name}`' for name in _names(extension))}{listed}"
