"""Keeping one pointer for one plan: made, replaced, updated or deleted, and never two, whatever is lost on the way.

A create at NRL is not idempotent: sent again after a lost answer it makes a second pointer, and a crew sees two plans.
So before anything is sent it is written down that it may have been (a note, which outlives a crash), and while that is
not known nothing is created before a search, by subject, type and custodian, has shown what is there. One pointer of
ours is adopted, further ones are deleted.

    no note              nothing was sent: one search before the first create, for a store that was restored
    note, `since` ''     the pointer is there, and says what the digest stands for
    note with `since`    something was sent then and not answered: look first

What was sent and not answered may still arrive. So what is to be there is brought about at once, but confirmed only by
a look that is `SETTLED_AFTER` later than the last such request; until then giving the parcel ends as Unreachable.

A pointer's URL moves with the settings. Then a new one takes the place of the old (`relatesTo` replaces); what NRL lets
nobody change (subject, type, custodian) is deleted and made again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

import msgspec

from adapters.errors import ContentRefused, NotAuthorised, NotSent, NotThere, OutsideError, Refused, Unreachable
from adapters.notes import Notes
from adapters.nrl_client import NrlClient
from adapters.nrl_pointer import Found, Place, Pointer, is_as
from security.clock import Clock, instant, parse_instant

SETTLED_AFTER = timedelta(seconds=60)
"""Longer than anything between NRL and us holds a request."""
_ROUNDS = 3
"""How often what was found may be gone before it is changed."""
_Made = TypeVar("_Made")


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """What is known of the pointer to one plan. `urls` are those that it may have, `created` is when it was made.

    `since` is when the last request was sent that was not answered (FHIR instant), '' for none; while there is one,
    `id` and `digest`, that of what the pointer says, are not known.
    The order of fields is the stored form: append only, with a default.
    """

    number: str
    organisation: str
    type: str
    urls: tuple[str, ...]
    created: str = ""
    id: str = ""
    digest: bytes = b""
    since: str = ""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.number, self.organisation, self.type)


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
    clock: Clock
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
        settled = self._is_settled(kept)
        for id in [one.id for one in await self._look(kept)] if kept.since else [kept.id]:
            await self._effect(kept, partial(self.client.delete, id, kept.organisation))
        if not settled:
            raise Unreachable("what was sent before may still arrive")
        await self._write(None)

    async def _bring(self, kept: Kept | None, pointer: Pointer) -> None:
        settled = kept is None or self._is_settled(kept)
        place = pointer.place
        urls = {pointer.url} | set(kept.urls if kept is not None else ())
        since = kept.since if kept is not None else ""
        doubt = Kept(place.number, place.organisation, place.type, tuple(sorted(urls)), since=since)
        if kept is None or kept.since:
            there = await self._one(doubt, pointer)
        else:
            there = _There(kept.id, kept.created, pointer.url in kept.urls)
        there = await self._change(there, doubt, pointer)
        if not settled:
            raise Unreachable("what was sent before may still arrive")
        sure = msgspec.structs.replace(doubt, urls=(pointer.url,), created=there.created, since="")
        await self._write(msgspec.structs.replace(sure, id=there.id, digest=pointer.digest))

    async def _change(self, there: _There | None, doubt: Kept, pointer: Pointer) -> _There:
        """Bring what is there to what shall be, looking again when it is gone meanwhile; return what is there then."""
        for _ in range(_ROUNDS):
            if there is None:
                made = await self._effect(doubt, partial(self.client.create, pointer))
                return _There(made, pointer.created, in_place=True)
            if there.as_wanted:
                return there
            try:
                if there.in_place:
                    await self._effect(doubt, partial(self.client.update, there.id, pointer, there.created))
                    return there
                made = await self._effect(doubt, partial(self.client.replace, there.id, pointer))
                return _There(made, pointer.created, in_place=True)
            except (NotThere, ContentRefused):
                # A replacement whose target is gone is refused like any bad content: what is there decides.
                again = await self._one(doubt, pointer)
                if again is not None and again.id == there.id:
                    raise
                there = again
        raise NotThere

    async def _one(self, doubt: Kept, pointer: Pointer) -> _There | None:
        """Look for what is ours; leave one of several, and return it."""
        found = await self._look(doubt)
        if not found:
            return None
        best = max(found, key=lambda one: (is_as(one, pointer), one.updated, one.id))
        for one in found:
            if one.id != best.id:
                await self._effect(doubt, partial(self.client.delete, one.id, doubt.organisation))
        return _There(best.id, best.created, best.url == pointer.url, is_as(best, pointer))

    async def _look(self, kept: Kept) -> list[Found]:
        return await self.client.ours(kept.place, frozenset(kept.urls))

    async def _effect(self, kept: Kept, request: Callable[[], Awaitable[_Made]]) -> _Made:
        """Write down that a request may change something, and send it."""
        before = self._written
        await self._note(_encode(msgspec.structs.replace(kept, id="", digest=b"", since=instant(self.clock()))))
        try:
            return await request()
        except OutsideError as error:
            if _changed_nothing(error):
                await self._note(before)
            raise

    def _is_settled(self, kept: Kept) -> bool:
        """Say whether nothing that was sent can still arrive. A clock that was set back does not hold it for ever."""
        return not kept.since or abs(self.clock() - parse_instant(kept.since)) >= SETTLED_AFTER

    async def _write(self, kept: Kept | None) -> None:
        await self._note(_encode(kept) if kept is not None else b"")

    async def _note(self, after: bytes) -> None:
        if after != self._written:
            await self.notes.write(self.subject, self._written, after)
            self._written = after


def _changed_nothing(error: OutsideError) -> bool:
    """Say whether it is known that the request took no effect: never sent, or refused for what it was."""
    if isinstance(error, NotSent | NotAuthorised):
        return True
    return isinstance(error, Refused) and 400 <= error.status < 500 and error.status != 408
