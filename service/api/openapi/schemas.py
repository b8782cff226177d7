"""Schemas of FHIR R4 types for readers and client generators, cut down from the definitions that judge what is sent.

Left out: extensions of primitive elements (`_status`), rules that a schema cannot say briefly, and the inside of
backbone elements. They describe; `fhir_profiles.validation` decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from fhir_profiles.definitions import DIRECTORY, SCHEMA
from fhir_profiles.errors import DefinitionsNotBuilt
from fhir_profiles.r4 import ANSWERED_TYPES, CLIENTS_OWN_TYPES, MESSAGE_TYPES, SUPPORTED_TYPES

Json = dict[str, Any]

SCHEMA_REF = "#/components/schemas/"
_DEFINITION_REF = "#/$defs/"
_SPECIFICATION = "https://hl7.org/fhir/R4"
_UNDESCRIBED = frozenset({"implicitRules", "language", "contained", "modifierExtension"})
_LISTED_CODES = 24
_LONG_PATTERN = 60


def schema_ref(name: str) -> Json:
    """Return a reference to the component schema `name`."""
    return {"$ref": SCHEMA_REF + name}


def component_schemas() -> dict[str, Json]:
    """Return the schema of every type that is sent or answered, and of all that they are made of."""
    definitions = _definitions()
    described: dict[str, Json] = {"OperationOutcome": _operation_outcome()}
    waiting = [*SUPPORTED_TYPES, *ANSWERED_TYPES, *MESSAGE_TYPES, *CLIENTS_OWN_TYPES, "CodeableConcept"]
    while waiting:
        name = waiting.pop(0)
        if name in described:
            continue
        described[name] = _described(name, definitions)
        waiting += _references(described[name], SCHEMA_REF)
    return dict(sorted(described.items()))


@cache
def _definitions() -> dict[str, Json]:
    try:
        text = (DIRECTORY / SCHEMA).read_bytes()
    except FileNotFoundError:
        raise DefinitionsNotBuilt(str(DIRECTORY)) from None
    definitions: dict[str, Json] = msgspec.json.decode(text)["$defs"]
    return definitions


def _described(name: str, definitions: dict[str, Json]) -> Json:
    definition = definitions[name]
    if definition.get("type") != "object":
        return _primitive(name, definition)
    is_resource = "resourceType" in definition["properties"]
    page = name.lower() if is_resource else "extensibility" if name == "Extension" else "datatypes"
    schema: Json = {"type": "object"}
    if is_resource:
        schema["externalDocs"] = {"url": f"{_SPECIFICATION}/{page}.html"}
    if name == "Extension":
        schema["description"] = "`url` says what it means; the value is in `value[x]`, or in nested extensions."
        schema["required"] = ["url"]
        schema["properties"] = {"url": {"type": "string"}, "extension": {"type": "array", "items": {"type": "object"}}}
        return schema
    required, alternatives = _required(definition, definitions)
    if required:
        schema["required"] = required
    if alternatives:
        schema["allOf"] = alternatives
    schema["properties"] = {
        key: _element(part, definitions)
        for key, part in definition["properties"].items()
        if not key.startswith("_") and key not in _UNDESCRIBED
    }
    schema["additionalProperties"] = True
    return schema


def _primitive(name: str, definition: Json) -> Json:
    schema = {key: value for key, value in definition.items() if key in ("type", "minimum", "maximum")}
    pattern = definition.get("pattern", "")
    if pattern and len(pattern) <= _LONG_PATTERN and "\\x" not in pattern:
        schema["pattern"] = pattern
    schema["description"] = f"FHIR {name}"
    return schema


def _required(definition: Json, definitions: dict[str, Json]) -> tuple[list[str], list[Json]]:
    """Return the elements that R4 requires, and for required choices (`medication[x]`) a rule each."""
    required = list(definition.get("required", ()))
    alternatives = []
    rules = {key: value for key, value in definition.items() if key != "properties"}
    for name in _references(rules, _DEFINITION_REF):
        if not name.startswith("required."):
            continue
        names = [key for way in definitions[name]["anyOf"] for key in way["required"] if not key.startswith("_")]
        if len(names) == 1:
            required += names
        else:
            alternatives.append({"anyOf": [{"required": [key]} for key in names]})
    return required, alternatives


def _element(part: Json, definitions: dict[str, Json]) -> Json:
    """Return the brief form of one element's schema."""
    if "const" in part:
        return {"const": part["const"]}
    if part.get("type") == "array":
        return {"type": "array", "items": _element(part["items"], definitions)}
    if "else" in part:  # a list of primitives, in which null stands for an element that has extensions alone
        return _element(part["else"], definitions)
    if "allOf" in part:
        names = [rule["$ref"].removeprefix(_DEFINITION_REF) for rule in part["allOf"]]
        schema = _named(names[0], definitions)
        targets: list[str] = next((name.split(".")[1:] for name in names if name.startswith("target.")), [])
        return {**schema, "description": f"to {' or '.join(targets)}"} if targets else schema
    return _named(part["$ref"].removeprefix(_DEFINITION_REF), definitions)


def _named(name: str, definitions: dict[str, Json]) -> Json:
    if name.startswith("code."):
        codes = definitions[name].get("enum", ())
        return {"type": "string", "enum": list(codes)} if 0 < len(codes) <= _LISTED_CODES else {"type": "string"}
    if "." in name or name in ("contained", "enclosed"):
        return {"type": "object"}
    if name in ("string", "markdown", "code", "uri", "url", "canonical", "xhtml"):
        return {"type": "string"}
    if name == "boolean":
        return {"type": "boolean"}
    return schema_ref(name)


def _references(schema: Any, prefix: str) -> Iterator[str]:
    """Yield the name that each `$ref` in a schema leads to."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(prefix)
        for value in schema.values():
            yield from _references(value, prefix)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value, prefix)


def _operation_outcome() -> Json:
    issue = {
        "type": "object",
        "required": ["severity", "code"],
        "properties": {
            "severity": {"type": "string", "enum": ["fatal", "error", "warning", "information"]},
            "code": {"type": "string", "description": "A code of http://hl7.org/fhir/issue-type"},
            "details": schema_ref("CodeableConcept"),
            "expression": {"type": "array", "items": {"type": "string"}, "description": "FHIRPath of the place"},
        },
    }
    return {
        "type": "object",
        "description": "What is wrong, every problem at once, in plain sentences that repeat nothing of what was sent.",
        "externalDocs": {"url": f"{_SPECIFICATION}/operationoutcome.html"},
        "required": ["resourceType", "issue"],
        "properties": {
            "resourceType": {"const": "OperationOutcome"},
            "issue": {"type": "array", "minItems": 1, "items": issue},
        },
    }
