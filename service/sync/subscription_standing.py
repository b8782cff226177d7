"""How FHIR Subscriptions stand, for whoever looks after traffic: whose, whether they are told, and what is to be done.

What a client asks about, and with which headers it is told, is not in here: that is sealed for the client alone. Of
the endpoint there is the host, which somebody has to ring. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from security.clock import parse_instant
from service.sync.notifying import OFF_AFTER
from service.sync.spans import lasting
from service.sync.subscribed import Kept

SHOWN_AFTER_OFF = timedelta(days=7)
"""For how long a Subscription that is off is still shown: its client may not have noticed."""


@dataclass(frozen=True, slots=True)
class SubscriptionStanding:
    """One Subscription at one moment. `updated` and `failing` are FHIR instants, '' for never."""

    id: str
    client: str
    organisation: str
    host: str
    status: str
    updated: str
    failing: str
    error: str
    now: datetime

    @property
    def need(self) -> str:
        """Say in a sentence what a person has to do something about; '' if nobody has to."""
        if self.status != "error":
            return ""
        if not self.failing:
            return "Its handshake was not taken: its client has to ask again."
        failing = self.now - parse_instant(self.failing)
        left = lasting(max(0.0, (OFF_AFTER - failing).total_seconds()))
        return f"Its endpoint has taken nothing for {lasting(failing.total_seconds())}. In {left} it is off."


def standings(kept: Iterable[Kept], now: datetime) -> list[SubscriptionStanding]:
    """Return how they stand: those that need somebody first, then by client; without those that are off for long."""
    found = [
        SubscriptionStanding(
            one.id,
            one.client,
            one.organisation,
            urlsplit(one.wish.endpoint).hostname or "",
            one.status,
            one.updated,
            one.failing,
            one.error,
            now,
        )
        for one in kept
        if one.live or now - parse_instant(one.updated) < SHOWN_AFTER_OFF
    ]
    return sorted(found, key=lambda one: (not one.need, one.status == "off", one.client, one.id))
