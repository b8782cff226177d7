"""Says in words and FHIRPath what a JSON Schema failure means. What was sent is never repeated."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import jsonschema_rs

from fhir_profiles.definitions import Tables, tables
from fhir_profiles.issues import Issue, error

Json = dict[str, Any]

_PRIMITIVES = {
    "string": "Must be a text that is not blank and has no control characters.",
    "markdown": "Must be a text that is not blank and has no control characters.",
    "code": "Must be a code: no spaces at its ends, single spaces within.",
    "id": "Must be an id: 1 to 64 letters, digits, hyphens and dots.",
    "uri": "Must be a URI without spaces.",
    "url": "Must be a URL without spaces.",
    "canonical": "Must be a canonical URL without spaces.",
    "oid": "Must be an OID (urn:oid:...).",
    "uuid": "Must be a UUID (urn:uuid:...).",
    "base64Binary": "Must be base64.",
    "date": "Must be a date that exists: YYYY, YYYY-MM or YYYY-MM-DD.",
    "dateTime": "Must be a date that exists, or a date and time with seconds and time zone.",
    "instant": "Must be a date and time with seconds and time zone.",
    "time": "Must be a time: hh:mm:ss.",
    "integer": "Must be a whole number of 32 bits.",
    "unsignedInt": "Must be a whole number, 0 or more.",
    "positiveInt": "Must be a whole number, 1 or more.",
}
_FORMATS = {
    "nhs-number": "Must be an NHS number: ten digits with a valid check digit, no spaces.",
    "ods-code": "Must be an ODS code: capital letters and digits.",
    "xhtml": "Must be an XHTML div with content, and nothing that runs, loads or submits.",
}
_JSON_TYPES = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
_SHAPE = {
    "minItems": "A list cannot be empty.",
    "minProperties": "An object cannot be empty.",
    "maxLength": "Must not be longer than a million characters.",
}
_SUGGESTIONS_FOR = 40
"""Longest unknown name for which a known one is suggested."""


def explain(failure: jsonschema_rs.ValidationError, resource: Json) -> Iterator[Issue]:
    """Yield the issues that `failure`, found in `resource`, stands for."""
    known = tables()
    kind: str = failure.kind.name
    rule = _definition(failure.schema_path)
    place = expression(resource, failure.instance_path, known)
    if kind == "additionalProperties":
        yield from _unknown_elements(failure, resource, place, known)
    elif rule in known.sentences:
        yield _named(rule, place, known)
    elif kind == "required":
        name = failure.kind.as_dict()["property"]
        yield error("required", f"{place}.{known.choices.get(name, name)}", f"`{name}` is required.")
    elif kind == "format":
        yield error("value", place, _FORMATS[failure.kind.as_dict()["format"]])
    elif kind in _SHAPE:
        yield error("structure" if kind != "maxLength" else "too-long", place, _SHAPE[kind])
    elif kind == "type" and rule not in ("integer", "unsignedInt", "positiveInt"):
        wanted = " or ".join(_JSON_TYPES.get(name, name) for name in failure.kind.as_dict()["types"])
        yield error("structure", place, f"Must be {wanted}.")
    else:
        yield error("value", place, _PRIMITIVES.get(rule, "Does not fit FHIR R4."))


def expression(resource: Json, path: list[str | int], known: Tables) -> str:
    """Return the FHIRPath of `path` in `resource`, as far as its names are FHIR's."""
    written: str = resource["resourceType"]
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            name = step.removeprefix("_")
            if name not in known.names:
                break
            written += f".{known.choices.get(name, name)}"
    return written


def _definition(schema_path: list[str | int]) -> str:
    """Return the innermost named definition on the path of a failure."""
    for at in range(len(schema_path) - 2, -1, -1):
        if schema_path[at] == "$defs":
            return str(schema_path[at + 1])
    return ""


def _named(rule: str, place: str, known: Tables) -> Issue:
    kind, _, rest = rule.partition(".")
    sentence = known.sentences[rule]
    if kind == "required":
        return error("required", f"{place}.{rest.partition('.')[0]}", sentence)
    if kind in ("code", "concept"):
        return error("code-invalid", place, sentence)
    if kind == "contained-type":
        return error("not-supported", place, sentence)
    if kind in ("choice", "extension-known", "extension-place"):
        return error("structure", place, sentence)
    if kind in ("target", "reference-form", "extension"):
        return error("value", place, sentence)
    return error("invariant", place, f"{sentence[:-1]} ({kind}).")


def _unknown_elements(
    failure: jsonschema_rs.ValidationError, resource: Json, place: str, known: Tables
) -> Iterator[Issue]:
    parent: Any = resource
    for step in failure.instance_path:
        parent = parent[step]
    positions = {name: at for at, name in enumerate(parent, start=1)}
    for name in failure.kind.as_dict()["unexpected"]:
        if name in known.names:
            yield error("structure", f"{place}.{name}", f"`{name}` is not an element here.")
            continue
        close = get_close_matches(name, known.names, 1, 0.8) if len(name) <= _SUGGESTIONS_FOR else []
        hint = f" Did you mean `{close[0]}`?" if close else ""
        yield error("structure", place, f"Name {positions[name]} of this object is not an element of FHIR R4.{hint}")
