"""Pushing the emergency answer of an open incident to the control room of whoever attends.

It is read as anybody reads it (`ReadRecord`), as the room's own system, under that incident, at that moment, with an
audit entry that is durable before the first byte leaves. Where nobody is there, or nothing is open to the room, nothing
is sent, and that is the same to the room. Once for each incident: what is known of it by then is the crew's to ask.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.base import Adapter, Cause
from adapters.control_room_events import IncidentAnswer, TakesAnswers
from fhir_profiles import json
from security.clock import instant, parse_instant
from service.record.access import Asked, Refused
from service.record.emergency import bundle
from service.record.errors import Gone, NotHere
from service.record.manifest import Incident, RecordKind
from service.record.read import EmergencySummary, ReadRecord
from service.record.records import INCIDENTS, OpenRecord
from service.record.sources import Sources
from service.record.urgent import Style
from service.sync.due import Due, Dues
from service.sync.give import Give, Given, Overtaken
from service.sync.members import Member

_DONE = b"done"


class _ForIncident(EmergencySummary):
    """The emergency answer, asked for because a control room registered an incident: nobody guesses by that."""

    def asked(self) -> Asked:
        """Return the words for the audit entry."""
        return Asked(self.interaction)


@dataclass(frozen=True, slots=True)
class AnswerIncident:
    """Does it, and leaves to `give` what is due of a person's own record. `sources` say when systems were heard."""

    read_record: ReadRecord
    give: Give
    dues: Dues
    style: Style
    sources: Sources | None = None

    async def __call__(
        self, member: Member, adapter: Adapter, due: Due, cause: Cause, turn: int, go_on: Callable[[], bool]
    ) -> Given:
        """Push the answers of a register's open incidents that were not pushed yet, or bring flags up to date."""
        records = self.read_record.access.records
        stored = await records.store.fetch(due.record)
        register = None if stored is None else await records.open(stored)
        if (
            register is None
            or register.manifest.kind is not RecordKind.INCIDENTS
            or not isinstance(adapter, TakesAnswers)
        ):
            return await self.give(member, adapter, due, cause, turn, go_on)
        pushed, now = 0, instant(self.read_record.access.clock())
        for incident in register.manifest.incidents:
            if incident.about is not None or not incident.stands(member.organisation, None, now):
                continue
            mark = self.dues.index.token("incident-answered", f"{member.name}|{incident.id}")
            if await records.store.leased(mark):
                continue
            answer = await self._answer(member, register, incident)
            if answer is None:
                continue
            if not go_on():
                raise Overtaken
            await adapter.answered(answer)
            pushed += 1
            await records.store.lease(mark, _DONE, parse_instant(incident.expires))
        return Given(pushed, 0, permitted=bool(pushed))

    async def _answer(self, member: Member, register: OpenRecord, incident: Incident) -> IncidentAnswer | None:
        """Read it; None where there is nothing for this room."""
        number = next(value for kind, value in register.manifest.claims if kind == INCIDENTS)
        caller = member.caller(secrets.token_hex(16))
        now = self.read_record.access.clock()
        caller = replace(caller, at=now, principal=replace(caller.principal, incident=incident.reference))
        try:
            answered = await self.read_record(caller, _ForIncident(number, now, self.style))
        except (Refused, NotHere, Gone):
            return None
        return IncidentAnswer(
            incident.id,
            incident.reference,
            incident.organisation,
            instant(now),
            answered.record.sequence,
            json.decode(bundle(answered, self.style, now, self.sources)),
        )
