"""How documents to practices stand: those about a person, one that waits for replies, all of them at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from adapters.mesh_intent import Intent


class Opened(msgspec.Struct, array_like=True, frozen=True):
    """A document whose sending was begun. `state` stands for what it says of the plan, `made` is a FHIR instant.
    `replaces` is the reference of an earlier one. The order of fields is the stored form: append only."""

    reference: str
    state: bytes
    version: int
    replaces: str
    made: str


class Person(msgspec.Struct, array_like=True, frozen=True):
    """What the practice of a person was sent. `version` counts the documents that MESH took. `newest` is the last of
    them, None where there is none, or it was withdrawn; `failed` is the code by which it did not arrive."""

    version: int = 0
    newest: Opened | None = None
    opened: Opened | None = None
    failed: str = ""

    @property
    def filed(self) -> str:
        """The reference of the document that the practice should have, '' for none."""
        if self.newest is None:
            return ""
        return self.newest.replaces if self.failed else self.newest.reference


class Waiting(msgspec.Struct, array_like=True, frozen=True):
    """A document that MESH took. `message_id` is MESH's, '' where its answer was lost and a reply came all the same.
    `since` is a FHIR instant. `told`: a person was told that a reply is missing."""

    subject: str
    message_id: str
    since: str
    taken: bool = False
    known: bool = False
    failed: bool = False
    told: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing is waited for any more."""
        return self.failed or (self.taken and self.known)


@dataclass(frozen=True, slots=True)
class Known:
    """All notes at one moment. `opened` are the subjects of documents that are being sent, by reference; `newest` those
    of each person's newest."""

    waiting: Mapping[str, Waiting]
    opened: Mapping[str, str]
    newest: Mapping[str, str]
    intents: Mapping[str, Intent]

    def subject(self, reference: str) -> str:
        """Return whom a document is about, '' where it is not known."""
        waiting = self.waiting.get(reference)
        return waiting.subject if waiting else self.opened.get(reference) or self.newest.get(reference, "")
