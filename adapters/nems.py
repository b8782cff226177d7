"""Events of NEMS out of a MESH mailbox: an adapter that tells of people.

What waits is listed at most every five minutes, as MESH wants it; what was listed and is not settled yet is offered
again in between. Of what lies in the mailbox only messages of the workflows that the description names are taken;
others are left where they are. A message that MESH cannot give whole is offered as one that cannot be read, and is not
acknowledged, so that it can be looked at there.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Collection, Sequence

from adapters.base import Arrived, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.errors import NotThere, Unintelligible
from adapters.look_again import Told
from adapters.mesh import Mailbox
from adapters.mesh_inbox import Inbox
from adapters.mesh_received import Kind, Received
from adapters.nems_event import place_of, read_event

AT_ONCE = 50
"""Messages that are collected before they are put in order and taken in: so many are in memory."""
_MOST_PAGES = 20
_BROKEN = "mesh-broken-"


class NemsAdapter:
    """One mailbox of events."""

    def __init__(self, mailbox: Mailbox, inbox: Inbox, workflows: Collection[str]) -> None:
        """`workflows` are the MESH workflow ids of the events that are taken."""
        self._mailbox = mailbox
        self._inbox = inbox
        self._workflows = frozenset(workflows)
        self._waiting: dict[str, None] = {}
        self._round: deque[str] = deque()
        self._left: set[str] = set()
        self._collected: dict[str, list[str]] = {}

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Nothing is given to a source of events."""
        nothing: tuple[Receipt, ...] = ()
        for receipt in nothing:
            yield receipt

    async def poll(self, cursor: str) -> Polled:
        """Return some of what waits, the oldest event first; there is more until all that was listed was offered."""
        await self._mailbox.validate()
        if not self._round:
            await self._list()
            self._round.extend(self._waiting)
        messages: dict[str, Message] = {}
        while self._round and len(messages) < AT_ONCE:
            waiting = self._round.popleft()  # if this fails it is among what waits, and so in the next round
            message = await self._collect(waiting)
            if message is not None:
                messages[message.id] = message
                self._collected.setdefault(message.id, [])
                if waiting not in self._collected[message.id]:
                    self._collected[message.id].append(waiting)
        ordered = sorted(messages.values(), key=lambda one: place_of(one.original))
        return Polled(ordered, cursor, more=bool(self._round))

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """An event carries nothing to be written."""
        raise Untranslatable("An event of NEMS tells of a person, and carries nothing of them.")

    def about(self, message: Message) -> Sequence[Told]:
        """Return of whom an event tells."""
        if message.id.startswith(_BROKEN):
            raise Untranslatable("MESH could not give this message whole. It lies in the mailbox still.")
        return read_event(message.original).told

    async def settled(self, message: Message) -> None:
        """Let MESH delete the event. One that MESH cannot give whole stays there, and is offered when it is listed
        again."""
        for waiting in list(self._collected.get(message.id, ())):
            if not message.id.startswith(_BROKEN):
                await self._inbox.acknowledge(waiting)
            self._waiting.pop(waiting, None)
        self._collected.pop(message.id, None)

    async def close(self) -> None:
        """Let go of connections."""
        await self._mailbox.close()

    async def _list(self) -> None:
        page = await self._inbox.waiting(workflow=self._filter())
        if not page.asked:
            return
        ids = list(page.ids)
        for _ in range(_MOST_PAGES):
            if not page.more:
                break
            page = await self._inbox.waiting(workflow=self._filter(), following=page.more)
            ids += page.ids
        self._left &= set(ids)
        self._waiting = dict.fromkeys(one for one in ids if one not in self._left)

    def _filter(self) -> str:
        """Return MESH's filter: it has one for a single workflow, and none for several."""
        return next(iter(self._workflows)) if len(self._workflows) == 1 else ""

    async def _collect(self, waiting: str) -> Message | None:
        try:
            received = await self._inbox.collect(waiting)
        except NotThere:
            self._waiting.pop(waiting, None)
            return None
        except Unintelligible:
            return Message(f"{_BROKEN}{waiting}", b"")
        if received.kind is not Kind.DATA or received.workflow not in self._workflows:
            self._left.add(waiting)
            self._waiting.pop(waiting, None)
            return None
        return message_of(received)


def message_of(received: Received) -> Message:
    """Return a message of MESH as an event: known by the Bundle's id and its content, else by MESH's own id."""
    content = received.content
    try:
        event = read_event(content)
    except Untranslatable:
        return Message(f"mesh-{received.id}", content)
    if not event.id:
        return Message(f"mesh-{received.id}", content, event.told[0].sent)
    said = f"{event.id}|".encode() + content
    return Message(f"event-{hashlib.sha256(said).hexdigest()}", content, event.told[0].sent)
