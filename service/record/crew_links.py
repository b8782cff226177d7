"""Links that lead a crew to the plan of the person they were sent to, without a number of the person in any address.

A link is 32 random characters. What it means (whose, for which organisation, until when) is sealed with the service key
and found by a blind token, so neither the address nor the database says whom it is about. Two are made: for a control
room, from an incident that it opened, good for whoever of the attending organisation has signed in; and for one member
of a crew, from an NHS number typed by hand. A link opens nothing by itself: the sharing decision is asked each time.

A link that is wrong, too old, of another organisation or of a closed incident gets one and the same `NotHere`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

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


@dataclass(frozen=True, slots=True)
class Led:
    """Where a link leads: to an NHS number or a `Patient/id`, or to whoever may be meant by what is known of them.

    `incident` is the number of the incident that the crew attends, where the link was made in its name.
    """

    whom: str
    incident: str = ""
    about: Particulars | None = None


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
        known = incident.about is None
        whom, number = (claimed, "") if known else ("", incident.reference)
        return await self._keep(_Meaning(whom, incident.organisation, "", instant(expires), number), expires)

    async def by_hand(self, principal: Principal, whom: str) -> Link:
        """Make a link for one signed-in person to a number that they typed, or to a `Patient/id` that they picked.

        It is looked up when the link is opened.
        """
        expires = self.access.clock() + LIFETIME
        user = "" if principal.user is None else principal.user.id
        meaning = _Meaning(whom, principal.organisation, user, instant(expires), principal.incident or "")
        return await self._keep(meaning, expires)

    async def to_whoever(self, principal: Principal, about: Particulars) -> Link:
        """Make a link for one signed-in person to whoever may be meant by what they typed."""
        expires = self.access.clock() + LIFETIME
        user = "" if principal.user is None else principal.user.id
        meaning = _Meaning("", principal.organisation, user, instant(expires), principal.incident or "", about)
        return await self._keep(meaning, expires)

    async def open(self, principal: Principal, token: str) -> Led:
        """Return where a link leads this person; raise NotHere for every link that is not theirs."""
        if not _TOKEN.fullmatch(token):
            raise NotHere
        name = self.kept.index.token(KIND, token)
        sealed = await self.kept.store.remembered(name)
        if sealed is None:
            raise NotHere
        meaning = msgspec.msgpack.decode(self.kept.seal.open(KIND, name, sealed), type=_Meaning)
        user = "" if principal.user is None else principal.user.id
        now = instant(self.access.clock())
        if meaning.organisation != principal.organisation or meaning.user not in ("", user) or meaning.expires <= now:
            raise NotHere
        register = self.access.register
        sent = user or None
        if (
            not meaning.user
            and meaning.whom
            and not await register.names(meaning.whom, meaning.organisation, sent, now)
        ):
            raise NotHere
        about = meaning.about
        if not meaning.user and not meaning.whom:
            told = await register.about(meaning.organisation, sent, meaning.incident, now)
            if not told:
                raise NotHere
            about = told[0]
        return Led(meaning.whom, meaning.incident, about)

    async def _keep(self, meaning: _Meaning, expires: datetime) -> Link:
        token = secrets.token_urlsafe(24)
        name = self.kept.index.token(KIND, token)
        sealed = self.kept.seal.seal(KIND, name, msgspec.msgpack.encode(meaning))
        await self.kept.store.keep(name, sealed, expires)
        return Link(token, meaning.expires)
