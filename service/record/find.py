"""`FindPeople`: who may be meant by what somebody knows of a person, for callers who may know each of them.

Keys lead to records, each is compared on plaintext (`plan.matching`), and every person who fits goes through the
same decision as if they were read: who may not be seen is not there, so a search tells no more than a read does. It
resolves nothing: whoever asked picks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from security.clock import instant
from security.decision import Decision
from security.release import Released, release
from service.plan.matching import Fit, Grade, Key, fit, keys_for, lives_at, ranked
from service.plan.particulars import Particulars, unplaced
from service.record.access import Access, Asked, Caller, Refused
from service.record.errors import InvalidSearch, Unanswerable
from service.record.manifest import RecordKind
from service.record.records import OpenRecord
from service.record.select import whole

MOST_COMPARED = 200
"""Records that are opened for one question; more than that is a question that tells nobody from another."""
MOST_SHOWN = 20
INTERACTION = "$match"
ENOUGH = (
    "an NHS number or another identifier",
    "family name or given name with birth date",
    "family name and given name with year of birth",
    "family name with street",
    "postcode with house number, or a UPRN",
    "a telephone number",
    "nickname with town or place",
)
"""What is enough to look for somebody by."""
_TOO_MANY = "This fits more people than can be compared. Say more of the person."


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may be meant, as far as this caller may know them, and how well they fit."""

    released: Released
    fit: Fit


@dataclass(frozen=True, slots=True)
class Found:
    """Who may be meant, best first; `more`: others fit whom this caller may know too, beyond what a list shows."""

    people: list[Candidate]
    more: bool


@dataclass(frozen=True, slots=True)
class Household:
    """How many people with a plan live behind a door, and the telephone that all of several give; '' for none."""

    people: int = 0
    telephone: str = ""


@dataclass(frozen=True, slots=True)
class FindPeople:
    """Finds people. One per service."""

    access: Access

    async def __call__(self, caller: Caller, asked: Particulars, *, certain_only: bool = False) -> Found:
        """Return who may be meant, best first. Raise Unanswerable for too little, InvalidSearch for what fits too many,
        Refused for a caller who may not search.

        Every person who is shown, and every one who is withheld from this caller, has an audit entry before anything is
        returned.
        """
        words = Asked(INTERACTION, (), tuple(said(asked)))
        request = await self.access.admit(caller, words)
        keys = keys_for(asked)
        numbers = bool(asked.nhs_number or asked.elsewhere)
        if not keys and not numbers:
            raise Unanswerable(ENOUGH)
        found = await self._found(asked, keys)
        least = Grade.CERTAIN if certain_only else Grade.POSSIBLE
        all_fits = ranked((record, fit(_known_by(asked, record), record.contents.person)) for record in found)
        fits = [one for one in all_fits if one[1].grade >= least]
        shown: list[Candidate] = []
        more = False
        for record, how in fits:
            decision = await self.access.decide(caller, record, request)
            decision = self.access.unless_guessing(caller, decision)
            if not decision.permitted:
                await self._withheld(caller, decision, words, record)
                continue
            if decision.masks_location:
                # How well they fit must not tell this caller whether an address or a telephone is theirs (5.6).
                how = fit(_known_by(asked, record), unplaced(record.contents.person))
            if how.grade < least:
                await self.access.permit(caller, decision, words, record)
            elif len(shown) < MOST_SHOWN:
                shown.append(Candidate(await self._released(caller, decision, words, record), how))
            else:
                more = True
        if not fits:
            decision = await self.access.decide(caller, None, request)
            await self._withheld(caller, decision, words, None)
        if not shown:
            # Once for a question, whether nobody fits or whoever fits is not for this caller (I3).
            await self.access.guessed(caller)
        return Found(shown, more)

    async def at_address(self, caller: Caller, asked: Particulars) -> Household:
        """Return how many people with a plan live at the address of the incident that a crew attends.

        An address alone opens nobody (hazard H2). A crew that was sent to it learns this number, and the telephone of
        the place where all of several give the same one, so that it asks whom it meets or rings the home; everybody
        else, and whoever asks about another address, learns of nobody. Who objects to sharing, and who has a flag for
        protected location, is not counted.
        """
        principal = caller.principal
        if principal.incident is None or not asked.dwellings:
            return Household()
        moment = instant(caller.at or self.access.clock())
        user = None if principal.user is None else principal.user.id
        told = await self.access.register.about(principal.organisation, user, principal.incident, moment)
        if not any(lives_at(one.dwellings, asked.dwellings) for one in told):
            return Household()
        there = await self._found(Particulars(), keys_for(Particulars(dwellings=asked.dwellings)))
        living = [one for one in there if lives_at(one.contents.person.dwellings, asked.dwellings)]
        told_of: list[OpenRecord] = []
        for one in living:
            decision = await self.access.decide(caller, one, sent_there=True)
            if decision.permitted and not decision.masks_location:
                # Being counted is something about a person: their audit says so before anybody hears the number.
                words = Asked(INTERACTION, (), ("address",))
                await self.access.records.store.append_audit(self.access.entry(caller, decision, words, one))
                told_of.append(one)
        shared = set.intersection(*(set(one.contents.person.telephones) for one in told_of)) if told_of[1:] else set()
        return Household(len(told_of), min(shared, default=""))

    async def _found(self, asked: Particulars, keys: Iterable[Key]) -> list[OpenRecord]:
        records = self.access.records
        found: dict[bytes, OpenRecord] = {}
        if asked.nhs_number and (one := await records.by_nhs_number(asked.nhs_number)) is not None:
            found[one.record_id] = one
        for other in asked.elsewhere:
            found |= {one.record_id: one for one in await records.by_identifier(other, MOST_SHOWN)}
        wanted = list(keys)
        if wanted:
            led = await records.by_keys(wanted, MOST_COMPARED + 1)
            if len(led) > MOST_COMPARED:
                raise InvalidSearch(_TOO_MANY)
            found |= {one.record_id: one for one in led if one.record_id not in found}
        return [one for one in found.values() if one.manifest.kind is RecordKind.PERSON]

    async def _withheld(self, caller: Caller, decision: Decision, words: Asked, record: OpenRecord | None) -> None:
        try:
            await self.access.refuse(caller, decision, words, record)
        except Refused:
            return

    async def _released(self, caller: Caller, decision: Decision, words: Asked, record: OpenRecord) -> Released:
        entry = record.entries[record.manifest.patient]
        held = await whole(self.access.records, record, entry, record.slice(entry.offset, entry.length), decision)
        released = release(decision, held)
        await self.access.permit(caller, decision, words, record)
        return released


def _known_by(asked: Particulars, record: OpenRecord) -> Particulars:
    """Return what was asked with the person's number, where it was one that PDS replaced."""
    if asked.nhs_number not in record.manifest.former_numbers:
        return asked
    return msgspec.structs.replace(asked, nhs_number=record.manifest.identity.nhs_number)


def said(asked: Particulars) -> list[str]:
    """Return the names of what was said, without what: for the audit."""
    told = {
        "nhs-number": asked.nhs_number,
        "identifier": asked.elsewhere,
        "family": asked.families,
        "given": asked.givens or asked.called,
        "birthdate": asked.born,
        "address": asked.dwellings,
        "phone": asked.telephones,
    }
    return [name for name, value in told.items() if value]
