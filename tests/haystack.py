"""Looks for words in bytes: as they are, in base64, hex and URL form, and inside gzip and zlib streams."""

from __future__ import annotations

import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

SHORTEST = 7
"""Shorter words than this turn up in random bytes."""
_STREAMS = ((b"\x1f\x8b\x08", 31), (b"\x78\x01", 15), (b"\x78\x5e", 15), (b"\x78\x9c", 15), (b"\x78\xda", 15))
_UNPACKED = 4 * 1024 * 1024


def forms(word: str) -> dict[str, bytes]:
    """Return every form in which a word is looked for, by name."""
    plain = word.encode()
    found = {
        "plain": plain,
        "lower case": word.lower().encode(),
        "upper case": word.upper().encode(),
        "JSON": word.encode("ascii", "backslashreplace").replace(b"\\x", b"\\u00"),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "URL": quote(word, safe="").encode(),
        "form": quote_plus(word).encode(),
    }
    for before, kept in ((0, 0), (1, 2), (2, 3)):
        # What stands before a word decides its base64; the characters it shares with its neighbours are left out.
        usable = (before + len(plain)) * 8 // 6
        found[f"base64 {before}"] = b64encode(bytes(before) + plain)[kept:usable]
        found[f"base64url {before}"] = urlsafe_b64encode(bytes(before) + plain)[kept:usable]
    return found


@dataclass(slots=True)
class Haystack:
    """Bytes of one origin, with what is packed inside them, ready to be searched for thousands of words."""

    origin: str
    pieces: list[bytes]
    _windows: set[bytes] = field(default_factory=set)

    @classmethod
    def of(cls, origin: str, content: bytes) -> Haystack:
        """Unpack what can be unpacked, and note every run of seven bytes."""
        found = cls(origin, [content, *unpacked(content)])
        for piece in found.pieces:
            found._windows.update(piece[at : at + SHORTEST] for at in range(len(piece) - SHORTEST + 1))
        return found

    def holds(self, needle: bytes) -> bool:
        """Say whether the bytes are there."""
        return needle[:SHORTEST] in self._windows and any(needle in piece for piece in self.pieces)

    def find(self, words: Iterable[str]) -> list[tuple[str, str, str]]:
        """Return (origin, form, word) of everything that is found."""
        return [
            (self.origin, name, word)
            for word in words
            for name, needle in forms(word).items()
            if len(needle) >= SHORTEST and self.holds(needle)
        ]


def unpacked(content: bytes) -> Iterator[bytes]:
    """Yield what every gzip or zlib stream in the bytes holds."""
    for magic, window in _STREAMS:
        at = content.find(magic)
        while at >= 0:
            inflater = zlib.decompressobj(window)
            try:
                inside = inflater.decompress(content[at:], _UNPACKED)
            except zlib.error:
                inside = b""
            if len(inside) >= SHORTEST:
                yield inside
            at = content.find(magic, at + 1)
