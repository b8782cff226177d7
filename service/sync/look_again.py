"""Looking again at people of whom an event tells: what PDS says is applied, what the event says is only compared.

Nothing of an event is believed beyond the NHS number. For somebody who is not here nothing is kept and nobody is asked.
For somebody who is, the event is kept as it came, the person is read in PDS, every time, and what PDS says is applied;
only then is the event settled. So events may come twice, late and in any order: the end is what PDS says.

Where PDS does not bear out what the event said, nothing comes of the event and a person looks: it may mean somebody
else. Where PDS cannot be asked, or has not caught up with the event, the event stays where it is and is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from adapters.base import Message
from adapters.errors import OutsideError
from adapters.look_again import Said, TellsOfPeople, Told
from security.clock import Clock, parse_instant
from service.record.records import OpenRecord, Records
from service.sync.earlier import Outcome
from service.sync.inbox import Inbox
from service.sync.members import Member
from service.sync.retry import Class, class_of, reason_of, retry_after_of

SOURCES, PDS = frozenset({"mns", "nems"}), "pds"
"""The kinds of partner whose messages end here, and the kind that is asked."""
CATCHES_UP = timedelta(hours=1)
"""How long PDS may answer with an older version than the one that an event was made from, before a person looks."""
OTHER_BIRTH_DATE = "The event says another birth date than the record of this NHS number has. Nothing was changed."
NOT_CONFIRMED = "The event says that the person died, and PDS knows of no death. Nothing came of the event."
NOT_REMOVED = "The event says that a death was removed, and PDS still has it. Nothing came of the event."
SOMEBODY_ELSE = (
    "PDS has this NHS number with another name or birth date than the record here. Nothing came of the event."
)
BEHIND = "PDS has an older version of the person than the event was made from."
TWO_NUMBERS = " The event names two NHS numbers: it may mean somebody else."
NO_PDS = "Events came, and this service has no connection to PDS to look people up. They stay where they are."


class NotNow(Exception):
    """What came is to be left where it is and tried again; `why` is a plain sentence, `retry_after` in seconds."""

    def __init__(self, why: str, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after = retry_after


class NotConfirmed(Exception):
    """A person has to look: `why` is a plain sentence without content, `record` the id of whose record it is about."""

    def __init__(self, why: str, record: bytes) -> None:
        super().__init__(why)
        self.why = why
        self.record = record


@dataclass(frozen=True, slots=True)
class PdsSays:
    """What PDS said of somebody who is here, after it was applied.

    `changed`: the record is not what it was. `death` is PDS's notification status (1 informal, 2 formal, U removed), ''
    where it has none; `died`: it has a date of death. `version` is PDS's version of the person, None where it names
    none. `same`: whom PDS has under the number is the person of the record, by name and birth date.
    """

    changed: bool
    death: str = ""
    died: bool = False
    version: int | None = None
    same: bool = True


class Applies(Protocol):
    """Reads a person in PDS and applies what it says, through the ordinary write."""

    async def __call__(self, nhs_number: str) -> PdsSays:
        """Do it. Raise an OutsideError, with nothing changed, where PDS cannot be asked or says no."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Looks again. Without `applies` nobody can be looked up, and every event about somebody here waits."""

    records: Records
    inbox: Inbox
    clock: Clock
    applies: Applies | None = None

    async def __call__(self, member: Member, source: TellsOfPeople, message: Message) -> Outcome:
        """Look at everybody of whom a message tells. Raise Untranslatable, NotConfirmed or NotNow."""
        told = source.about(message)
        outcomes: list[Outcome] = []
        unconfirmed: NotConfirmed | None = None
        for one in told:
            try:
                outcomes.append(await self._one(member, message, one, len(told) > 1))
            except NotConfirmed as not_confirmed:
                unconfirmed = unconfirmed or not_confirmed
        if unconfirmed is not None:
            raise unconfirmed
        order = (Outcome.WAITING, Outcome.TAKEN, Outcome.LATE, Outcome.SEEN)
        return next((outcome for outcome in order if outcome in outcomes), Outcome.NOT_OURS)

    async def _one(self, member: Member, message: Message, told: Told, several: bool) -> Outcome:
        record = await self.records.by_nhs_number(told.nhs_number)
        if record is None:
            return Outcome.NOT_OURS
        await self.inbox.keep(member.name, message)
        born = record.manifest.identity.birth_date
        # one of the two may know the year or the month alone; what either does not say disagrees with nothing
        if not (born.startswith(told.birth_date) or told.birth_date.startswith(born)):
            raise NotConfirmed(OTHER_BIRTH_DATE, record.record_id)
        says = await self._asked(told, record)
        try:
            return judged(told, says, self._may_catch_up(told))
        except _Disagreement as disagreement:
            why = disagreement.why + (TWO_NUMBERS if several else "")
            raise NotConfirmed(why, record.record_id) from None

    async def _asked(self, told: Told, record: OpenRecord) -> PdsSays:
        if self.applies is None:
            raise NotNow(NO_PDS)
        try:
            return await self.applies(told.nhs_number)
        except OutsideError as error:
            why = f"PDS, of a person of whom an event tells: {reason_of(error)}"
            if class_of(error) is Class.STOP:
                raise NotConfirmed(why, record.record_id) from None
            raise NotNow(why, retry_after_of(error)) from None

    def _may_catch_up(self, told: Told) -> bool:
        # a time that is far ahead of ours is wrong, and no reason to wait until then
        return bool(told.sent) and abs(self.clock() - parse_instant(told.sent)) < CATCHES_UP


class _Disagreement(Exception):
    """PDS does not bear out what an event said."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def judged(told: Told, says: PdsSays, may_catch_up: bool) -> Outcome:
    """Compare what an event said with what PDS says; raise _Disagreement where that is for a person. Pure.

    An event that was made from an older version than PDS has now was overtaken: what it said need not hold any more.
    """
    if told.version is not None and says.version is not None and says.version < told.version:
        if may_catch_up:
            return Outcome.WAITING
        raise _Disagreement(BEHIND)
    if not says.same:
        raise _Disagreement(SOMEBODY_ELSE)
    overtaken = told.version is not None and says.version is not None and told.version < says.version
    dead = says.death in ("1", "2") or (says.died and says.death != "U")
    known = dead or says.death == "U"
    if told.said in (Said.DEATH, Said.DEATH_STATUS) and not known and not overtaken:
        raise _Disagreement(NOT_CONFIRMED)
    if told.said is Said.DEATH_REMOVED and dead and not overtaken:
        raise _Disagreement(NOT_REMOVED)
    if says.changed:
        return Outcome.TAKEN
    return Outcome.LATE if overtaken else Outcome.SEEN
