"""Whether a commit may concern a Subscription: the subscriber beside that of partners. Pure but for what is known.

One delivery for each commit, whoever is concerned: who that is, is worked out by the one process that serves them
(`service.sync.fan_out`), for a commit must not become larger with every client that wants to hear of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from security.clock import Clock, instant
from service.record.subscribers import Committing
from service.store.port import Delivery
from service.sync.causes import cause_of
from service.sync.due import SUBSCRIPTIONS, Due, Dues
from service.sync.subscribed import KnownSubscriptions


@dataclass(frozen=True, slots=True)
class SubscriptionsTold:
    """Says that there is something to fan out."""

    known: KnownSubscriptions
    dues: Dues
    clock: Clock

    def __call__(self, committing: Committing) -> Iterator[Delivery]:
        """Return a delivery if anybody may be concerned, before or after the commit."""
        changed = tuple(entry.reference for entry in committing.changed)
        if changed and self.known.concern(committing.before, committing.after):
            after = committing.after
            due = Due(
                SUBSCRIPTIONS, after.record_id, after.sequence, cause_of(committing), instant(self.clock()), changed
            )
            yield self.dues.delivery(due)
