"""`WriteRecord`: the only way anything gets into a record. Validate, decide, apply the rules, seal, commit, or nothing.

Losing the compare-and-set is no error: the use case runs again on the fresh record, up to 64 times. A client sees
412 only when the version of the *resource* it named has moved. Within one process, writers of one record queue on a
lock, so that a busy record makes progress in order; among several, who has lost often is let go first (`busy`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

import msgspec

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from fhir_profiles.issues import Issue, error
from fhir_profiles.sections import section_of
from fhir_profiles.validation import validate
from security.clock import instant
from security.decision import Decision
from security.emergency_view import Services, nobody
from security.writes import may_take_on
from service.record import consent_rules, directory, taking_on, write_rules
from service.record.access import Access, Asked, Caller, Refused
from service.record.busy import turn
from service.record.changes import Change, Method, Prepared, condition_of, conditional_references, prepare
from service.record.derive import identity_of
from service.record.draft import Draft
from service.record.errors import InvalidContent, Problem, TooBusy
from service.record.kept import GivenResult, Idempotency, Kept
from service.record.kept_pointers import keeping_pointers
from service.record.limits import Limits
from service.record.locks import KeyedLocks
from service.record.manifest import RecordKind, empty_manifest
from service.record.records import NewState, OpenRecord
from service.record.subscribers import Subscribers, deliveries_of
from service.record.urgent import Style
from service.store.errors import AlreadyRemembered, ClaimTaken, SequenceTaken

TRIES = 64
"""Of two processes that both have writers for one record, the slower one may lose for as long as the other has any."""
_LONGEST_PAUSE = 0.064


class Result(msgspec.Struct, frozen=True):
    """What became of one change: `status` is 201, 200 or 204; `bare` means that only the id may be told (5.9a)."""

    reference: str
    version: int
    status: int
    last_updated: str = ""
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A committed write: the record as it is now, the decision it was made under, and a result per change."""

    record: OpenRecord
    decision: Decision
    results: list[Result]


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """Applies changes to exactly one person's record."""

    access: Access
    kept: Kept
    limits: Limits
    fhir_base: str
    style: Style
    subscribers: Subscribers = ()
    services: Services = nobody
    """Which organisations act as ambulance service or 111, whose view a Consent that names one would close (5.3)."""
    locks: KeyedLocks = field(default_factory=KeyedLocks)

    async def __call__(
        self, caller: Caller, changes: Sequence[Change], interaction: str, idempotency: Idempotency | None = None
    ) -> Written:
        """Apply all changes or none. Raise InvalidContent with every problem, Refused, or another Problem."""
        asked = Asked(interaction)
        await self.access.admit(caller, asked)
        prepared = await self._prepared(changes)
        if prepared.new_patient is not None:
            await self._check_taking_on(caller, asked)
        for attempt in range(TRIES):
            if idempotency is not None:
                again = await self._given_before(caller, idempotency, asked)
                if again is not None:
                    return again
            try:
                return await self._attempt(caller, prepared, asked, idempotency, attempt)
            except (SequenceTaken, ClaimTaken, AlreadyRemembered):
                await asyncio.sleep(random.uniform(0, min(0.002 * 2**attempt, _LONGEST_PAUSE)))  # noqa: S311 - jitter
        raise TooBusy

    async def _prepared(self, changes: Sequence[Change]) -> Prepared:
        issues = [
            Issue(issue.severity, issue.code, _under(change, issue.expression), issue.text)
            for change in changes
            if change.resource is not None
            for issue in validate(change.resource)
        ]
        if issues:
            raise InvalidContent(issues)
        targets = await directory.resolve(self.access.records, conditional_references(changes))
        prepared, issues = prepare(changes, self.fhir_base, targets)
        for change in changes:
            try:
                condition_of(change)
            except ValueError:
                text = "A condition names an identifier (identifier=system|value) that the new Patient itself carries."
                issues.append(error("not-supported", change.at, text))
        if len(prepared.persons) > 1:
            issues.append(error("business-rule", "", "A write concerns exactly one person; this one names more."))
        if issues:
            raise InvalidContent(issues)
        return prepared

    async def _attempt(
        self, caller: Caller, prepared: Prepared, asked: Asked, idempotency: Idempotency | None, lost: int
    ) -> Written:
        record = await self._find(caller, prepared, asked)
        if record is None:
            return await self._apply(caller, prepared, asked, idempotency, await self._new(caller))
        await self._check_refused(caller, prepared, asked, record)
        records, clock = self.access.records, self.access.clock
        async with (
            self.locks.hold(record.record_id) as queued,
            turn(records, clock, record.record_id, lost=lost, queued=queued),
        ):
            stored = await records.store.fetch(record.record_id)
            fresh = record if stored is None else await records.open(stored)
            try:
                return await self._apply(caller, prepared, asked, idempotency, fresh)
            except Refused:
                raise
            except Problem as problem:
                await self.access.turned_down(caller, asked, fresh)
                if isinstance(problem, taking_on.Unverified):
                    await self.access.guessed(caller)
                raise

    async def _find(self, caller: Caller, prepared: Prepared, asked: Asked) -> OpenRecord | None:
        """Find the one record that all changes belong to; None when they make a new person."""
        records = self.access.records
        created = {change.reference for change in prepared.changes if change.method is Method.CREATE}
        named = {change.reference for change in prepared.changes} | set(prepared.persons)
        patient = prepared.new_patient
        if patient is None and not named - created:
            # Nothing names the Patient, as a PractitionerRole cannot: any entry that it refers to says whose it is.
            named |= {target for target in prepared.outside if target.split("/")[0] not in directory.TYPES}
        found: dict[bytes, OpenRecord] = {}
        for reference in sorted(named - created):
            record = await records.by_reference(reference)
            if record is None or record.manifest.kind is not RecordKind.PERSON:
                absent = await self.access.decide(caller, None, by_reference=True)
                await self.access.refuse(caller, absent, asked, None)
            found[record.record_id] = record
        if len(found) > 1:
            for record in found.values():
                decision = await self.access.decide(caller, record)
                if not decision.permitted:
                    await self.access.refuse(caller, decision, asked, record)
        if patient is not None:
            self.access.check_guessing(caller)
            number = identity_of(patient.resource or {}).nhs_number
            known = await records.by_nhs_number(number) if number else None
            condition = condition_of(patient)
            if known is None and condition is not None and condition[0] != NHS_NUMBER_SYSTEM:
                known = await records.by_claim("identifier", "|".join(condition))
            if known is not None:
                if found and known.record_id not in found:
                    raise taking_on.unverified(patient)
                found[known.record_id] = known
        if len(found) > 1:
            raise InvalidContent(
                [error("business-rule", "", "A write concerns exactly one person; this one names more.")]
            )
        if not found and patient is None:
            raise InvalidContent(
                [error("business-rule", "", "Nothing says whose record this belongs to: reference the Patient.")]
            )
        return next(iter(found.values()), None)

    async def _check_refused(self, caller: Caller, prepared: Prepared, asked: Asked, record: OpenRecord) -> None:
        """Refuse whoever may not know of a record as it was found: to queue for it and open it again takes time, by
        which they would know that there is one (I3). Who passes is decided on again when it is their turn."""
        if prepared.new_patient is not None or caller.break_glass is not None:
            return  # the write itself may make the relationship, or what was granted counts
        decision = await self.access.weigh(caller, record)
        if not decision.permitted:
            await self.access.refuse(caller, decision, asked, record)

    async def _check_taking_on(self, caller: Caller, asked: Asked) -> None:
        """Refuse who takes nobody on before anybody is looked up: the answer must not depend on who is here (5.9a)."""
        verdict = may_take_on(caller.principal)
        if not verdict.permitted:
            absent = await self.access.decide(caller, None)
            forbidden = msgspec.structs.replace(absent, status=403, rule=verdict.rule, reason=verdict.reason)
            await self.access.refuse(caller, forbidden, asked, None)

    async def _new(self, caller: Caller) -> OpenRecord:
        holder = caller.principal.organisation
        return await self.access.records.new(empty_manifest(RecordKind.PERSON, holder=holder))

    async def _apply(
        self, caller: Caller, prepared: Prepared, asked: Asked, idempotency: Idempotency | None, record: OpenRecord
    ) -> Written:
        draft = Draft(record, self.access.policies.roles)
        before = copy(record)
        results: list[Result] = []
        changes = prepared.changes
        if record.sequence and prepared.new_patient is not None:
            reference, version = taking_on.take_on(caller, prepared, record, draft)
            results.append(Result(reference, version, 200, bare=True))
            changes = [change for change in changes if change is not prepared.new_patient]
        decision = await self._decide(caller, record, draft, bool(changes), asked)
        sections = await write_rules.check(self.access, caller, prepared, changes, draft, decision)
        if decision is not None and not changes and draft.registered == record.manifest.registered:
            await self.access.permit(caller, decision, asked, record)
            return Written(record, decision, results)
        now, author = instant(self.access.clock()), caller.author()
        changes = keeping_pointers(caller, changes, draft, decision)
        for change in changes:
            if change.method is Method.DELETE:
                entry = draft.delete(change, author, now)
                results.append(Result(change.reference, entry.version, 204, now))
            elif change.late:
                entry = draft.put_late(change, section_of(change.resource or {}), author, now)
                results.append(Result(change.reference, entry.version, 200, now))
            else:
                entry = draft.put(change, sections[change.reference], author, now)
                results.append(Result(change.reference, entry.version, 201 if entry.version == 1 else 200, now))
        position = {change.reference: number for number, change in enumerate(prepared.changes)}
        results.sort(key=lambda result: position[result.reference])
        state = draft.finish(self.style, self.access.clock())
        write_rules.check_size(state, self.limits)
        consent_rules.check_in_time(before, state, changes)
        policy = self.access.governing(before)
        consent_rules.check_emergency_view(before, state, changes, draft, policy, self.access.clock(), self.services)
        if decision is None:
            decision = await self.access.decide(caller, record.becoming(state))
            if not decision.permitted:
                await self.access.refuse(caller, decision, asked, None)
        return await self._commit(caller, asked, idempotency, before, state, decision, results)

    async def _decide(
        self, caller: Caller, record: OpenRecord, draft: Draft, changing: bool, asked: Asked
    ) -> Decision | None:
        """Decide on a record that exists; None for a new one, whose maker holds it."""
        if not record.sequence:
            return None
        if changing:
            relations = sorted({*record.manifest.relations, *draft.registered})
            record.manifest = msgspec.structs.replace(record.manifest, relations=relations)
        decision = await self.access.decide(caller, record)
        if changing and not decision.permitted:
            await self.access.refuse(caller, decision, asked, record)
        return decision

    async def _commit(
        self,
        caller: Caller,
        asked: Asked,
        idempotency: Idempotency | None,
        record: OpenRecord,
        state: NewState,
        decision: Decision,
        results: list[Result],
    ) -> Written:
        access = self.access
        written = Asked(asked.interaction, tuple(f"{item.reference}/_history/{item.version}" for item in results))
        remembered = None
        if idempotency is not None:
            given = [GivenResult(one.reference, one.version, one.status, one.last_updated, one.bare) for one in results]
            remembered = self.kept.remember(caller.principal, idempotency, given)
        changed = [item.reference for item in results if not item.bare]
        committed = await access.records.commit(
            record,
            state,
            deliveries=deliveries_of(self.subscribers, record, state, changed, caller.author()),
            audit=(access.entry(caller, decision, written, record, makes=record.following),),
            known=access.known_token(caller, record),
            remembered=remembered,
        )
        return Written(committed, await self._shown_under(caller, record, committed, decision), results)

    async def _shown_under(self, caller: Caller, before: OpenRecord, after: OpenRecord, decision: Decision) -> Decision:
        """Return the decision that what was written is shown under: anew, where the write itself changed the rules."""
        old, new = before.manifest, after.manifest
        if before.sequence and (old.sflag, old.consents) != (new.sflag, new.consents):
            return await self.access.decide(caller, after)
        return decision

    async def _given_before(self, caller: Caller, idempotency: Idempotency, asked: Asked) -> Written | None:
        """Return what this very request was answered before, under today's decision."""
        given = await self.kept.answered(caller.principal, idempotency)
        if given is None:
            return None
        record = await self.access.records.by_reference(given.results[0].reference)
        decision = await self.access.decide(caller, record)
        if record is None or not decision.permitted:
            await self.access.refuse(caller, decision, asked, record)
        references = tuple(f"{one.reference}/_history/{one.version}" for one in given.results)
        await self.access.permit(caller, decision, Asked(asked.interaction, references), record)
        results = [Result(one.reference, one.version, one.status, one.last_updated, one.bare) for one in given.results]
        return Written(record, decision, results)


def _under(change: Change, expression: str) -> str:
    """Place an issue of a resource under its place in the request."""
    if change.at == change.type or not expression:
        return expression or change.at
    return change.at + expression[len(change.type) :] if expression.startswith(change.type) else change.at
