"""The seam of sources that tell of people: that there may be something new about somebody, and nothing more.

National event services say that a person died, moved or changed practice. What they say is not taken in: the person is
read again where the truth is kept (PDS), and that is applied. So such a source has no resources of its own
(`Adapter.arrived` has nothing to return), and a message of it is done when what it told of was looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from adapters.base import Message
from adapters.partners import Partner


class Said(StrEnum):
    """What an event says happened: compared with what PDS says afterwards, and never believed."""

    DEATH = "death"
    DEATH_REMOVED = "death-removed"
    """They are not dead after all: the notification was an error (status `U`)."""
    DEATH_STATUS = "death-status"
    """One of the two above; the event does not say which."""
    OTHER = "other"
    """Anything that PDS alone can tell: practice, address, number, another change."""


@dataclass(frozen=True, slots=True)
class Told:
    """That a person is to be looked at again.

    `nhs_number` has the right form, and that is all that is known of it. `version` is the version of PDS's record (its
    serial change number) that the event was made from, None where it does not say. `sent` is when that change was made
    (FHIR instant), '' where it does not say. `birth_date` is the event's (FHIR date), '' where it has none: to notice
    that somebody else is meant.
    """

    nhs_number: str = field(repr=False)
    said: Said
    version: int | None = None
    sent: str = ""
    birth_date: str = field(default="", repr=False)


@runtime_checkable
class TellsOfPeople(Protocol):
    """An adapter whose messages tell of people."""

    def about(self, message: Message) -> Sequence[Told]:
        """Return of whom a message tells; raise Untranslatable. Pure, as `Adapter.arrived` is."""


def only_sends(partner: Partner) -> Iterator[str]:
    """Yield what is wrong with the description of a source of events, whichever it is."""
    one = partner.description
    if not one.sends or one.gets:
        yield "`sends` is true and `gets` is false: a source of events is given nothing"
    if one.mapping or one.person:
        yield "`mapping` and `person` are not for this kind: what PDS says is applied, nothing else"
