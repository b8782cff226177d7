"""Events of MNS out of an SQS queue: an adapter that tells of people.

Each event is taken once for its `source` and `id` (CloudEvents), however often the queue delivers it. Deleted from the
queue is what was settled, by every receipt that it came with; what was not settled comes again by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence

from adapters.base import Arrived, Message, Parcel, Polled, Receipt, Untranslatable
from adapters.errors import OutsideError
from adapters.look_again import Told
from adapters.mns_event import place_of, read_event
from adapters.mns_subscription import Subscribing
from adapters.sqs import MOST_AT_ONCE, Queue, Waiting

_MOST_RECEIPTS = 10_000
_MOST_OF_ONE = 9


class MnsAdapter:
    """One queue of events."""

    def __init__(self, queue: Queue, subscribing: Subscribing | None) -> None:
        """Without `subscribing` somebody else sees to it that events come."""
        self._queue = queue
        self._subscribing = subscribing
        self._subscribed = False
        self._receipts: dict[str, list[str]] = {}

    async def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Nothing is given to a source of events."""
        nothing: tuple[Receipt, ...] = ()
        for receipt in nothing:
            yield receipt

    async def poll(self, cursor: str) -> Polled:
        """Return what came, the oldest first; there may be more while an answer was full.

        What is in the queue is taken also while MNS cannot be asked for events: that is told when there is nothing.
        """
        refused = await self._subscribe()
        found = await self._queue.receive()
        if refused is not None and not found:
            raise refused
        messages = {message.id: message for message in map(self._message, found)}
        ordered = sorted(messages.values(), key=lambda one: place_of(one.original))
        return Polled(ordered, cursor, more=len(found) == MOST_AT_ONCE)

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """An event carries nothing to be written."""
        raise Untranslatable("An event of MNS tells of a person, and carries nothing of them.")

    def about(self, message: Message) -> Sequence[Told]:
        """Return of whom an event tells."""
        return (read_event(message.original).told,)

    async def settled(self, message: Message) -> None:
        """Delete the event from the queue."""
        for receipt in self._receipts.get(message.id, ()):
            await self._queue.delete(receipt)
        self._receipts.pop(message.id, None)

    async def close(self) -> None:
        """Let go of connections."""
        await self._queue.close()
        if self._subscribing is not None:
            await self._subscribing.http.close()

    async def _subscribe(self) -> OutsideError | None:
        """Ask for events, until that was done once; return what came of it where it was not."""
        if self._subscribing is None or self._subscribed:
            return None
        try:
            await self._subscribing.ensure()
        except OutsideError as error:
            return error
        self._subscribed = True
        return None

    def _message(self, waiting: Waiting) -> Message:
        message = message_of(waiting)
        # more than one, because an event may be in the queue twice; the oldest lapsed long ago
        self._receipts[message.id] = [*self._receipts.get(message.id, [])[-_MOST_OF_ONE:], waiting.receipt]
        while len(self._receipts) > _MOST_RECEIPTS:
            del self._receipts[next(iter(self._receipts))]  # it comes again, with another receipt
        return message


def message_of(waiting: Waiting) -> Message:
    """Return a message of the queue as an event: known by source, id and content, else by the queue's own id."""
    try:
        event = read_event(waiting.body)
    except Untranslatable:
        return Message(f"sqs-{waiting.id}", waiting.body)
    if not event.id:
        return Message(f"sqs-{waiting.id}", waiting.body, event.told.sent)
    said = f"{event.source}|{event.id}|".encode() + waiting.body
    return Message(f"event-{hashlib.sha256(said).hexdigest()}", waiting.body, event.told.sent)
