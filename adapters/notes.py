"""What an adapter has to remember itself: what it is about to send, what it waits for, until when.

Most adapters remember nothing, since the engine remembers what a partner confirmed. One whose protocol has no way to
send the same again (MESH), or that gets its answers days later, writes notes. A note that was written outlives a crash
from the moment that writing it returns, and is sealed where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from adapters.errors import NotSent


class NoteChanged(NotSent):
    """Somebody else wrote first: what was to be done by this note was not done."""


class Notes(Protocol):
    """The notes of one partner, by keys that say nothing of anybody. An empty note is one that is not there."""

    async def held(self, key: str) -> bytes:
        """Return a note as it was last written, b'' when there is none."""

    async def all(self) -> Mapping[str, bytes]:
        """Return every note."""

    async def write(self, key: str, before: bytes, after: bytes) -> None:
        """Write `after` (b'': forget it) if the note is `before`, in one step; raise NoteChanged if it is not."""


@dataclass(slots=True)
class NotesInMemory:
    """Notes that end with the process: for a trial of a partner, where nothing is real."""

    notes: dict[str, bytes] = field(default_factory=dict, repr=False)

    async def held(self, key: str) -> bytes:
        """Return a note."""
        return self.notes.get(key, b"")

    async def all(self) -> Mapping[str, bytes]:
        """Return every note."""
        return dict(self.notes)

    async def write(self, key: str, before: bytes, after: bytes) -> None:
        """Write a note."""
        if self.notes.get(key, b"") != before:
            raise NoteChanged("the note is another by now")
        self.notes.pop(key, None)
        if after:
            self.notes[key] = after
