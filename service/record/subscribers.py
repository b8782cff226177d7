"""Who else is to hear of a change: asked before each commit, so that a change and its deliveries are durable together.

`WriteRecord` asks every subscriber inside every try, with the record as it is opened in that try; when the
compare-and-set is lost it asks again on the fresh record, and nothing of what was said before is kept. A repeated
request that is answered from memory commits nothing, so nobody is asked. A subscriber that raises stops the write:
nothing is committed, and the caller gets a 500. A change that went in without its deliveries would never be sent.

Deliveries come of persons' records alone: of changes, deletions, and an organisation that takes a person on. Entries of
the shared directory belong to no person and have no lane. Incident registers say who attends whom now; what begins
there is due to the control room of who attends alone (`IncidentRegister.begun`), and asks nobody here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from service.record.manifest import Author, Entry
from service.record.records import NewState, OpenRecord
from service.store.port import Delivery


@dataclass(frozen=True, slots=True)
class Committing:
    """One commit of a person's record that is about to be made; what a lost race makes of it is never seen.

    `before` has sequence 0 when the commit makes the record; `after` carries the sequence of this commit. Both are
    there because what ends matters as much as what begins: a consent withdrawn, a decision revoked, a relationship
    over, a death. `changed` are the entries as this commit leaves them, in the order of the request, deleted ones
    included; empty when an organisation only takes the person on. `author` wrote it, and need not hear of it again.
    """

    before: OpenRecord
    after: OpenRecord
    changed: tuple[Entry, ...]
    author: Author


class Subscriber(Protocol):
    """Says what a commit shall carry. Pure: no I/O, no clock, and it changes nothing of what it is given.

    A delivery names the record, the commit and the versions that it tells of, in sealed bytes, and no content: whether
    a partner may have that is decided again when it is sent, and it is read again then. One for each partner is enough,
    and a commit has to carry all of them in one document of MongoDB, next to the record itself. Its lane is a keyed
    hash of one person and one partner; within a lane the order of commits is that of the ids, and one commit's
    deliveries stand in the order in which they are returned. What may overtake others (a revocation, a withdrawal, a
    death) has to be told in the sealed bytes, for the store knows of no urgency.
    """

    def __call__(self, committing: Committing) -> Iterable[Delivery]:
        """Return the deliveries that this commit causes; none is the usual answer."""


Subscribers = tuple[Subscriber, ...]


def deliveries_of(
    subscribers: Subscribers, record: OpenRecord, state: NewState, references: Iterable[str], author: Author
) -> tuple[Delivery, ...]:
    """Return the deliveries of a commit that makes `state` of `record` by changing the resources at `references`."""
    if not subscribers:
        return ()
    after = record.becoming(state)
    committing = Committing(record, after, tuple(after.entries[reference] for reference in references), author)
    return tuple(delivery for subscriber in subscribers for delivery in subscriber(committing))
