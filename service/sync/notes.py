"""The notes of adapters (`adapters.notes`), kept in a few sealed pages for each partner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from adapters.notes import NoteChanged
from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord, Records

PAGES = 16
"""A note is on one of so many pages, by its key: to write one rewrites a sixteenth of them."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode


@dataclass(frozen=True, slots=True)
class NotePages:
    """The notes of one partner."""

    pages: Pages
    partner: str

    @classmethod
    def of(cls, records: Records, partner: str) -> NotePages:
        """Return those of a partner in a service."""
        return cls(Pages(records, RecordKind.SYNC), partner)

    async def held(self, key: str) -> bytes:
        """Return a note, b'' when there is none."""
        return (await self._read(_place(key))).get(key, b"")

    async def all(self) -> Mapping[str, bytes]:
        """Return every note."""
        found: dict[str, bytes] = {}
        for place in range(PAGES):
            found |= await self._read(place)
        return found

    async def write(self, key: str, before: bytes, after: bytes) -> None:
        """Write a note if it is what is expected; raise NoteChanged. It is durable when this returns."""

        def edited(page: OpenRecord, content: bytes) -> Edited | None:
            notes = _decode(content) if content else {}
            if notes.get(key, b"") != before:
                raise NoteChanged("the note is another by now")
            notes.pop(key, None)
            if after:
                notes[key] = after
            return Edited(_encode(notes))

        await self.pages.change(self._name(_place(key)), edited)

    async def _read(self, place: int) -> dict[str, bytes]:
        content = await self.pages.read(self._name(place))
        return _decode(content) if content else {}

    def _name(self, place: int) -> str:
        return f"notes.{self.partner}.{place}"


def _place(key: str) -> int:
    return blake2b(key.encode(), digest_size=1).digest()[0] % PAGES
