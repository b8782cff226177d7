"""JSON Schemas of FHIR's primitive types, stricter than the published ones: real days, 32-bit integers, no controls.

Times may say second 60, as R4 allows; 29 February is accepted in leap years only.
"""

from __future__ import annotations

from typing import Any

_CONTROL = r"\x00-\x08\x0B\x0C\x0E-\x1F"
_YEAR = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_BASE64 = r"^\s*(?:(?:[A-Za-z0-9+/]\s*){4})*(?:(?:[A-Za-z0-9+/]\s*){2}=\s*=\s*|(?:[A-Za-z0-9+/]\s*){3}=\s*)?$"


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


_STRING = {**_text(rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$"), "maxLength": 1024 * 1024}

PRIMITIVES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
    "decimal": {"type": "number"},
    "string": _STRING,
    "markdown": _STRING,
    "code": _text(rf"^[^\s{_CONTROL}]+(?: [^\s{_CONTROL}]+)*$"),
    "id": _text(r"^[A-Za-z0-9\-.]{1,64}$"),
    "uri": _text(rf"^[^\s{_CONTROL}]+$"),
    "url": _text(rf"^[^\s{_CONTROL}]+$"),
    "canonical": _text(rf"^[^\s{_CONTROL}]+$"),
    "oid": _text(r"^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$"),
    "uuid": _text(r"^urn:uuid:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"),
    "base64Binary": _text(_BASE64),
    "date": _text(rf"^(?:{_YEAR}|{_YEAR}-(?:0[1-9]|1[0-2])|{_DAY})$"),
    "dateTime": _text(rf"^(?:{_YEAR}|{_YEAR}-(?:0[1-9]|1[0-2])|{_DAY}|{_DAY}T{_TIME}{_ZONE})$"),
    "instant": _text(rf"^{_DAY}T{_TIME}{_ZONE}$"),
    "time": _text(rf"^{_TIME}$"),
    "xhtml": {"type": "string", "format": "xhtml"},
}
