"""Intents of MESH messages (`adapters.mesh_intent`), kept among a partner's notes: they outlive a crash, sealed."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from adapters.mesh_intent import Intent, Overtaken
from adapters.notes import NoteChanged, Notes

PREFIX = "intent."
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Intent).decode


@dataclass(frozen=True, slots=True)
class IntentNotes:
    """Implements `adapters.mesh_intent.Intents`."""

    notes: Notes = field(repr=False)

    async def held(self, key: str) -> Intent | None:
        """Return the intent of a key, as it was last written."""
        written = await self.notes.held(PREFIX + key)
        return _decode(written) if written else None

    async def advance(self, before: Intent | None, after: Intent) -> None:
        """Write `after` if what is held of its key is `before`; raise Overtaken if it is not."""
        try:
            await self.notes.write(PREFIX + after.key, _encode(before) if before else b"", _encode(after))
        except NoteChanged:
            raise Overtaken("another sending of the same message wrote first") from None

    async def forget(self, key: str) -> None:
        """Forget an intent that nothing depends on any more: the message is there, and known to be so elsewhere."""
        written = await self.notes.held(PREFIX + key)
        if written:
            await self.notes.write(PREFIX + key, written, b"")
