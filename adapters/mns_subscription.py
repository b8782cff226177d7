"""Asking MNS for events: one FHIR Subscription for each type, asked for until MNS has it.

POST of a Subscription (FHIR R4) with status `requested`; 201, or 200 in its sandbox, is a new one, 409 one that is
there already, which is what is wanted. That it was asked for is noted by what was asked, so that a start asks again
only after the description changed. MNS keeps a Subscription until somebody there ends it.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from adapters.answers import refuse
from adapters.http import HttpClient
from adapters.notes import NoteChanged, Notes

PATH = "/multicast-notification-service/subscriptions"
_ACCEPTED = frozenset({200, 201, 409})
_ASKED = b"asked"


@dataclass(frozen=True, slots=True)
class Subscribing:
    """Asks for events. `endpoint` is where they go: the queue's ARN."""

    http: HttpClient
    base: str
    endpoint: str
    events: Sequence[str]
    reason: str
    notes: Notes = field(repr=False)
    within: float

    async def ensure(self) -> None:
        """Ask for every type that was not asked for yet. May be repeated; raise an OutsideError."""
        for event in self.events:
            key = self._key(event)
            if await self.notes.held(key):
                continue
            await self._ask(event)
            try:
                await self.notes.write(key, b"", _ASKED)
            except NoteChanged:
                continue  # another process asked for the same

    async def _ask(self, event: str) -> None:
        headers = {
            "Content-Type": "application/fhir+json",
            "Accept": "application/fhir+json",
            "X-Correlation-ID": str(uuid.uuid4()),
            "X-Request-ID": str(uuid.uuid4()),
        }
        body = msgspec.json.encode(subscription(event, self.endpoint, self.reason))
        answer = await self.http.send("POST", f"{self.base}{PATH}", headers=headers, content=body, within=self.within)
        if answer.status not in _ACCEPTED:
            refuse(answer)

    def _key(self, event: str) -> str:
        said = "|".join((self.base, self.endpoint, event))
        return f"subscription.{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def subscription(event: str, endpoint: str, reason: str) -> dict[str, object]:
    """Return the Subscription for one type of event."""
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": reason,
        "criteria": f"eventType={event}",
        "channel": {"type": "message", "endpoint": endpoint, "payload": "application/json"},
    }
