"""A record is brought in line with what PDS says of its person now: who they are, whether they live, whether protected.

Safe to be called for any reason and in any order, as often as one likes: PDS is read again each time, after the record
was opened and before it is committed, so that of two who do it at once the one who loses reads both again. Nothing of
the message that was the reason is believed. What it writes carries deliveries and audit as every write does; it goes
round the rules for writers (5.9), because PDS is asked about records that no writer may change: of a person who is very
restricted, or who died long ago (2.6, 2.7).
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from adapters.errors import NumberInvalidated, OutsideError, PersonUnknown
from adapters.pds_person import PdsPerson
from fhir_profiles.sections import section_of
from fhir_profiles.validation import validate
from security.access_request import new_decision_id
from security.audit import Outcome as AuditOutcome
from security.clock import instant
from security.decision import IDENTITY_RULE, Decision, impersonal
from security.labels import SFlag
from service.record import directory
from service.record.access import Access, Asked, Caller
from service.record.changes import Change, Method
from service.record.draft import Draft
from service.record.errors import InvalidContent, TooBusy
from service.record.limits import Limits
from service.record.manifest import Manifest, RecordKind
from service.record.records import OpenRecord
from service.record.select import complete
from service.record.subscribers import Subscribers, deliveries_of
from service.record.urgent import Style
from service.record.write import WriteRecord
from service.record.write_rules import check_size
from service.store.errors import ClaimTaken, SequenceTaken
from service.sync.identity import Did, Judged, Known, judge, judge_invalidated, judge_unknown
from service.sync.identity_review import REVIEW_SYSTEM, Review, review_task

INTERACTION = "$verify-identity"
TRIES = 8
_LONGEST_PAUSE = 0.064

Resource = dict[str, Any]


class AsksPds(Protocol):
    """What PDS is asked by (`adapters.pds.Pds`)."""

    async def person(self, nhs_number: str) -> PdsPerson:
        """Return whom PDS knows by a number; raise PersonUnknown, NumberInvalidated or another OutsideError."""


class Outcome(StrEnum):
    """What became of a record."""

    NOT_HERE = "not-here"
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a record, and what was taken over; nothing of it names anybody."""

    outcome: Outcome
    did: tuple[Did, ...] = ()
    reviews: tuple[Review, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether there is such a record, and nobody has to look at what PDS says of its person."""
        return self.outcome is not Outcome.NOT_HERE and not self.reviews


@dataclass(frozen=True, slots=True)
class ApplyPds:
    """Brings records in line with PDS.

    `caller` makes the caller of a request: the system that PDS is here, by its registered client.
    """

    access: Access
    pds: AsksPds
    caller: Callable[[str], Caller]
    limits: Limits
    style: Style
    subscribers: Subscribers = ()
    jitter: Callable[[], float] = field(default=random.random)

    @classmethod
    def of(cls, write: WriteRecord, pds: AsksPds, caller: Callable[[str], Caller]) -> ApplyPds:
        """Return the use case of a service that writes by `write`: the same limits, and the same who hear of it."""
        return cls(write.access, pds, caller, write.limits, write.style, write.subscribers)

    async def __call__(self, nhs_number: str) -> Applied:
        """Ask PDS about the person whose number this is, or was, and take over what it says.

        Raise what `AsksPds.person` raises when PDS gives no answer about them, TooBusy, or what the store raises: it is
        to be tried again, and nothing is done twice by that. Raise InvalidContent or TooLarge for a record that cannot
        be written as it is: that is for a person.
        """
        caller = self.caller(secrets.token_hex(16))
        for attempt in range(TRIES):
            record = await self.access.records.by_nhs_number(nhs_number)
            if record is None or record.manifest.kind is not RecordKind.PERSON:
                return Applied(Outcome.NOT_HERE)
            try:
                return await self._applied(caller, record)
            except (SequenceTaken, ClaimTaken):
                await asyncio.sleep(self.jitter() * min(0.002 * 2**attempt, _LONGEST_PAUSE))
        raise TooBusy

    async def _applied(self, caller: Caller, record: OpenRecord) -> Applied:
        manifest, rival = record.manifest, None
        patient = await complete(self.access.records, record, record.entries[manifest.patient])
        known = _known(manifest)
        try:
            person = await self.pds.person(manifest.identity.nhs_number)
        except NumberInvalidated:
            judged = judge_invalidated(patient, known)
        except PersonUnknown:
            judged = judge_unknown(patient, known)
        except OutsideError:
            # it was told the number all the same, or may have been
            await self._write_down(caller, record, AuditOutcome.FAILED)
            raise
        else:
            rival = await self._rival(record, person.nhs_number)
            judged = judge(patient, known, person, rival=rival is not None, resources=Draft(record).resources())
        applied = await self._write(caller, record, patient, known, judged)
        if rival is not None and any(review is Review.TWO_RECORDS for review, _ in judged.reviews):
            await self._tell_rival(caller, rival, manifest.identity.nhs_number)
        return applied

    async def _rival(self, record: OpenRecord, nhs_number: str) -> OpenRecord | None:
        if record.manifest.is_numbered(nhs_number):
            return None
        return await self.access.records.by_nhs_number(nhs_number)

    async def _tell_rival(self, caller: Caller, rival: OpenRecord, about: str) -> None:
        """Say in the other record too that there are two: whoever holds that one may be somebody else."""
        patient = await complete(self.access.records, rival, rival.entries[rival.manifest.patient])
        known = _known(rival.manifest)
        judged = Judged(patient, known, reviews=[(Review.TWO_RECORDS, about)])
        await self._write(caller, rival, patient, known, judged)

    async def _write(
        self, caller: Caller, record: OpenRecord, before: Resource, known: Known, judged: Judged
    ) -> Applied:
        draft, clock = Draft(record, self.access.policies.roles), self.access.clock
        draft.resources()  # decoded before anything moves: laying the new state out changes where they lie
        changes = [] if judged.patient == before else [self._update(record, judged.patient)]
        for review, about in judged.reviews:
            task = await self._task(record, draft, review, about)
            if task is not None:
                changes.append(task)
                judged.did.append(Did.REVIEW)
        if not changes and judged.known == known:
            await self._write_down(caller, record)  # though nothing came of it: PDS was told the number
            return Applied(Outcome.UNCHANGED, reviews=tuple(review for review, _ in judged.reviews))
        for change in changes:
            if issues := validate(change.resource or {}):
                raise InvalidContent(issues)
        now, author = instant(clock()), caller.author()
        entries = [draft.put(change, section_of(change.resource or {}), author, now) for change in changes]
        draft.identify(judged.known.sflag, judged.known.former_numbers, judged.known.invalidated)
        state = draft.finish(self.style, clock())
        check_size(state, self.limits)
        asked = Asked(INTERACTION, tuple(f"{entry.reference}/_history/{entry.version}" for entry in entries))
        references = [entry.reference for entry in entries]
        await self.access.records.commit(
            record,
            state,
            deliveries=deliveries_of(self.subscribers, record, state, references, author),
            audit=(self.access.entry(caller, self._decision(caller), asked, record, makes=record.following),),
        )
        return Applied(Outcome.CHANGED, tuple(judged.did), tuple(review for review, _ in judged.reviews))

    async def _write_down(
        self, caller: Caller, record: OpenRecord, outcome: AuditOutcome = AuditOutcome.SUCCESS
    ) -> None:
        entry = self.access.entry(caller, self._decision(caller), Asked(INTERACTION), record, outcome)
        await self.access.records.store.append_audit(entry)

    def _decision(self, caller: Caller) -> Decision:
        return impersonal(IDENTITY_RULE, caller.principal.role, self.access.policy, new_decision_id())

    def _update(self, record: OpenRecord, patient: Resource) -> Change:
        entry = record.entries[record.manifest.patient]
        return Change(Method.UPDATE, "Patient", "Patient", patient, id=entry.id, if_match=entry.version)

    async def _task(self, record: OpenRecord, draft: Draft, review: Review, about: str) -> Change | None:
        """Return the Task of whoever holds the record; None where it was raised about the same already."""
        records, holder = self.access.records, record.manifest.holder
        name = records.index.token("identity-review", f"{record.record_id.hex()}|{review}|{about}").hex()[:32]
        identifier = {"system": REVIEW_SYSTEM, "value": name}
        tasks = (one for one in draft.resources().values() if one["resourceType"] == "Task")
        if any(identifier in one.get("identifier", ()) for one in tasks):
            return None
        display = await directory.organisation_name(records, holder)
        return review_task(record, review, identifier, display, self.access.clock())


def _known(manifest: Manifest) -> Known:
    return Known(SFlag(manifest.sflag or SFlag.UNRESTRICTED), tuple(manifest.former_numbers), manifest.invalidated)
