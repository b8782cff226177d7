"""Alerts for privacy officers: what somebody has to look at, who did, and what they made of it (rules 2.3, 4, 6).

An alert holds no clinical text, no name and no number of a person: it points at a decision and an audit entry, and
names the record by a blind id by which alerts about one record can be told together and nothing can be found.

Alerts of an organisation lie in pages by month, so that none grows without end. Raising is idempotent: the same kind
for the same decision is one alert, whoever raises it and how often. Nothing waits for an alert: the audit entry that
calls for one says so itself (`security.audit_tokens`), in the same write, and `service.record.owed` raises what is
missing, so an alert survives whatever the entry survives. Whoever wants it sooner calls `raise_` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from security.access_request import new_decision_id
from security.clock import instant, parse_instant
from security.oversight import Scope, decide_oversight, own_organisation
from service.record.access import Access, Asked, Caller
from service.record.errors import NotHere, TooBusy
from service.record.manifest import RecordKind
from service.record.pages import Edited, Pages
from service.record.records import OpenRecord

PAGE = 200
"""Alerts on one page; rewriting it is what raising one costs."""
MOST_PAGES = 1_000
"""Pages of one organisation and month. Nobody can read more; what is beyond them stays in the audit alone."""
_DOT = "."


class AlertKind(StrEnum):
    """Why somebody has to look."""

    SELF_CLAIM = "self-claim"
    BREAK_GLASS = "break-glass"
    FAILED_BREAK_GLASS = "failed-break-glass"
    GUESS_LIMIT = "guess-limit"
    PROTECTED_PERSON = "protected-person"
    """Somebody was refused the record of a person whose whereabouts are protected (rule 2.6)."""
    NOT_DELIVERED = "not-delivered"
    """A revocation, withdrawal or death has not reached a partner: `rule` says which, `user_id` who answers for it."""
    REMOVAL_UNCONFIRMED = "removal-unconfirmed"
    """An organisation that may hold a copy has not confirmed that it removed it, or cannot be asked by a system."""
    NOT_TOLD = "not-told"
    """A person was not told within 24 hours that their plan was read in an emergency."""


class AlertState(StrEnum):
    """How far it has come. It only moves on."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Step(msgspec.Struct, array_like=True, frozen=True):
    """Somebody moved an alert on: to which state, who (user id), when (FHIR instant), and their note."""

    state: AlertState
    user_id: str
    time: str
    note: str = ""


class Alert(msgspec.Struct, array_like=True, frozen=True):
    """One alert. The order of fields is the stored form: append only, with a default.

    `time` (FHIR instant), `user_id`, `role`, `rule` and `decision_id` are those of the decision; `audit` is the id of
    the AuditEvent, where it is known; `about` is the record's blind id, hexadecimal.
    """

    id: str
    time: str
    kind: AlertKind
    organisation: str
    user_id: str
    role: str
    rule: str
    decision_id: str
    audit: str
    about: str
    steps: tuple[Step, ...] = ()

    @property
    def state(self) -> AlertState:
        """How far it has come."""
        return self.steps[-1].state if self.steps else AlertState.NEW


class NewAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be raised, in the fields of `Alert`. `record`: its id in hexadecimal, empty for an absent one."""

    time: str
    kind: AlertKind
    organisation: str
    decision_id: str
    role: str
    rule: str
    user_id: str = ""
    audit: str = ""
    record: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Alert]).decode


@dataclass(frozen=True, slots=True)
class Alerts:
    """Raises, lists and moves on alerts. `scope` says whose alerts a caller may see."""

    access: Access
    pages: Pages
    scope: Scope = own_organisation

    @classmethod
    def of(cls, access: Access, scope: Scope = own_organisation) -> Alerts:
        """Return the alerts of a service."""
        return cls(access, Pages(access.records, RecordKind.ALERTS), scope)

    async def raise_(self, new: NewAlert) -> Alert:
        """Make an alert durable and return it; one that is there already, as it is now.

        Raise TooBusy or what the store raises. Whoever wrote the audit entry may ignore that: the alert will come.
        """
        month = parse_instant(new.time).strftime("%Y-%m")
        key = self.access.records.index.token("alert", f"{new.decision_id}|{new.kind}").hex()[:16]
        for number in range(1, MOST_PAGES + 1):
            name = _page(new.organisation, month, number)
            made = self._alert(new, f"{name}.{key}")
            raised: list[Alert] = []

            def add(
                page: OpenRecord, content: bytes, made: Alert = made, raised: list[Alert] = raised
            ) -> Edited | None:
                alerts = _decode(content) if content else []
                raised[:] = [one for one in alerts if one.id == made.id]
                if raised or len(alerts) >= PAGE:
                    return None
                raised.append(made)
                return Edited(_encode([*alerts, made]))

            await self.pages.change(name, add)
            if raised:
                return raised[0]
        raise TooBusy

    async def list(
        self, caller: Caller, since: datetime, states: Iterable[AlertState] = tuple(AlertState)
    ) -> Sequence[Alert]:
        """Return the alerts of the caller's organisations since a moment, newest first. Raise Refused.

        The look is written down before anything is returned.
        """
        watched = await self._watched(caller, "$alerts")
        now, wanted = caller.at or self.access.clock(), frozenset(states)
        found: list[Alert] = []
        for organisation in sorted(watched):
            for month in _months(since, now):
                for number in range(1, MOST_PAGES + 1):
                    content = await self.pages.read(_page(organisation, month, number))
                    if content is None:
                        break
                    found += [one for one in _decode(content) if one.time >= instant(since) and one.state in wanted]
        return sorted(found, key=lambda one: (one.time, one.id), reverse=True)

    async def read(self, caller: Caller, alert_id: str) -> Alert:
        """Return one alert. Raise Refused, or NotHere for an alert that is not of the caller's organisations.

        The look is written down before anything is returned.
        """
        watched = await self._watched(caller, "$alerts", f"Alert/{alert_id}")
        name, _, _ = alert_id.rpartition(_DOT)
        content = await self.pages.read(name) if name.partition(_DOT)[0] in watched else None
        for one in _decode(content) if content else ():
            if one.id == alert_id:
                return one
        raise NotHere

    async def acknowledge(self, caller: Caller, alert_id: str, note: str = "") -> Alert:
        """Say that the caller looks into an alert. Raise Refused, or NotHere for an alert that is not theirs."""
        return await self._move(caller, alert_id, AlertState.ACKNOWLEDGED, note)

    async def close(self, caller: Caller, alert_id: str, note: str = "") -> Alert:
        """Say that the caller is done with an alert. Raise Refused, or NotHere for an alert that is not theirs."""
        return await self._move(caller, alert_id, AlertState.CLOSED, note)

    async def _move(self, caller: Caller, alert_id: str, to: AlertState, note: str) -> Alert:
        interaction = "$close-alert" if to is AlertState.CLOSED else "$acknowledge-alert"
        watched = self.scope(caller.principal)
        name, _, _ = alert_id.rpartition(_DOT)
        if not watched:
            await self._watched(caller, interaction)
        if name.partition(_DOT)[0] not in watched or await self.pages.read(name) is None:
            raise NotHere
        moment = instant(caller.at or self.access.clock())
        user = caller.principal.user
        step = Step(to, "" if user is None else user.id, moment, note)
        moved: list[Alert] = []
        decision = decide_oversight(caller.principal, watched, self.access.policy, new_decision_id())

        def move(page: OpenRecord, content: bytes) -> Edited | None:
            alerts = _decode(content) if content else []
            moved.clear()
            for place, one in enumerate(alerts):
                if one.id == alert_id:
                    # What is closed stays closed, and saying the same again changes nothing.
                    if one.state in (to, AlertState.CLOSED):
                        moved.append(one)
                        return None
                    moved.append(msgspec.structs.replace(one, steps=(*one.steps, step)))
                    alerts[place] = moved[0]
                    asked = Asked(interaction, (f"Alert/{alert_id}",))
                    audit = self.access.entry(caller, decision, asked, page, makes=page.following)
                    return Edited(_encode(alerts), (audit,))
            return None

        await self.pages.change(name, move)
        if not moved:
            raise NotHere
        return moved[0]

    async def _watched(self, caller: Caller, interaction: str, *references: str) -> frozenset[str]:
        """Write the look down and return the organisations that it reaches; raise Refused where there are none."""
        watched = self.scope(caller.principal)
        decision = decide_oversight(caller.principal, watched, self.access.policy, new_decision_id())
        asked = Asked(interaction, references if decision.permitted else ())
        if not decision.permitted:
            await self.access.refuse(caller, decision, asked, None)
        await self.access.records.store.append_audit(self.access.entry(caller, decision, asked, None))
        return watched

    def _alert(self, new: NewAlert, id: str) -> Alert:
        about = self.access.records.index.token("alert-about", new.record or new.decision_id).hex()
        return Alert(
            id,
            new.time,
            new.kind,
            new.organisation,
            new.user_id,
            new.role,
            new.rule,
            new.decision_id,
            new.audit,
            about,
        )


def _page(organisation: str, month: str, number: int) -> str:
    return f"{organisation}.{month}.{number}"


def _months(since: datetime, until: datetime) -> list[str]:
    """Return the months (UTC, `2026-11`) from `since` to `until`."""
    first, last = since.year * 12 + since.month - 1, until.year * 12 + until.month - 1
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]
