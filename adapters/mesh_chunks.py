"""The chunks that a MESH message travels in, and their packing. Pure.

A message is split as it is, and each chunk is packed by itself (gzip), so that each is whole in its own right: this is
how MESH unpacks for a reader who takes no gzip. What comes may also have been packed whole and then split. Both read
the same here: gzip members one after another are one stream, so the chunks are read as one.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from adapters.errors import Unintelligible

LARGEST_REQUEST = 100_000_000
"""Bytes of one request after packing (MESH, 100 MB)."""
MOST_CHUNKS = 10_000
_RANGE = re.compile(r"\s*([1-9][0-9]{0,5})\s*:\s*([1-9][0-9]{0,5})\s*")
_GZIP = 31
"""zlib's number for a window of 32 KiB with gzip's frame around it."""


@dataclass(frozen=True, slots=True)
class ChunkRange:
    """`Mex-Chunk-Range`: which chunk, counted from 1, of how many."""

    number: int
    total: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Read it as it is received; '' is a message of one chunk. Raises Unintelligible."""
        found = _RANGE.fullmatch(text or "1:1")
        if found is None:
            raise Unintelligible("the chunk range is none")
        number, total = int(found[1]), int(found[2])
        if not number <= total <= MOST_CHUNKS:
            raise Unintelligible("the chunk range is none")
        return cls(number, total)

    def __str__(self) -> str:
        return f"{self.number}:{self.total}"


def split(content: bytes, size: int) -> Sequence[bytes]:
    """Split content into chunks of `size` bytes before packing. Raises ValueError for nothing, or for too many."""
    if not content:
        raise ValueError("a message has content")
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    if len(chunks) > MOST_CHUNKS:
        raise ValueError("a message has too many chunks")
    return chunks


def pack(chunk: bytes) -> bytes:
    """Return a chunk as gzip; the same bytes every time, so that a chunk sent again is the same chunk."""
    return gzip.compress(chunk, mtime=0)


class Unpacker:
    """Puts received chunks together, unpacked, up to `largest` bytes: what would grow beyond is not unpacked (a bomb).

    Raises Unintelligible for that, for what is no gzip, and for a stream that ends early.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._content = bytearray()
        self._open = zlib.decompressobj(_GZIP)
        self._inside = False

    def take(self, chunk: bytes, gzipped: bool) -> None:
        """Take the next chunk, as it came."""
        if gzipped:
            self._inflate(chunk)
            return
        self._whole()
        self._add(chunk)

    def finish(self) -> bytes:
        """Return the content, once every chunk was taken."""
        self._whole()
        return bytes(self._content)

    def _inflate(self, data: bytes) -> None:
        while data:
            try:
                # one byte more than there is room for: enough to know, and never all of it
                self._add(self._open.decompress(data, self._largest - len(self._content) + 1))
            except zlib.error:
                raise Unintelligible("a chunk is not the gzip that it says it is") from None
            self._inside = not self._open.eof
            if self._open.eof:
                data = self._open.unused_data
                self._open = zlib.decompressobj(_GZIP)
            else:
                data = self._open.unconsumed_tail

    def _add(self, content: bytes) -> None:
        if len(self._content) + len(content) > self._largest:
            raise Unintelligible("the message is too large")
        self._content += content

    def _whole(self) -> None:
        if self._inside:
            raise Unintelligible("the gzip of a message ends early")
