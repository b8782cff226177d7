"""Links that lead a crew to the plan of the person they were sent to, without a number of the person in any address.

A link is 32 random characters. What it means (whose, for which organisation, until when) is sealed with the service key
and found by a blind token, so neither the address nor the database says whom it is about. Two are made: for a control
room, from an incident that it opened, good for whoever of the attending organisation has signed in; and for one member
of a crew, from an NHS number typed by hand. A link opens nothing by itself: the sharing decision is asked each time.

A link that is wrong, too old, somebody else's or of a closed incident gets one and the same `NotHere`. Using somebody
else's leaves an audit entry. Where an open incident stood behind a link when it was made, it ends with that incident.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

import msgspec

from security.access_request import new_decision_id
from security.clock import instant, parse_instant
from security.decision import REGISTER_RULE, impersonal
from security.principal import Principal
from service.plan.particulars import Particulars
from service.record.access import Access, Asked, Caller
from service.record.errors import NotHere
from service.record.incidents import IncidentRegister
from service.record.kept import Kept

LIFETIME = timedelta(hours=2)
"""How long a link is good: a crew's time with one person. An incident that ends sooner ends its links."""

KIND = "crew-link"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


class _Meaning(msgspec.Struct, array_like=True, frozen=True):
    whom: str
    organisation: str
    user: str
    expires: str
    incident: str = ""
    about: Particulars | None = None
    number: str = ""
    """The NHS number by whose open incident the link is good; empty where there was none when it was made."""
    attended: bool = False
    """Whether the incident called `incident` was open when the link was made, and registered without a number."""
    grant: str = ""
    """Emergency access that its maker was given, by which the plan is read through this link."""


@dataclass(frozen=True, slots=True)
class Led:
    """Where a link leads: to an NHS number or a `Patient/id`, or to whoever may be meant by what is known of them.

    `incident` is the number of the incident that the crew attends, where the link was made in its name; `grant` the
    emergency access by which the plan is read.
    """

    whom: str
    incident: str = ""
    about: Particulars | None = None
    grant: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link: what stands in its address, and when it ends (FHIR instant)."""

    token: str
    expires: str


@dataclass(frozen=True, slots=True)
class CrewLinks:
    """Makes and opens such links."""

    access: Access
    incidents: IncidentRegister
    kept: Kept

    async def for_incident(self, caller: Caller, incident_id: str) -> Link:
        """Make a link from an open incident of the caller's own organisation; raise NotHere for any other id."""
        register, incident = await self.incidents.find(incident_id)
        now = self.access.clock()
        if incident.opened_by != caller.principal.organisation or incident.closed or incident.expires <= instant(now):
            raise NotHere
        decision = impersonal(REGISTER_RULE, caller.principal.role, self.access.policy, new_decision_id())
        entry = self.access.entry(caller, decision, Asked("$crew-link", (f"Incident/{incident.id}",)), register)
        await self.access.records.store.append_audit(entry)
        ((_, claimed),) = register.manifest.claims
        expires = min(now + LIFETIME, parse_instant(incident.expires))
        if incident.about is None:
            meaning = _Meaning(claimed, incident.organisation, "", instant(expires), number=claimed)
        else:
            meaning = _Meaning(
                "", incident.organisation, "", instant(expires), incident=incident.reference, attended=True
            )
        return await self._keep(meaning, expires)

    async def by_hand(self, principal: Principal, whom: str, number: str = "", *, grant: str = "") -> Link:
        """Make a link for one signed-in person to an NHS number that they typed, or to a `Patient/id` that they picked.

        Whether there is such a plan is asked when the link is opened. `number` is the NHS number of whom they picked;
        `grant` the emergency access that they were given to them.
        """
        return await self._own(principal, whom, None, number or (whom if "/" not in whom else ""), grant)

    async def to_whoever(self, principal: Principal, about: Particulars) -> Link:
        """Make a link for one signed-in person to whoever may be meant by what they typed."""
        return await self._own(principal, "", about, "")

    async def _own(
        self, principal: Principal, whom: str, about: Particulars | None, number: str, grant: str = ""
    ) -> Link:
        now, register, organisation = self.access.clock(), self.access.register, principal.organisation
        user, incident = "" if principal.user is None else principal.user.id, principal.incident or ""
        expires = now + LIFETIME
        named = bool(number) and await register.names(number, organisation, user or None, instant(now))
        attended = bool(incident) and bool(await register.about(organisation, user or None, incident, instant(now)))
        meaning = _Meaning(
            whom, organisation, user, instant(expires), incident, about, number if named else "", attended, grant
        )
        return await self._keep(meaning, expires)

    async def open(self, caller: Caller, token: str, *, afterwards: bool = False) -> Led:
        """Return where a link leads this caller; raise NotHere for every link that is not theirs.

        `afterwards`: what is to be told when the visit is over may come when the incident is closed already. The link
        then says who was visited; whether anything may still be read or written is the sharing decision's alone.
        """
        if not _TOKEN.fullmatch(token):
            raise NotHere
        name = self.kept.index.token(KIND, token)
        sealed = await self.kept.store.remembered(name)
        if sealed is None:
            raise NotHere
        meaning = msgspec.msgpack.decode(self.kept.seal.open(KIND, name, sealed), type=_Meaning)
        principal, now = caller.principal, instant(caller.at or self.access.clock())
        user = "" if principal.user is None else principal.user.id
        if meaning.organisation != principal.organisation or meaning.user not in ("", user):
            await self._refuse(caller)
        if meaning.expires <= now:
            raise NotHere
        register = self.access.register
        sent = user or None
        organisation = meaning.organisation
        told = await register.about(organisation, sent, meaning.incident, now) if meaning.attended else []
        named = bool(meaning.number) and await register.names(meaning.number, organisation, sent, now)
        if (meaning.number or meaning.attended) and not (named or told or afterwards):
            raise NotHere
        about = meaning.about
        if not meaning.whom and about is None:
            if not told:
                raise NotHere
            about = told[0]
        return Led(meaning.whom, meaning.incident, about, meaning.grant)

    async def _refuse(self, caller: Caller) -> NoReturn:
        """Write down that somebody used a link that was made for somebody else; raise NotHere."""
        allowed = impersonal(REGISTER_RULE, caller.principal.role, self.access.policy, new_decision_id())
        reason = "this link was made for somebody else"
        refused = msgspec.structs.replace(allowed, permitted=False, status=404, reason=reason)
        entry = self.access.entry(caller, refused, Asked("crew-link"), None)
        await self.access.records.store.append_audit(entry)
        raise NotHere

    async def _keep(self, meaning: _Meaning, expires: datetime) -> Link:
        token = secrets.token_urlsafe(24)
        name = self.kept.index.token(KIND, token)
        sealed = self.kept.seal.seal(KIND, name, msgspec.msgpack.encode(meaning))
        await self.kept.store.keep(name, sealed, expires)
        return Link(token, meaning.expires)
