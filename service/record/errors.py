"""Facts that stop a use case. None of them knows HTTP, none repeats what was sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_profiles.issues import Issue


class Problem(Exception):
    """Root of everything that ends a use case without its result.

    Problem
     +- Unparseable          the body is not the JSON that was promised
     +- InvalidContent       resources or references break rules; carries every issue
     +- NotHere              absent, or not for this caller: the two look the same
     +- Gone                 the caller may know it, and it was deleted
     +- NotAllowedToWrite    the caller may not write this section, or not without a clinician
     +- PreconditionMissing  an update without If-Match
     +- VersionConflict      somebody changed the resource since the caller read it
     +- RivalDecision        an active decision of the same kind is not named
     +- EmergencyViewCloses  crews would see less, and nobody says that the person knows
     +- ManyMatches          a condition fits more than one
     +- RepeatedKey          an Idempotency-Key came back with another request
     +- TooLarge             over a limit of size or number
     +- TooBusy              the record kept changing under 64 tries
     +- Unavailable          the service cannot answer now
     +- InvalidSearch        a search parameter is not known or cannot be read
     +- Unanswerable         a search that nothing here can answer; says what would
     +- NotAsGiven           an answer of the past that cannot be made again as it was; says why
    """


@dataclass(eq=False)
class Unparseable(Problem):
    """The body is not the JSON that was promised."""

    issues: list[Issue]


@dataclass(eq=False)
class InvalidContent(Problem):
    """Every problem of the request, with FHIRPath expressions."""

    issues: list[Issue]


class NotHere(Problem):
    """Absent, or not for this caller."""


class Gone(Problem):
    """Deleted; only told to somebody who could have read it."""


@dataclass(eq=False)
class NotAllowedToWrite(Problem):
    """The caller may read, but not write what it sent; one issue per place (rule 5.9)."""

    issues: list[Issue]


class PreconditionMissing(Problem):
    """An update of an existing resource needs If-Match."""


@dataclass(eq=False)
class VersionConflict(Problem):
    """The named version is not the current one. `changed` are element names, `kept_as` the id of the refused text.

    `when`, `organisation` and `person` are empty for a writer who may not read the resource.
    """

    reference: str
    named: int
    current: int
    when: str = ""
    organisation: str = ""
    person: str = ""
    changed: list[str] = field(default_factory=list)
    kept_as: str = ""


@dataclass(eq=False)
class RivalDecision(Problem):
    """Active decisions of the same kind that the new one does not name."""

    expression: str
    rivals: list[str]


@dataclass(eq=False)
class EmergencyViewCloses(Problem):
    """Crews and 111 would no longer see these sections, and no confirmation says that the person knows (5.3)."""

    expression: str
    sections: list[str]


class ManyMatches(Problem):
    """A condition fits more than one resource."""


class RepeatedKey(Problem):
    """The Idempotency-Key was used for another request."""


@dataclass(eq=False)
class TooLarge(Problem):
    """Over a limit; `what` is a plain sentence that names the limit."""

    what: str


class TooBusy(Problem):
    """Every try lost to other writers of the record."""


@dataclass(eq=False)
class Unanswerable(Problem):
    """A search that names nothing the service can look up; `would_do` lists parameters that make one answerable."""

    would_do: tuple[str, ...]


@dataclass(eq=False)
class InvalidSearch(Problem):
    """A search parameter is not known or cannot be read; `sentence` repeats no value."""

    sentence: str


class Unavailable(Problem):
    """The service cannot answer now."""


class RecordBroken(Exception):
    """What is stored contradicts itself; nothing of it is shown. The sentence names no person."""


@dataclass(eq=False)
class NotAsGiven(Problem):
    """What was given at a past time cannot be made again exactly, so nothing is shown; `why` is a sentence."""

    why: str
