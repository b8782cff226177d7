"""What a change of Consents would close to crews, and whether somebody explained that to the person (rule 5.3, H6).

A person may close the decisions to ambulance crews; they must not do so without knowing. So a change after which crews
and 111 would see less of the decision group or of another critical section is written only with a confirmation: who
explained to the person that those who come in an emergency will not see it, when, and that the person understands.

An ambulance service or a 111 provider is an organisation for which a client is registered in that role: a Consent that
names one by its code closes the view of those who come from there.

What it does not do: judge Consents that name single members of staff, or an organisation that no client acts for, or
ask again for what is closed already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from fhir_profiles.canonical import structure_definition
from fhir_profiles.sections import CRITICAL_SECTIONS, DECISION_GROUP, Section
from security import cells
from security.access_policy import AccessPolicy
from security.access_request import AccessRequest, RecordFacts, Relationship
from security.clock import EPOCH, microseconds
from security.consent import decide
from security.consent_compile import CompiledConsents
from security.consent_elements import moment_of, objects
from security.principal import Purpose, Role, RoleWord

CONFIRMATION = structure_definition("emergency-view-confirmation")
EMERGENCY_ROLES = (Role.AMBULANCE, Role.NHS111)
"""Who answers when somebody calls in an emergency."""

Services = Callable[[RoleWord], frozenset[str]]
"""Returns the organisations (ODS codes) that act in a role."""


def nobody(role: RoleWord) -> frozenset[str]:
    """Return no organisation for any role: where none is known."""
    return frozenset()


_CRITICAL = DECISION_GROUP | CRITICAL_SECTIONS
_PURPOSES = (Purpose.TREAT, Purpose.ETREAT)


def closed_by(
    before: CompiledConsents,
    after: CompiledConsents,
    policy: AccessPolicy,
    at: datetime,
    services: Services = nobody,
) -> frozenset[Section]:
    """Return the critical sections that crews and 111 read by the Consents of before, and not by those of after.

    Asked of `decide`, for somebody of each role whom an open incident brings, of no organisation in particular and of
    each of the `services` that the new Consents name; now and at every moment from which a rule of them begins.
    """
    lost = cells.NONE
    named = {code for consent in after.consents for rule in consent.provisions for code in rule.organisations}
    asked = [
        (role, organisation, purpose)
        for role in EMERGENCY_ROLES
        for organisation in ("", *sorted(named & services(role)))
        for purpose in _PURPOSES
    ]
    for moment in (at, *_beginnings(after, at)):
        for who in asked:
            lost |= _opened(before, *who, policy, moment) & ~_opened(after, *who, policy, moment)
    return frozenset(section for section in _CRITICAL if lost & cells.own(section))


def confirmations(consent: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the confirmations that a Consent carries."""
    return [one for one in objects(consent.get("extension")) if one.get("url") == CONFIRMATION]


def is_confirmed(consent: Mapping[str, Any], earlier: Mapping[str, Any] | None, at: datetime) -> bool:
    """Tell whether a Consent carries a confirmation of this change: complete, made by now, and not the last version's.

    `earlier` is the version that it replaces. What somebody understood of an earlier change says nothing of this one.
    """
    used = [] if earlier is None else confirmations(earlier)
    return any(_is_complete(one, at) for one in confirmations(consent) if one not in used)


def _is_complete(confirmation: Mapping[str, Any], at: datetime) -> bool:
    parts = {str(part.get("url")): part for part in objects(confirmation.get("extension"))}
    by = parts.get("explained-by", {})
    who = by.get("valueReference", {}).get("reference") or by.get("valueIdentifier", {}).get("value")
    when = moment_of(parts.get("explained-at", {}).get("valueDateTime"))
    in_time = when is not None and when <= microseconds(at)
    return bool(who) and in_time and parts.get("understands", {}).get("valueBoolean") is True


def _beginnings(consents: CompiledConsents, at: datetime) -> Iterable[datetime]:
    """Yield the later moments from which a Consent, or a provision of one, is in force or is no longer."""
    periods = [(consent.start, consent.end) for consent in consents.consents]
    periods += [(rule.start, rule.end) for consent in consents.consents for rule in consent.provisions]
    edges = {edge for period in periods for edge in period if edge is not None}
    yield from (moment for edge in sorted(edges) if (moment := EPOCH + timedelta(microseconds=edge)) > at)


def _opened(
    consents: CompiledConsents, role: Role, organisation: str, purpose: Purpose, policy: AccessPolicy, at: datetime
) -> int:
    request = AccessRequest(
        role=role,
        organisation=organisation,
        purpose=purpose,
        relationship=Relationship.ESTABLISHED,
        by_incident=True,
        id="",
    )
    return decide(request, RecordFacts(consents), policy, at).open_cells
