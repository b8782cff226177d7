"""Which letters a document can show, and what stands for those that it cannot.

PDF/A allows no letter without a shape in an embedded font, and a plan may hold any text. What our fonts do not have is
written in plain letters; what would only reorder or hide letters around it is left out, so that nothing on paper reads
otherwise than on a screen. Font format: OpenType, table `cmap`, formats 4 and 12 (ISO/IEC 14496-22, 5.2.1).
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from anyascii import anyascii

_JOINERS = frozenset({0x200C, 0x200D})
"""Format characters that belong to words: how Persian and others join their letters."""
_KEPT = frozenset({0x09, 0x0A, 0x0D})
_UNKNOWN = "?"


class Letters:
    """Rewrites texts to letters that every one of some fonts has."""

    def __init__(self, fonts: Iterable[Path]) -> None:
        """Read which letters the fonts have. Raise OSError for a file that cannot be read, ValueError for no font."""
        known = [frozenset(_mapped(font.read_bytes())) for font in fonts]
        self._known = frozenset.intersection(*known) if known else frozenset[int]()
        self._table: dict[int, str] = {}
        self._others = re.compile(r"[^ -~]")

    def __call__(self, text: str) -> str:
        """Return a text of letters that can be shown; markup of plain letters stays what it is."""
        return self._others.sub(lambda found: self._shown(found[0]), unicodedata.normalize("NFC", text))

    def _shown(self, letter: str) -> str:
        code = ord(letter)
        shown = self._table.get(code)
        if shown is None:
            shown = self._table[code] = self._found(letter, code)
        return shown

    def _found(self, letter: str, code: int) -> str:
        kind = unicodedata.category(letter)
        if code in _KEPT:
            return letter
        if code in _JOINERS and code in self._known:
            return letter
        if kind in ("Cc", "Cf"):  # controls, marks that turn the direction of what follows, variation of the unseen
            return ""
        if kind in ("Cs", "Co", "Cn"):  # halves of letters, and letters that no standard defines
            return _UNKNOWN
        if code in self._known:
            return letter
        if kind == "Mn":  # an accent that the font cannot put on its letter
            return ""
        return anyascii(letter).translate(_MARKUP) or _UNKNOWN


_MARKUP = str.maketrans({"&": "and", "<": "(", ">": ")"})
"""What stands for a letter is put into a text that is escaped already."""


def _mapped(font: bytes) -> Iterator[int]:
    """Yield the code points that a TrueType font has shapes for."""
    if font[:4] not in (b"\x00\x01\x00\x00", b"true", b"OTTO"):
        raise ValueError("not a font")
    count = struct.unpack_from(">H", font, 4)[0]
    tables = {font[12 + 16 * at : 16 + 16 * at]: struct.unpack_from(">I", font, 20 + 16 * at)[0] for at in range(count)}
    start = tables[b"cmap"]
    subtables = struct.unpack_from(">H", font, start + 2)[0]
    for at in range(subtables):
        offset = start + struct.unpack_from(">I", font, start + 8 + 8 * at)[0]
        kind = struct.unpack_from(">H", font, offset)[0]
        if kind == 4:
            yield from _format_4(font, offset)
        elif kind == 12:
            yield from _format_12(font, offset)


def _format_4(font: bytes, offset: int) -> Iterator[int]:
    twice = struct.unpack_from(">H", font, offset + 6)[0]
    segments = twice // 2
    ends = struct.unpack_from(f">{segments}H", font, offset + 14)
    starts = struct.unpack_from(f">{segments}H", font, offset + 16 + twice)
    deltas = struct.unpack_from(f">{segments}H", font, offset + 16 + 2 * twice)
    ranges = offset + 16 + 3 * twice
    for at, (first, last, delta) in enumerate(zip(starts, ends, deltas, strict=True)):
        distance = struct.unpack_from(">H", font, ranges + 2 * at)[0]
        for code in range(first, last + 1):
            if distance:
                place = ranges + 2 * at + distance + 2 * (code - first)
                glyph = struct.unpack_from(">H", font, place)[0] if place + 2 <= len(font) else 0
                shape = (glyph + delta) & 0xFFFF if glyph else 0
            else:
                shape = (code + delta) & 0xFFFF
            if shape:
                yield code


def _format_12(font: bytes, offset: int) -> Iterator[int]:
    groups = struct.unpack_from(">I", font, offset + 12)[0]
    for at in range(groups):
        first, last, glyph = struct.unpack_from(">III", font, offset + 16 + 12 * at)
        yield from (code for code in range(first, last + 1) if glyph + code - first)
