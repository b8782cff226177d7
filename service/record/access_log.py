"""`AccessLog`: who used a person's plan, for the person themselves and for privacy officers (rules 2.2, 8; I17).

A person sees every entry about their own record, in lay words. A privacy officer sees entries about what the
organisations of their scope did, and about records that these hold. Nobody else sees any: 403 from the token alone
(I4). What is not there and what is not for the caller look the same, an empty log. Reading the log is itself an entry.

Entries are found span by span, newest first, by their look-up tokens (`security.audit_tokens`), and compared on
plaintext: months for one record, days for an organisation. A page goes on where its cursor says, which is sealed for
the caller it was given to and holds the whole question, so no address of a page names anybody.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from security.access_request import new_decision_id
from security.audit import AuditEntry
from security.audit_event import numbered, to_audit_event
from security.audit_tokens import of_organisation, of_record
from security.audit_words import LOG, for_the_person
from security.clock import parse_instant
from security.errors import SecurityError
from security.labels import SFlag
from security.oversight import Scope, decide_oversight, own_organisation
from security.principal import Principal, Role
from security.service_seal import ServiceSeal
from service.record.access import Access, Asked, Caller, Refused
from service.record.directory import organisation_name
from service.record.errors import InvalidSearch
from service.record.manifest import RecordKind
from service.record.owed import audit_id
from service.record.records import OpenRecord

Json = dict[str, Any]

MOST = 100
"""Entries on one page."""
USUAL = 50
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
"""No entry from before can be found: look-up tokens began with this version of the program."""
OFFICERS_SPAN = timedelta(days=31)
"""How far an officer's search without a start goes back."""
OFFICERS_MOST = timedelta(days=366)
_MOST_IN_SPAN = 20_000
_PAGE = 500
_TOO_MANY = "These are more entries than can be shown in order. Name the person, or a shorter time."
_TOO_LONG = "A search of a whole organisation covers 366 days at most."
_NO_CURSOR = "This page does not exist, or was given to somebody else. Begin again without it."
_OPEN_LOCATION = ("", SFlag.UNRESTRICTED)


class LogQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. `patient`: `Patient/id`, empty for all that the caller may see; times are instants.

    `nhs_number` names the person of an officer's question instead, in ten digits; one of nobody has an empty log.
    `until` itself is excluded. `before`: the time and id of the last entry shown, from a cursor.
    """

    patient: str = ""
    since: str = ""
    until: str = ""
    count: int = USUAL
    names: tuple[str, ...] = ()
    before: tuple[str, str] | None = None
    nhs_number: str = ""


@dataclass(frozen=True, slots=True)
class LogPage:
    """AuditEvents, newest first, and the cursor of what follows; empty at the end."""

    events: tuple[Json, ...]
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class _View:
    """What one caller may see: the spans to look through, which entries are theirs, and how one is shown."""

    spans: Iterator[list[bytes]]
    theirs: Callable[[AuditEntry], bool]
    shown: Callable[[AuditEntry], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Answers searches of the log. `server` is our own name in the events."""

    access: Access
    seal: ServiceSeal
    server: str
    scope: Scope = own_organisation

    async def __call__(self, caller: Caller, question: LogQuestion) -> LogPage:
        """Return a page. Raise Refused for a role that sees no log, InvalidSearch for what cannot be answered."""
        asked = Asked("search-type", (LOG,), question.names)
        if caller.principal.role == Role.PATIENT:
            view = await self._own(caller, question, asked)
        else:
            view = await self._officers(caller, question, asked)
        return LogPage(()) if view is None else await self._page(caller.principal, question, view)

    def resume(self, principal: Principal, cursor: str) -> LogQuestion:
        """Return the question that a cursor goes on with; raise InvalidSearch for one that is not this caller's."""
        try:
            sealed = base64.urlsafe_b64decode(cursor.encode())
            plain = self.seal.open("log-cursor", self._whose(principal), sealed)
            return msgspec.msgpack.decode(plain, type=LogQuestion)
        except (ValueError, SecurityError, msgspec.MsgspecError):
            raise InvalidSearch(_NO_CURSOR) from None

    def cursor(self, principal: Principal, question: LogQuestion) -> str:
        """Return what stands for a question in an address: sealed, and good for this caller alone."""
        sealed = self.seal.seal("log-cursor", self._whose(principal), msgspec.msgpack.encode(question), 64)
        return base64.urlsafe_b64encode(sealed).decode()

    async def _own(self, caller: Caller, question: LogQuestion, asked: Asked) -> _View | None:
        """Return the view of a person on their own record; None, written down, for anybody else's or none."""
        access, user = self.access, caller.principal.user
        request = await access.admit(caller, asked)
        number = "" if user is None else user.id
        record = await access.records.by_nhs_number(number) if number else None
        if record is not None and question.patient not in ("", record.manifest.patient):
            record = None
        decision = await access.decide(caller, record, request)
        if record is None or not decision.permitted:
            try:
                await access.refuse(caller, decision, asked, record)
            except Refused:
                return None
        await access.permit(caller, decision, asked, record)
        whose = record.record_id.hex()
        hidden = decision.masks_location or record.manifest.sflag not in _OPEN_LOCATION

        async def shown(entry: AuditEntry) -> Json:
            name = "" if hidden else await organisation_name(access.records, entry.organisation)
            return for_the_person(entry, self.server, name, hidden=hidden)

        spans = self._months(whose, question, caller.at or access.clock())
        return _View(spans, lambda entry: entry.record == whose, shown)

    async def _officers(self, caller: Caller, question: LogQuestion, asked: Asked) -> _View | None:
        access, watched = self.access, self.scope(caller.principal)
        decision = decide_oversight(caller.principal, watched, access.policy, new_decision_id())
        if not decision.permitted:
            await access.refuse(caller, decision, asked, None)
        record = await self._asked_about(question)
        # A look at a record that is nothing to these organisations is one at nobody's: found in their log afterwards,
        # it would tell that there is a record.
        concerns = await self._concerns(watched, caller, record) if question.nhs_number or question.patient else False
        about = record if concerns else None
        await access.records.store.append_audit(access.entry(caller, decision, asked, about))
        now = caller.at or access.clock()

        async def shown(entry: AuditEntry) -> Json:
            return to_audit_event(entry, self.server)

        if not (question.patient or question.nhs_number):
            spans = self._days(sorted(watched), question, now)
            return _View(spans, lambda entry: bool(watched & {entry.organisation, entry.holder}), shown)
        if about is None:  # nobody's, or nothing to this officer: the same log is looked through for both (I3)
            nobody = access.decoy.record_id.hex()
            return _View(self._months(nobody, question, now), lambda entry: False, shown)
        whose, held = about.record_id.hex(), about.manifest.holder in watched
        return _View(
            self._months(whose, question, now),
            lambda entry: entry.record == whose and (held or entry.organisation in watched),
            shown,
        )

    async def _asked_about(self, question: LogQuestion) -> OpenRecord | None:
        """Return the record that an officer names; as much is opened for one that is absent."""
        records, record = self.access.records, None
        if question.patient:
            record = await records.by_reference(question.patient)
        elif question.nhs_number:
            record = await records.by_nhs_number(question.nhs_number)
        if record is None and (question.patient or question.nhs_number):
            decoy = await records.open(self.access.decoy)
            if question.patient:
                decoy.entry(decoy.manifest.patient)
        if record is None or record.manifest.kind is not RecordKind.PERSON:
            return None
        return record if question.patient in ("", record.manifest.patient) else None

    async def _concerns(self, watched: frozenset[str], caller: Caller, record: OpenRecord | None) -> bool:
        """Say whether one of the organisations holds a record or was given something of it.

        An absent record is asked about as often as one that is there.
        """
        access = self.access
        given = False
        for organisation in sorted(watched):
            principal = replace(caller.principal, organisation=organisation)
            token = access.known_token(replace(caller, principal=principal), record)
            given = await access.records.store.is_known(token) or given
        return record is not None and (given or record.manifest.holder in watched)

    async def _page(self, principal: Principal, question: LogQuestion, view: _View) -> LogPage:
        """Gather one entry more than the page holds, to know whether there is another page."""
        found: list[tuple[str, str, int, AuditEntry]] = []
        for tokens in view.spans:
            span = [one for one in await self._entries(tokens) if view.theirs(one[3])]
            found += sorted((one for one in span if _within(one, question)), key=lambda one: one[:2], reverse=True)
            if len(found) > question.count:
                break
            await asyncio.sleep(0)  # a long log has many spans, and others have their turn in between
        page = found[: question.count]
        events = [numbered(await view.shown(entry), id, sequence) for _, id, sequence, entry in page]
        if len(found) <= question.count:
            return LogPage(tuple(events))
        following = msgspec.structs.replace(question, before=page[-1][:2])
        return LogPage(tuple(events), self.cursor(principal, following))

    async def entries_about(self, record: OpenRecord, now: datetime) -> AsyncIterator[AuditEntry]:
        """Yield every entry about one record, newest month first. To ask for it is the caller's to decide."""
        whose = record.record_id.hex()
        for tokens in self._months(whose, LogQuestion(), now):
            for _, _, _, entry in await self._entries(tokens):
                if entry.record == whose:
                    yield entry

    async def entry(self, record: OpenRecord, id: str, now: datetime) -> AuditEntry | None:
        """Return the entry of an id about a record, None where there is none. To ask is the caller's to decide."""
        whose = record.record_id.hex()
        for tokens in self._months(whose, LogQuestion(), now):
            for _, found, _, entry in await self._entries(tokens):
                if found == id and entry.record == whose:
                    return entry
        return None

    async def _entries(self, tokens: list[bytes]) -> list[tuple[str, str, int, AuditEntry]]:
        """Return time, id, place in the chain, and the entry itself of all that some tokens lead to."""
        store, sealer = self.access.records.store, self.access.sealer
        found: list[tuple[str, str, int, AuditEntry]] = []
        place = b""
        while page := await store.audit_carrying(tokens, place, _PAGE):
            for filed in page:
                entry = sealer.open(filed.linked.sealed)
                found.append((entry.time, audit_id(filed), filed.linked.seq, entry))
            place = page[-1].place
            if len(found) > _MOST_IN_SPAN:
                raise InvalidSearch(_TOO_MANY)
        return found

    def _months(self, record: str, question: LogQuestion, now: datetime) -> Iterator[list[bytes]]:
        first, last = _bounds(question, FIRST, now)
        for number in range(last.year * 12 + last.month - 1, first.year * 12 + first.month - 2, -1):
            yield of_record(self.access.records.index, record, f"{number // 12:04d}-{number % 12 + 1:02d}")

    def _days(self, organisations: list[str], question: LogQuestion, now: datetime) -> Iterator[list[bytes]]:
        first, last = _bounds(question, FIRST, now)
        if not question.since:
            first = max(first, last - OFFICERS_SPAN)
        if last - first > OFFICERS_MOST:
            raise InvalidSearch(_TOO_LONG)
        index = self.access.records.index
        for back in range((last.date() - first.date()).days + 1):
            day = (last - timedelta(days=back)).date().isoformat()
            yield [token for organisation in organisations for token in of_organisation(index, organisation, day)]

    def _whose(self, principal: Principal) -> bytes:
        user = "" if principal.user is None else principal.user.id
        words = (principal.client_id, principal.organisation, principal.role, user)
        return self.access.records.index.token("log-cursor", "|".join(words))


def _within(one: tuple[str, str, int, AuditEntry], question: LogQuestion) -> bool:
    time = one[0]
    if question.since and time < question.since:
        return False
    if question.until and time >= question.until:
        return False
    return question.before is None or one[:2] < question.before


def _bounds(question: LogQuestion, first: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which there can be something to show."""
    last = now if question.before is None else parse_instant(question.before[0])
    if question.until:
        last = min(last, parse_instant(question.until))
    if question.since:
        first = max(first, parse_instant(question.since))
    return first, last
