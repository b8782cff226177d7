"""Handing one notice of an emergency read to the partner that carries it to the person.

Whether the person may be told is asked at that moment: they may have died, be hidden, or have had something noted that
they must not learn of this way, since the notice was made. Whoever may not be told gets nothing, later neither. That
is written down where the person does not read it: a log that said "you were not told" would tell.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.base import Adapter, Cause
from adapters.notice import Notifies, PersonNotice
from security.access_request import new_decision_id
from security.audit_words import NOTICE_SENT, notice_sentence, organisation_words
from security.clock import instant, parse_instant
from security.decision import NOTICE_RULE, impersonal
from security.principal import NamedPerson, Principal, Purpose, Role
from service.record.access import Access, Asked
from service.record.caller import Caller
from service.record.directory import organisation_name
from service.record.manifest import RecordKind
from service.record.notices import PROMISED, Notice, suspended
from service.record.records import OpenRecord
from service.sync.due import Due, Dues
from service.sync.give import Given, Overtaken
from service.sync.late_notices import GIVEN_UP_AFTER, NotTold
from service.sync.members import ISSUER, Member
from service.sync.notice_dues import NoticeDue

DROPPED = "$notice-drop"
"""The interaction of an entry that says that a person was not told, and will not be."""
_DONE = b"done"


@dataclass(frozen=True, slots=True)
class TellPerson:
    """Does it, for one notice at a time."""

    access: Access
    dues: Dues
    not_told: NotTold

    async def __call__(
        self, member: Member, adapter: Adapter, due: Due, cause: Cause, turn: int, go_on: Callable[[], bool]
    ) -> Given:
        """Hand the notice over, or drop it where the person is not to be told, or not any more."""
        if not isinstance(due, NoticeDue) or not isinstance(adapter, Notifies):
            raise TypeError("this partner carries notices alone")
        notice, records = due.notice, self.access.records
        taken = self._mark(member, notice, "taken")
        if await records.store.leased(taken):
            return Given(0, 0, permitted=True)  # what waits was read before it was ticked off
        stored = await records.store.fetch(due.record)
        record = None if stored is None else await records.open(stored)
        if record is None or not await self._may_be_told(member, record):
            await self._write_down(member, DROPPED, notice, record)
            return Given(0, 0, permitted=False)
        too_late = self.access.clock() >= parse_instant(notice.time) + GIVEN_UP_AFTER
        if too_late or not record.manifest.identity.nhs_number:  # no number: nobody knows whom to write to any more
            await self.not_told(member, notice, record)
            await self._write_down(member, DROPPED, notice, record)
            return Given(0, 0, permitted=False)
        told = await self._told(member, notice, record)
        # Durable before the first byte leaves, like everything that is told to anybody.
        await self._write_down(member, NOTICE_SENT, notice, record)
        if not go_on():
            raise Overtaken
        await adapter.notify(told)
        await self._remember(taken)
        return Given(1, 0, permitted=True)

    async def _may_be_told(self, member: Member, record: OpenRecord) -> bool:
        """Say whether the person would see who read their plan in their own log (I17), and may be sent notices."""
        number = record.manifest.identity.nhs_number
        if record.manifest.kind is not RecordKind.PERSON or suspended(record):
            return False
        if not number:
            return True
        themselves = Principal(
            client_id=member.client.client_id,
            organisation=member.organisation,
            role=Role.PATIENT,
            purpose=Purpose.PATRQT,
            registered_roles=frozenset({Role.PATIENT}),
            scopes=frozenset(),
            token_id="",
            issuer=ISSUER,
            user=NamedPerson(number, ""),
        )
        decision = await self.access.weigh(Caller(themselves, secrets.token_hex(16)), record)
        return decision.permitted and not decision.masks_location

    async def _told(self, member: Member, notice: Notice, record: OpenRecord) -> PersonNotice:
        name = await organisation_name(self.access.records, notice.organisation)
        return PersonNotice(
            key=self._key(member, notice),
            subject=self.dues.subject(member.name, record.record_id),
            nhs_number=record.manifest.identity.nhs_number,
            time=notice.time,
            until=instant(parse_instant(notice.time) + PROMISED),
            organisation=organisation_words(notice.role, name),
            sentence=notice_sentence(notice.time, notice.role, name),
        )

    async def _write_down(self, member: Member, interaction: str, notice: Notice, record: OpenRecord | None) -> None:
        """Write an entry, once however often it is tried: a day of retries would bury the person's own log.

        It names the entry of the read. A notice that was dropped is an entry about nobody, of the holder's officers.
        """
        store, written = self.access.records.store, self._mark(member, notice, interaction)
        if await store.leased(written):
            return
        caller = member.caller(secrets.token_hex(16))
        principal = replace(caller.principal, purpose=Purpose.PATADMIN)
        about = record
        if interaction == DROPPED:
            about = None
            if record is not None:
                principal = replace(principal, organisation=record.manifest.holder)
        decision = impersonal(NOTICE_RULE, principal.role, self.access.policy, new_decision_id())
        asked = Asked(interaction, (f"AuditEvent/{notice.audit}",))
        await store.append_audit(self.access.entry(replace(caller, principal=principal), decision, asked, about))
        await self._remember(written)

    def _mark(self, member: Member, notice: Notice, what: str) -> bytes:
        """Return what stands in the store for something that was done about a notice."""
        return self.dues.index.token("notice-mark", f"{what}|{self._key(member, notice)}")

    async def _remember(self, mark: bytes) -> None:
        """Remember it for longer than a notice is tried: a lease that nobody asks for."""
        await self.access.records.store.lease(mark, _DONE, self.access.clock() + 2 * GIVEN_UP_AFTER)

    def _key(self, member: Member, notice: Notice) -> str:
        return self.dues.index.token("notice", f"{member.name}|{notice.record}|{notice.decision_id}").hex()
