"""JSON Schema of our own extensions: one below our base is one we know, stands where it may, and has its value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_profiles.build_package.extensions import EXTENSIONS, ExtensionDefinition, Part
from fhir_profiles.canonical import BASE, code_system, structure_definition

Schema = dict[str, Any]

_ANY_RESOURCE = "DomainResource"


def extension_rules() -> Iterator[tuple[str, Schema, str]]:
    """Yield name, schema of an Extension, and sentence of each rule."""
    known = [structure_definition(extension.name) for extension in EXTENSIONS]
    yield "extension-known", {"properties": {"url": {"enum": known}}}, "This service defines no extension of this URL."
    for extension in EXTENSIONS:
        if extension.parts:
            then, sentence = _parts(extension), f"needs its parts: {'; '.join(map(_part_words, extension.parts))}."
        else:
            then = _value(extension.types, extension.codes, extension.concepts)
            sentence = f"needs {_words(extension.types, extension.codes or extension.concepts)}."
        rule = {"if": {"properties": {"url": {"const": structure_definition(extension.name)}}}, "then": then}
        yield f"extension.{extension.name}", rule, f"The extension `{extension.name}` {sentence}"


def only_ours(rules: list[Schema]) -> Schema:
    """Return the schema that applies `rules` to extensions below our base, and costs others one comparison."""
    ours = {"properties": {"url": {"type": "string", "pattern": f"^{BASE.replace('.', '[.]')}/"}}, "required": ["url"]}
    return {"if": ours, "then": {"allOf": rules}}


def place_rule(element: str, *, of_resource: bool, modifier: bool) -> tuple[str, Schema, str]:
    """Return the rule that an Extension of `element` (`Composition.section`) is none of ours that belongs elsewhere.

    None of ours modifies the meaning of what it stands on.
    """
    if modifier:
        name, here = "extension-place.modifier", set()
    elif any(element in extension.contexts for extension in EXTENSIONS):
        name, here = f"extension-place.{element}", {element, _ANY_RESOURCE} if of_resource else {element}
    elif of_resource:
        name, here = "extension-place.resource", {_ANY_RESOURCE}
    else:
        name, here = "extension-place", set()
    elsewhere = [
        structure_definition(extension.name) for extension in EXTENSIONS if here.isdisjoint(extension.contexts)
    ]
    schema = {"not": {"properties": {"url": {"enum": elsewhere}}, "required": ["url"]}}
    return name, schema, "This extension does not belong on this element."


def _value(types: tuple[str, ...], codes: tuple[str, ...], concepts: tuple[str, ...] = ()) -> Schema:
    properties: dict[str, Schema] = {}
    if codes:
        properties["valueCode"] = {"enum": list(codes)}
    if concepts:
        coding = {
            "properties": {"system": {"const": code_system("epaccs")}, "code": {"enum": list(concepts)}},
            "required": ["system", "code"],
        }
        properties["valueCodeableConcept"] = {"properties": {"coding": {"contains": coding}}, "required": ["coding"]}
    if "Reference" in types:
        properties["valueReference"] = {"required": ["reference"]}
    return {"properties": properties, "anyOf": [{"required": [name]} for name in _names(types)]}


def _parts(extension: ExtensionDefinition) -> Schema:
    """Return the schema of an Extension whose own extensions are the parts, each as often as it may occur."""
    known = {"properties": {"url": {"enum": [part.name for part in extension.parts]}}}
    values = [{"if": _is(part), "then": _value(part.types, part.codes)} for part in extension.parts]
    counts = [
        {"contains": _is(part), "minContains": int(part.required), **({} if part.repeats else {"maxContains": 1})}
        for part in extension.parts
        if part.required or not part.repeats
    ]
    return {
        "required": ["extension"],
        "properties": {"extension": {"items": {"allOf": [known, *values]}, "allOf": counts}},
    }


def _is(part: Part) -> Schema:
    return {"properties": {"url": {"const": part.name}}, "required": ["url"]}


def _names(types: tuple[str, ...]) -> list[str]:
    return [f"value{kind[0].upper()}{kind[1:]}" for kind in types]


def _words(types: tuple[str, ...], codes: tuple[str, ...]) -> str:
    listed = f", one of: {', '.join(codes)}" if codes else ""
    return f"{' or '.join(f'`{name}`' for name in _names(types))}{listed}"


def _part_words(part: Part) -> str:
    often = "any number" if part.repeats else "once" if part.required else "once at most"
    return f"`{part.name}` ({often}) with {_words(part.types, part.codes)}"
