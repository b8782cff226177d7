"""The incident register in its small form (sharing rules, section 1, `lr`).

A control room's own client says that it has an open incident for an NHS number, or for somebody of whom it knows other
things, and which ambulance or 111 organisation attends. That organisation then has an established relationship with the
person until the incident is closed, or twelve hours have passed; where it names its crew, those people alone have, and
the organisation's systems. Without a number, what was told of the person must fit them well (`plan.matching`), or is
the address where they live, and the crew must name the incident. The answer is the same whether or not the person has
a plan: the register does not look.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from security.access_request import new_decision_id
from security.clock import instant
from security.decision import REGISTER_RULE, impersonal
from service.plan.particulars import Particulars
from service.record.access import Access, Asked, Caller
from service.record.errors import NotHere, TooBusy
from service.record.locks import KeyedLocks
from service.record.manifest import Incident, RecordKind, empty_manifest
from service.record.records import INCIDENTS, NewState, OpenRecord
from service.record.register import about_whom
from service.store.errors import ClaimTaken, SequenceTaken
from service.store.port import Delivery

LIFETIME = timedelta(hours=12)
KEPT_AFTER = timedelta(days=1)
"""How long a closed or expired incident stays in its sealed record; the audit keeps it for good."""

_TRIES = 8
_Edit = Callable[[list[Incident]], tuple[list[Incident], Incident]]
Begun = Callable[[OpenRecord, Incident], tuple[Delivery, ...]]
"""Says what the commit that begins an incident carries: who is to be told its answer. Pure."""


def _nobody(register: OpenRecord, begun: Incident) -> tuple[Delivery, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class IncidentRegister:
    """Opens and closes incidents. One small sealed record per NHS number. `begun` is asked of each that begins."""

    access: Access
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    begun: Begun = _nobody

    async def open(
        self,
        caller: Caller,
        whom: str | Particulars,
        organisation: str,
        reference: str,
        crew: tuple[str, ...] = (),
    ) -> Incident:
        """Register an incident that names `organisation`; the same reference again gives the same incident.

        `whom`: the NHS number, or what is known of somebody whose number is not, an address alone among it. `crew`: the
        user ids of those who are sent, without which anybody of the organisation is; named again, the new ones count.
        """
        now = self.access.clock()
        about = whom if isinstance(whom, Particulars) else None
        claim = whom if isinstance(whom, str) else about_whom(organisation, reference)
        new = Incident(
            id=secrets.token_hex(16),
            reference=reference,
            organisation=organisation,
            opened_by=caller.principal.organisation,
            opened=instant(now),
            expires=instant(now + LIFETIME),
            about=about,
            crew=crew,
        )

        def add(incidents: list[Incident]) -> tuple[list[Incident], Incident]:
            for number, known in enumerate(incidents):
                same = (known.reference, known.organisation, known.opened_by, known.about) == (
                    reference,
                    organisation,
                    new.opened_by,
                    about,
                )
                if same and not known.closed and known.expires > new.opened:
                    now_sent = msgspec.structs.replace(known, crew=crew)
                    return [*incidents[:number], now_sent, *incidents[number + 1 :]], now_sent
            return [*incidents, new], new

        for _ in range(_TRIES):
            register = await self.access.records.by_claim(INCIDENTS, claim)
            if register is None:
                empty = empty_manifest(RecordKind.INCIDENTS, holder=caller.principal.organisation)
                empty.claims = [(INCIDENTS, claim)]
                register = await self.access.records.new(empty)
            try:
                return await self._change(caller, register, "$open-incident", add, now)
            except (ClaimTaken, SequenceTaken):
                continue
        raise TooBusy

    async def find(self, incident_id: str) -> tuple[OpenRecord, Incident]:
        """Return an incident, open or not, and the register of the person that it is about. Raise NotHere."""
        for register in await self.access.records.by_identifier(_identifier(incident_id), 1):
            for incident in register.manifest.incidents:
                if incident.id == incident_id:
                    return register, incident
        raise NotHere

    async def named(self, caller: Caller, whom: str | Particulars, organisation: str, reference: str) -> str:
        """Return the id of the incident that this organisation registered by these words. Raise NotHere."""
        about = whom if isinstance(whom, Particulars) else None
        claim = whom if isinstance(whom, str) else about_whom(organisation, reference)
        register = await self.access.records.by_claim(INCIDENTS, claim)
        for incident in reversed(register.manifest.incidents if register is not None else []):
            words = (incident.reference, incident.organisation, incident.opened_by, incident.about)
            if words == (reference, organisation, caller.principal.organisation, about):
                return incident.id
        raise NotHere

    async def close(self, caller: Caller, incident_id: str) -> Incident:
        """Close an incident that this organisation opened. Raise NotHere for any other id."""
        now = self.access.clock()

        def shut(incidents: list[Incident]) -> tuple[list[Incident], Incident]:
            for number, known in enumerate(incidents):
                if known.id == incident_id and known.opened_by == caller.principal.organisation:
                    closed = known if known.closed else msgspec.structs.replace(known, closed=instant(now))
                    return [*incidents[:number], closed, *incidents[number + 1 :]], closed
            raise NotHere

        for _ in range(_TRIES):
            found = await self.access.records.by_identifier(_identifier(incident_id), 1)
            if not found:
                raise NotHere
            try:
                return await self._change(caller, found[0], "$close-incident", shut, now)
            except SequenceTaken:
                continue
        raise TooBusy

    async def _change(
        self, caller: Caller, register: OpenRecord, interaction: str, edit: _Edit, now: datetime
    ) -> Incident:
        async with self.locks.hold(register.record_id):
            current = [one for one in register.manifest.incidents if one.expires > instant(now - KEPT_AFTER)]
            incidents, incident = edit(current)
            identifiers = sorted(_identifier(one.id) for one in incidents)
            # A new one: what the commit finds in it and not in the register's own gets its look-up token.
            manifest = msgspec.structs.replace(register.manifest, incidents=incidents, identifiers=identifiers)
            decision = impersonal(REGISTER_RULE, caller.principal.role, self.access.policy, new_decision_id())
            asked = Asked(interaction, (f"Incident/{incident.id}",))
            audit = self.access.entry(caller, decision, asked, register, makes=register.following)
            begins = all(one.id != incident.id for one in register.manifest.incidents)
            deliveries = self.begun(register, incident) if begins else ()
            await self.access.records.commit(register, NewState(manifest), audit=(audit,), deliveries=deliveries)
        return incident


def _identifier(incident_id: str) -> str:
    return f"incident|{incident_id}"
