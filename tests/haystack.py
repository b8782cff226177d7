"""Looks for words in bytes: as they are, in base64, hex and URL form, and inside gzip, zlib and LZ4 streams."""

from __future__ import annotations

import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

import lz4.frame

SHORTEST = 7
"""Shorter words than this turn up in random bytes."""
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
    """Yield what every gzip, zlib or LZ4 stream in the bytes holds."""
    for magic, inflate in _STREAMS:
        at = content.find(magic)
        while at >= 0:
            try:
                inside = inflate(content[at:])
            except (zlib.error, RuntimeError):
                inside = b""
            if len(inside) >= SHORTEST:
                yield inside
            at = content.find(magic, at + 1)


def _deflated(window: int) -> Callable[[bytes], bytes]:
    return lambda packed: zlib.decompressobj(window).decompress(packed, _UNPACKED)


def _lz4(packed: bytes) -> bytes:
    inside: bytes = lz4.frame.LZ4FrameDecompressor().decompress(packed, _UNPACKED)
    return inside


_ZLIB = _deflated(15)
_STREAMS = (
    (b"\x1f\x8b\x08", _deflated(31)),
    (b"\x78\x01", _ZLIB),
    (b"\x78\x5e", _ZLIB),
    (b"\x78\x9c", _ZLIB),
    (b"\x78\xda", _ZLIB),
    (b"\x04\x22\x4d\x18", _lz4),
)
