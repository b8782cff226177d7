"""The one seam between the sync engine and outside systems: what is given to a partner, and what comes from one.

The engine decides what a partner shall hold of a person, in which order and when, and remembers what the partner
confirmed. An adapter carries that over, in the partner's protocol and dialect, and knows nothing of records, consent
or time-tables. It may be called again with what it did already, after a crash or a lost answer: doing it twice must
have the effect of doing it once (`Parcel.key`, and how the partner's protocol makes that so).

Failures are the facts of `adapters.errors`; what the engine makes of each is in `service.sync.retry`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import msgspec

Resource = dict[str, Any]


class Cause(StrEnum):
    """Why something is sent, by which it is ordered (`rank`)."""

    CHANGE = "change"
    DECISION = "decision"
    """A decision about CPR, treatment escalation or an advance refusal was made or changed."""
    REVOCATION = "revocation"
    """Such a decision was revoked, ended or deleted."""
    WITHDRAWAL = "withdrawal"
    """What may be shared, or with whom, is not what it was: it may be less."""
    DEATH = "death"
    """The person died, or is known not to have died after all."""
    NOTICE = "notice"
    """Nothing of the plan changed: the person is to be told of something (`adapters.notice`)."""
    INCIDENT = "incident"
    """Nothing of the plan changed: an incident was opened, and who attends may be told the answer."""

    @property
    def urgent(self) -> bool:
        """Whether it overtakes everything else (architecture, section 6)."""
        return self in (Cause.REVOCATION, Cause.WITHDRAWAL, Cause.DEATH, Cause.INCIDENT)

    @property
    def rank(self) -> int:
        """What goes first: 0 what overtakes everything, 1 decisions, 2 the rest."""
        return 0 if self.urgent else 1 if self is Cause.DECISION else 2


class HeldThere(msgspec.Struct, array_like=True, frozen=True):
    """What a partner confirmed to hold of one resource of ours.

    `theirs` is the partner's own reference (`Observation/17`), '' where the partner gives none, or none was ever
    confirmed; `version` is the partner's version of it, '' where there are none; `digest` stands for the content that
    was given, and is empty where it is not known what it says there, or whether it is there still. `made`: it is there
    because we sent it, so it may be removed; what the partner had itself is the partner's.
    The order of fields is the stored form: append only, with a default.
    """

    theirs: str
    version: str
    digest: bytes
    made: bool = True


@dataclass(frozen=True, slots=True)
class Put:
    """A resource that the partner shall hold as it is here. `there`: what it holds of it now; None for nothing.

    `resource` is what was released for this partner, in our words, with our references.
    """

    reference: str
    resource: Resource = field(repr=False)
    digest: bytes
    there: HeldThere | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """A resource that the partner shall not hold any longer: it was deleted here, or is not open to it any more.

    It may be gone already, or never have arrived (`there.theirs` is '' then): that it is not there is what is wanted.
    """

    reference: str
    there: HeldThere


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one partner shall be given of one person now.

    `key` is the same whenever the same is sent again, and says nothing of anybody. `subject` is a keyed id of the
    person for this partner alone. `patient` is the Patient as released, for finding the person there; None where
    nothing of the person is open any more. `puts` are in an order in which nothing points at what comes later, as far
    as there is one; `removals` come after them, in the opposite order. `known` are the partner's references by ours,
    of all that it holds of the person. `sequence` grows with every change of the record. `notes` say in plain words
    what changed. `plan` is all that the partner may hold now, as released for it, for a kind that carries a plan whole;
    it is empty where nothing of the person is open any more. `address` is the name by which this partner's readers may
    ask us for the plan (docs/nhs-document.md): 32 hexadecimal digits that tell nobody but us whose it is.
    """

    key: str
    subject: str
    sequence: int
    cause: Cause
    committed: str
    patient: Resource | None = field(repr=False)
    puts: tuple[Put, ...] = ()
    removals: tuple[Removal, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = field(default=(), repr=False)
    plan: tuple[Resource, ...] = field(default=(), repr=False)
    address: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The partner confirmed: it holds the resource now as `there` says, or (None) does not hold it any longer."""

    reference: str
    there: HeldThere | None


@dataclass(frozen=True, slots=True)
class Message:
    """Something that came from a partner, as it came.

    `id` is the same whenever the same comes again. `sent` is when the partner says that it made or changed it
    (FHIR instant), '' where it does not say.
    """

    id: str
    original: bytes = field(repr=False)
    sent: str = ""


@dataclass(frozen=True, slots=True)
class Whom:
    """The person whom a message is about, as the partner knows them: never believed without being compared."""

    nhs_number: str = field(repr=False)
    family: str = field(repr=False)
    birth_date: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One resource out of a message, in our words, with the partner's own references.

    `theirs` is its reference there, and `version` the partner's version, '' where there is none. `sent` is as in
    `Message`. `resource` is None when the partner deleted it. `companions` are resources that it points at and that
    travel with it (who wrote it, and where they work), by the partner's references. `ours` is our own reference, of
    what came to the partner from us and says so, '' for what did not; `untouched`: it is exactly what we sent.
    """

    theirs: str
    version: str
    sent: str
    whom: Whom
    resource: Resource | None = field(repr=False)
    companions: Mapping[str, Resource] = field(default_factory=dict, repr=False)
    ours: str = ""
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class Polled:
    """What a partner had for us. `cursor` is what to ask with next time, and is kept once all messages are settled.

    `more`: there is more to be had now.
    """

    messages: Sequence[Message]
    cursor: str
    more: bool = False


class Untranslatable(Exception):
    """A message cannot be put into our words; `why` repeats nothing of it. It is kept whole, for a person to look."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@runtime_checkable
class Prefills(Protocol):
    """A partner that can be asked for all that it has of one person, so that nothing is typed twice (goal G6)."""

    async def of_person(self, whom: Whom, theirs: str = "") -> Sequence[Message]:
        """Return it; `theirs` is the partner's own reference of the person, where it is known."""


@runtime_checkable
class OnlyAsked(Protocol):
    """A partner that is asked for what it has of a person whom a change concerns, and never given anything."""

    only_asked: bool


class Adapter(Protocol):
    """One partner. Every method may raise `adapters.errors.OutsideError`."""

    def give(self, parcel: Parcel) -> AsyncGenerator[Receipt, None]:
        """Carry a parcel over; yield a receipt for each effect as the partner confirms it."""

    async def poll(self, cursor: str) -> Polled:
        """Ask for what is new since `cursor` ('' the first time). A partner that is never asked has nothing."""

    def arrived(self, message: Message) -> Sequence[Arrived]:
        """Put a message into our words; raise Untranslatable. Pure: a message can be read again after a mapping is
        mended."""

    async def settled(self, message: Message) -> None:
        """Tell the partner that a message was taken in; called after the commit, and possibly again."""

    async def close(self) -> None:
        """Let go of connections."""
