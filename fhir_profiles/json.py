"""JSON as FHIR wants it: decimals keep their digits, no name twice in an object, no endless nesting.

What `decode` returns, `encode` writes back with every value the same; `1.10` stays `1.10`. Problems are told by place,
never by content.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

from fhir_profiles.errors import InvalidJson
from fhir_profiles.issues import Issue, error

MAX_DEPTH = 64
"""Objects and lists inside one another, the outermost counted."""

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_BYTE = re.compile(r"\(byte (\d+)\)")
_TOKEN = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}]', re.DOTALL)


class _NameTwice(Exception):
    """An object has one name twice."""


def decode(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`: dict, list, str, int, Decimal, bool and None. Raises `InvalidJson`."""
    try:
        value = _decoder.decode(body)
    except msgspec.DecodeError as refusal:
        byte = _BYTE.search(str(refusal))
        raise _invalid(
            f"The body is not valid JSON{f' (byte {byte[1]})' if byte else ', or it was cut short'}."
        ) from None
    except UnicodeDecodeError as refusal:
        raise _invalid(f"The body is not valid UTF-8 (byte {refusal.start}).") from None
    except RecursionError:
        raise _too_deep() from None
    if not isinstance(value, dict):
        raise _invalid("The body must be one JSON object.")
    if _count_names(value) != _most_names(body) and (twice := _names_twice(body)):
        raise InvalidJson(twice)
    return value


def encode(value: object) -> bytes:
    """Return compact UTF-8 JSON. Decimals are written with the digits they have."""
    return _encoder.encode(value)


def _count_names(value: dict[str, Any]) -> int:
    """Count the names of all objects in `value`, level by level. Raises `InvalidJson` below the deepest level."""
    names = 0
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                names += len(container)
                below += [part for part in container.values() if type(part) is dict or type(part) is list]
            else:
                below += [part for part in container if type(part) is dict or type(part) is list]
        if not below:
            return names
        level = below
    raise _too_deep()


def _most_names(body: bytes) -> int:
    """Return a number that the names in `body` cannot exceed, and that they reach in most bodies.

    Every name is followed by a colon, or by white space before it. Quotation marks inside texts make the number too
    high, never too low; so equality with the names that were kept proves that none was lost, and costs little.
    """
    return sum(body.count(end) for end in (b'":', b'" ', b'"\n', b'"\r', b'"\t'))


def _names_twice(body: bytes) -> list[Issue]:
    try:
        json.loads(body, object_pairs_hook=_without_repeats)
    except _NameTwice:
        return [
            error(
                "structure", "", f"A name occurs twice in the JSON object that starts on line {line}, column {column}."
            )
            for line, column in _objects_with_repeats(body)
        ]
    return []


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _NameTwice


def _objects_with_repeats(body: bytes) -> list[tuple[int, int]]:
    """Return line and column of each object that has a name twice."""
    open_objects: list[tuple[int, set[str]]] = []
    found: list[int] = []
    for token in _TOKEN.finditer(body):
        if token[2]:
            name = json.loads(token[1])
            start, names = open_objects[-1]
            if name in names:
                found.append(start)
            names.add(name)
        elif token[0] == b"{":
            open_objects.append((token.start(), set()))
        elif token[0] == b"}":
            open_objects.pop()
    return [(body.count(b"\n", 0, at) + 1, at - body.rfind(b"\n", 0, at)) for at in sorted(set(found))]


def _invalid(text: str) -> InvalidJson:
    return InvalidJson([error("structure", "", text)])


def _too_deep() -> InvalidJson:
    return _invalid(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
