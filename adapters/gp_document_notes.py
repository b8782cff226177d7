"""What is remembered of documents to practices: what each person's practice was sent last, and what waits for replies.

    person.<subject>       the newest document about a person, and the one that is being sent
    waiting.<reference>    a document that MESH took, until both replies are there
    intent.<reference>     how far its sending came (`mesh_intent`), until it is one that waits

A document is opened before anything is sent, and stays open until it is known that MESH has it, or does not have it: so
a crash anywhere neither loses one nor sends one twice. Keys are keyed ids and random-looking UUIDs; no note names
anybody or says what a document says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from adapters.gp_document_state import Known, Opened, Person, Waiting
from adapters.mesh_intent import Intent, Step
from adapters.mesh_intent_notes import PREFIX as INTENT
from adapters.mesh_intent_notes import IntentNotes
from adapters.notes import NoteChanged, Notes
from security.clock import parse_instant

PERSON, WAITING = "person.", "waiting."
_TRIES = 5
_SURELY_OVER = timedelta(hours=1)


_encode = msgspec.msgpack.Encoder().encode
_person = msgspec.msgpack.Decoder(Person).decode
_waiting = msgspec.msgpack.Decoder(Waiting).decode
_intent = msgspec.msgpack.Decoder(Intent).decode
T = TypeVar("T", Person, Waiting)


@dataclass(slots=True)
class DocumentNotes:
    """Reads and changes them. Of one adapter one hand at a time moves on what is sent; where the reader of a shared
    mailbox hears of a document in the moment in which another partner's adapter notes that it was sent, what is settled
    may wait again, and a person be told for nothing: better so than the other way round."""

    notes: Notes = field(repr=False)
    intents: IntentNotes = field(init=False)
    _hand: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.intents = IntentNotes(self.notes)

    async def person(self, subject: str) -> Person:
        """Return what is known of a person's documents."""
        written = await self.notes.held(PERSON + subject)
        return _person(written) if written else Person()

    async def waiting(self, reference: str) -> Waiting | None:
        """Return what waits for replies to a document."""
        written = await self.notes.held(WAITING + reference)
        return _waiting(written) if written else None

    async def known(self) -> Known:
        """Return everything."""
        every = await self.notes.all()
        persons = {key.removeprefix(PERSON): _person(one) for key, one in every.items() if key.startswith(PERSON)}
        return Known(
            waiting={key.removeprefix(WAITING): _waiting(one) for key, one in every.items() if key.startswith(WAITING)},
            opened={one.opened.reference: subject for subject, one in persons.items() if one.opened},
            newest={one.newest.reference: subject for subject, one in persons.items() if one.newest},
            intents={key.removeprefix(INTENT): _intent(one) for key, one in every.items() if key.startswith(INTENT)},
        )

    async def open(self, subject: str, opened: Opened) -> Person:
        """Write down that a document is about to be sent."""
        return await self._change_person(subject, lambda person: msgspec.structs.replace(person, opened=opened))

    async def drop(self, subject: str, reference: str) -> Person:
        """Write down that MESH does not have an open document, and will not get it."""
        async with self._hand:
            person = await self._change_person(subject, lambda one: _without(one, reference))
            await self.intents.forget(reference)
            return person

    async def withdraw(self, subject: str) -> None:
        """Write down that what the practice has of a person is not known any more: people see to its removal."""
        if (await self.person(subject)).newest is not None:
            await self._change_person(subject, lambda one: msgspec.structs.replace(one, newest=None, failed=""))

    async def sent(self, subject: str, reference: str, message_id: str, now: str) -> Person:
        """Write down that MESH has an open document: it waits for replies. Again it changes nothing."""
        async with self._hand:
            return await self._sent(subject, reference, message_id, now)

    async def heard(self, reference: str, subject: str, now: str, edit: Callable[[Waiting], Waiting]) -> None:
        """Change what waits by what was heard about it, which shows that MESH has it, if that was open."""
        async with self._hand:
            intent = await self.intents.held(reference)
            await self._sent(subject, reference, intent.message_id if intent else "", now)
            if await self.notes.held(WAITING + reference):
                await self._change_waiting(reference, edit)

    async def failed(self, reference: str, subject: str, code: str) -> None:
        """Write down that a document did not arrive, and will not."""

        def edit(person: Person) -> Person:
            is_newest = person.newest is not None and person.newest.reference == reference
            return msgspec.structs.replace(person, failed=code) if is_newest else person

        await self._change_person(subject, edit)

    async def forget(self, reference: str) -> None:
        """Forget what waits for nothing any more."""
        written = await self.notes.held(WAITING + reference)
        if written:
            await self.notes.write(WAITING + reference, written, b"")

    async def tidy(self, known: Known, mentioned: frozenset[str], now: datetime) -> None:
        """Forget what a crash left behind: what is settled and is not in the inbox, intents that nothing needs.

        Notes are not read in one moment, so an intent of which no person is known may be one that is being sent now.
        """
        for reference, waiting in known.waiting.items():
            if waiting.settled and not waiting.told and reference not in mentioned:
                await self.forget(reference)
        for reference, intent in known.intents.items():
            is_old = now - parse_instant(intent.begun) > _SURELY_OVER
            if is_old and intent.step is Step.SENT and reference not in known.opened:
                await self.intents.forget(reference)

    async def _sent(self, subject: str, reference: str, message_id: str, now: str) -> Person:
        person = await self.person(subject)
        opened = person.opened
        if opened is None or opened.reference != reference:
            return person
        # what waits first, then the person, then the intent: what is written twice is written the same
        if not await self.notes.held(WAITING + reference):
            await self.notes.write(WAITING + reference, b"", _encode(Waiting(subject, message_id, now)))
        taken = Person(version=opened.version, newest=opened)
        person = await self._change_person(subject, lambda one: taken if one.opened == opened else one)
        await self.intents.forget(reference)
        return person

    async def _change_person(self, subject: str, edit: Callable[[Person], Person]) -> Person:
        return await self._change(PERSON + subject, lambda one: _person(one) if one else Person(), edit)

    async def _change_waiting(self, reference: str, edit: Callable[[Waiting], Waiting]) -> Waiting:
        return await self._change(WAITING + reference, _waiting, edit)

    async def _change(self, key: str, decode: Callable[[bytes], T], edit: Callable[[T], T]) -> T:
        for attempt in range(_TRIES):
            before = await self.notes.held(key)
            after = edit(decode(before))
            try:
                if _encode(after) != before:
                    await self.notes.write(key, before, _encode(after))
                return after
            except NoteChanged:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("a loop that always returns or raises")


def _without(person: Person, reference: str) -> Person:
    is_it = person.opened is not None and person.opened.reference == reference
    return msgspec.structs.replace(person, opened=None) if is_it else person
