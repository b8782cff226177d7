"""Plain sentences as FHIR narrative: escaped, without control characters, in the few elements that need no trust."""

from __future__ import annotations

from html import escape

import msgspec

_UNFIT = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 0x7F, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])
"""Characters that XML may not hold: control characters, lone surrogates, non-characters."""
_MARKED = bytes([*range(32), 0x7F]) + b"&<>\"'"
"""Of ASCII, what is unfit, or not written as itself."""
_encode = msgspec.json.Encoder().encode
_DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def plain(text: object, longest: int | None = None) -> str:
    """Escape a value for XHTML; one longer than `longest` characters is cut, and says so."""
    words = str(text)
    # Most words need nothing done, and one pass over their bytes shows it.
    as_they_are = words.isascii() and len(words.encode().translate(None, _MARKED)) == len(words)
    if not as_they_are and not words.isprintable():
        words = words.translate(_UNFIT)
    words = words.strip()
    if longest is not None and len(words) > longest:
        words = words[:longest].rstrip() + " ... (more in the entry)"
    return words if as_they_are else escape(words)


def narrative(paragraphs: list[str]) -> dict[str, str]:
    """Return a generated Narrative of paragraphs that are escaped already."""
    return {"status": "generated", "div": f"{_DIV}<p>{'</p><p>'.join(paragraphs)}</p></div>"}


def json_text(xhtml: str) -> bytes:
    """Encode escaped words as the inside of a JSON string, to be joined into JSON later."""
    return _encode(xhtml)[1:-1]


DIV_OPEN = json_text(_DIV)
"""The opening tag of a narrative, as the inside of a JSON string."""
