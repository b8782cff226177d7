"""Who asks, for what purpose, and what is known of how they signed in (sharing rules, section 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

RoleWord = str
"""The word of a role: one of `Role`, or one that the sharing policy adds (`AccessPolicy.added_roles`)."""


class Role(StrEnum):
    """The roles that rules speak of by name. A policy may add others, none of them clinical.

    A word that is neither here nor added is refused, never mapped to a neighbour.
    """

    GP = "gp"
    HOSPICE = "hospice"
    COMMUNITY = "community"
    HOSPITAL = "hospital"
    AMBULANCE = "ambulance"
    NHS111 = "nhs111"
    CARE_HOME = "care_home"
    SOCIAL_CARE = "social_care"
    PATIENT = "patient"
    PROXY = "proxy"
    ADMIN = "admin"
    SYSTEM = "system"
    PRIVACY_OFFICER = "privacy_officer"
    RESEARCHER = "researcher"


BUILT_IN_ROLES = frozenset(role.value for role in Role)
"""The words of the roles above."""

CLINICAL_ROLES = frozenset({Role.GP, Role.HOSPICE, Role.COMMUNITY, Role.HOSPITAL, Role.AMBULANCE, Role.NHS111})
"""The six roles that the rules call CLIN."""

PLAN_OWNING_ROLES = frozenset({Role.GP, Role.HOSPICE, Role.COMMUNITY, Role.HOSPITAL})
"""Roles whose organisations write and hold plans (5.9, 5.9a)."""


class Purpose(StrEnum):
    """Purposes of v3-ActReason that this service knows. Others parse to nothing and are refused."""

    TREAT = "TREAT"
    ETREAT = "ETREAT"
    PATRQT = "PATRQT"
    FAMRQT = "FAMRQT"
    PATADMIN = "PATADMIN"
    HCOMPL = "HCOMPL"


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """The human a client says it acts for, as asserted in its signed assertion."""

    id: str
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. Only `security.tokens` makes one from a token; tests and demo doors build their own.

    `role` is the person's role when `user` is set, else `Role.SYSTEM`. `registered_roles` are those of the client.
    `assurance` is 1 to 3 (factors of sign-in); `incident` is an incident number the caller quotes, which alone
    proves nothing.
    """

    client_id: str
    organisation: str
    role: RoleWord
    purpose: Purpose
    registered_roles: frozenset[RoleWord]
    scopes: frozenset[str]
    token_id: str
    issuer: str
    user: NamedPerson | None = None
    assurance: int = 1
    incident: str | None = None
    self_claim_reason: str | None = None
