"""Where a caller's relationship to a person comes from (sharing rules 1, `lr`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from security.access_policy import AccessPolicy
from security.access_request import AccessRequest, Relationship
from security.clock import instant
from security.consent_match import named_cells
from security.labels import SFlag
from security.principal import Principal, Role
from service.plan.matching import Grade, fit, lives_at
from service.record.acting import is_theirs
from service.record.caller import Caller
from service.record.records import OpenRecord, SeenRegister
from service.record.register import Register

PERSONAL_ROLES = frozenset({Role.PATIENT, Role.PROXY})
"""Roles whose relationship is to one person, and does not come from an organisation's."""


@dataclass(frozen=True, slots=True)
class Found:
    """The relationship that was found, and whether it rests on an open registered incident alone."""

    kind: Relationship
    by_incident: bool = False


_ESTABLISHED, _BY_INCIDENT = Found(Relationship.ESTABLISHED), Found(Relationship.ESTABLISHED, by_incident=True)
SENT_THERE = _BY_INCIDENT
"""What a crew has to whoever lives where it was sent, for counting them alone."""


async def relationship_of(
    caller: Caller, record: OpenRecord, register: Register, policy: AccessPolicy, now: datetime
) -> Found:
    """Return the caller's relationship to the person of a record; `policy` governs the record."""
    principal, manifest = caller.principal, record.manifest
    user = None if principal.user is None else principal.user.id
    nhs_number = manifest.identity.nhs_number
    if principal.role in PERSONAL_ROLES:
        # The organisation whose sign-in they use gives them nobody's plan but their own.
        return _ESTABLISHED if is_theirs(principal, manifest, now) else Found(Relationship.NONE)
    if principal.organisation in manifest.relations:
        return _ESTABLISHED
    if nhs_number and await register.names(nhs_number, principal.organisation, user, instant(now), _seen(record)):
        return _BY_INCIDENT
    for former in manifest.former_numbers:  # a control room may know no other yet
        if await register.names(former, principal.organisation, user, instant(now)):
            return _BY_INCIDENT
    if await _attends(principal, record, register, now):
        return _BY_INCIDENT
    if _serves(principal, record, policy, now):
        return _ESTABLISHED
    if principal.self_claim_reason is not None or caller.break_glass is not None:
        return Found(Relationship.SELF_CLAIMED)
    return Found(Relationship.NONE)


def _seen(record: OpenRecord) -> SeenRegister | None:
    """Return what was seen of the register, unless it may be that of a former number."""
    return None if record.manifest.former_numbers else record.register


def _serves(principal: Principal, record: OpenRecord, policy: AccessPolicy, now: datetime) -> bool:
    """Say whether a role that the policy adds has its own kind of relationship to the person (rule 3)."""
    role = policy.added_roles.get(principal.role)
    if role is None:
        return False
    if role.relationship == "locality":
        return principal.organisation in policy.locality.serving.get(principal.role, ())
    request = AccessRequest.of(principal)
    consents = record.manifest.consents
    return role.relationship == "named" and bool(named_cells(consents, request, now, by_role=False))


async def _attends(principal: Principal, record: OpenRecord, register: Register, now: datetime) -> bool:
    """Say whether the incident that a crew names was registered about this person, though without their number.

    What the control room registered must fit the person well, or be an address alone, which names all who live
    there: the crew then says whom it is with, by number or by name and birth date, for nobody is opened by where
    they live (hazard H2). Somebody with a flag for protected location is reached by no address (5.6).
    """
    if principal.incident is None:
        return False
    user = None if principal.user is None else principal.user.id
    told = await register.about(principal.organisation, user, principal.incident, instant(now))
    person, flagged = record.contents.person, record.manifest.sflag not in ("", SFlag.UNRESTRICTED)
    return any(
        fit(one, person).grade >= Grade.PROBABLE
        or (one.is_place_alone and not flagged and lives_at(one.dwellings, person.dwellings))
        for one in told
    )
