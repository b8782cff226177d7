"""Keeping one pointer for one plan: made, replaced, updated or deleted, and never two, whatever is lost on the way.

A create at NRL is not idempotent: sent again after a lost answer it makes a second pointer, and a crew sees two plans.
So before anything is sent it is written down that it may have been (a note, which outlives a crash), and nothing is
created while that is so before a search, by subject, type and custodian, has shown what is there. One pointer of ours
is adopted, further ones are deleted.

    note                 what is known
    none                 nothing was sent of this person; a search before the first create, for a store restored
    digest               the pointer is there, and says what the digest stands for
    no digest            something was sent and not confirmed: look first

A pointer's URL moves with the settings. Then a new one takes the place of the old (`relatesTo` replaces); what NRL lets
nobody change (subject, type, custodian) is deleted and made again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from adapters.errors import ContentRefused, NotThere
from adapters.notes import Notes
from adapters.nrl_client import NrlClient
from adapters.nrl_pointer import Found, Place, Pointer, is_as

_ROUNDS = 3
"""How often what was found may be gone before it is changed."""


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """What is known of the pointer to one plan. `urls` are those that it may have, `created` is when it was made.

    `digest` is that of what it says, b'' where that is not known, nor whether it is there; then `id` is nothing.
    The order of fields is the stored form: append only, with a default.
    """

    number: str
    organisation: str
    type: str
    urls: tuple[str, ...]
    created: str = ""
    id: str = ""
    digest: bytes = b""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.number, self.organisation, self.type)

    @property
    def is_sure(self) -> bool:
        """Whether nothing was sent that was not confirmed."""
        return bool(self.digest)

    @property
    def in_doubt(self) -> Kept:
        """The same from the moment something is about to be sent."""
        return msgspec.structs.replace(self, id="", digest=b"")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Kept).decode


@dataclass(frozen=True, slots=True)
class _There:
    """A pointer that is there: whether it has the URL that it shall have, and whether it says what it shall."""

    id: str
    created: str
    in_place: bool
    as_wanted: bool = False


@dataclass(slots=True)
class Keeping:
    """Brings NRL to one pointer, or none, for the plan that `subject` stands for."""

    notes: Notes
    client: NrlClient
    subject: str
    _written: bytes = field(default=b"", repr=False)
    """The note as it lies there."""

    async def keep(self, pointer: Pointer | None) -> None:
        """Let exactly this pointer be there, or none. May be called again after any failure."""
        self._written = await self.notes.held(self.subject)
        kept = _decode(self._written) if self._written else None
        if kept is not None and (pointer is None or kept.place != pointer.place):
            await self._remove(kept)
            kept = None
        if pointer is not None and (kept is None or kept.digest != pointer.digest):
            await self._bring(kept, pointer)

    async def _remove(self, kept: Kept) -> None:
        await self._write(kept.in_doubt)
        ids = [kept.id] if kept.is_sure else [one.id for one in await self._look(kept)]
        for id in ids:
            await self.client.delete(id, kept.organisation)
        await self._write(None)

    async def _bring(self, kept: Kept | None, pointer: Pointer) -> None:
        place = pointer.place
        urls = {pointer.url} | set(kept.urls if kept is not None else ())
        doubt = Kept(place.number, place.organisation, place.type, tuple(sorted(urls)))
        await self._write(doubt)
        if kept is not None and kept.is_sure:
            there: _There | None = _There(kept.id, kept.created, pointer.url in kept.urls)
        else:
            there = await self._one(doubt, pointer)
        was_there = there is not None
        there = await self._change(there, doubt, pointer)
        if kept is not None and not kept.is_sure and not was_there:
            # What was sent before may have arrived after the search: then there are two by now.
            await self._one(doubt, pointer, prefer=there.id)
        sure = msgspec.structs.replace(doubt, urls=(pointer.url,), created=there.created)
        await self._write(msgspec.structs.replace(sure, id=there.id, digest=pointer.digest))

    async def _change(self, there: _There | None, doubt: Kept, pointer: Pointer) -> _There:
        """Bring what is there to what shall be, looking again when it is gone meanwhile; return what is there then."""
        for _ in range(_ROUNDS):
            if there is None:
                return _There(await self.client.create(pointer), pointer.created, in_place=True)
            if there.as_wanted:
                return there
            try:
                if there.in_place:
                    await self.client.update(there.id, pointer, there.created)
                    return there
                return _There(await self.client.replace(there.id, pointer), pointer.created, in_place=True)
            except (NotThere, ContentRefused):
                # A replacement whose target is gone is refused like any bad content: what is there decides.
                again = await self._one(doubt, pointer)
                if again is not None and again.id == there.id:
                    raise
                there = again
        raise NotThere

    async def _one(self, doubt: Kept, pointer: Pointer, prefer: str = "") -> _There | None:
        """Look for what is ours; leave one of several, and return it."""
        found = await self._look(doubt)
        if not found:
            return None
        best = max(found, key=lambda one: (one.id == prefer, is_as(one, pointer), one.updated, one.id))
        for one in found:
            if one.id != best.id:
                await self.client.delete(one.id, doubt.organisation)
        return _There(best.id, best.created, best.url == pointer.url, is_as(best, pointer))

    async def _look(self, kept: Kept) -> list[Found]:
        return await self.client.ours(kept.place, frozenset(kept.urls))

    async def _write(self, kept: Kept | None) -> None:
        after = _encode(kept) if kept is not None else b""
        if after != self._written:
            await self.notes.write(self.subject, self._written, after)
            self._written = after
