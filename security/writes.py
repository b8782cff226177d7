"""Who may write what (sharing rules 5.9): the policy's write table, applied to one resource.

Reading and writing are judged apart: a caller who may write here must also have been permitted by `security.consent`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fhir_profiles.sections import Section
from security.access_policy import AccessPolicy, WriteRow
from security.principal import CLINICAL_ROLES, PLAN_OWNING_ROLES, Principal, Role


class Authorship(msgspec.Struct, frozen=True):
    """What is written, and whom it names as its author.

    `author_role_known`: the author's role is stated in words or codes that are understood. `author_organisation` is an
    ODS code. Fields are None where the resource does not say.
    """

    resource_type: str
    interaction: Literal["create", "update", "delete"]
    author_id: str | None = None
    author_role_known: bool = False
    author_organisation: str | None = None
    break_glass: bool = False


class WriteVerdict(msgspec.Struct, frozen=True):
    """Whether a write is allowed, by which sharing rule, and why in a sentence without content."""

    permitted: bool
    rule: str
    reason: str


def may_write(
    principal: Principal, section: Section | None, authorship: Authorship, policy: AccessPolicy
) -> WriteVerdict:
    """Return whether this caller may write this resource.

    Args:
        principal: the verified caller. Without a named person it is a system, which writes what the roles that its
            client is registered for may write without one.
        section: the resource's section; None for what takes the section of what points at it (Practitioner,
            Provenance), which whoever may write anything may send along.
        authorship: what is written and whom it names.
        policy: holds the write table.

    """
    if authorship.break_glass:
        return WriteVerdict(False, "4", "emergency access never writes")
    if principal.role == Role.PROXY:
        return WriteVerdict(False, "5.9", "a proxy proposes changes and does not write them")
    rows = _rows(principal, policy)
    if not any(_covers(row, section, authorship) for row in rows):
        return WriteVerdict(False, "5.9", "this role may not write this part of the plan")
    if asks_who(section, policy):
        return _decision_verdict(principal, authorship)
    return WriteVerdict(True, "5.9", "the role may write this part of the plan")


def asks_who(section: Section | None, policy: AccessPolicy) -> bool:
    """Return whether `may_write` looks at whom an entry of this section names: it does for decisions alone."""
    return section in policy.writes.decision_sections


def may_take_on(principal: Principal) -> WriteVerdict:
    """Return whether this caller may create a person's record, and so hold it (5.9a)."""
    roles = principal.registered_roles if principal.role == Role.SYSTEM else frozenset({principal.role})
    if roles & PLAN_OWNING_ROLES:
        return WriteVerdict(True, "5.9a", "organisations of this kind take people on")
    return WriteVerdict(False, "5.9a", "only a GP, hospice, community or hospital organisation takes a person on")


def _rows(principal: Principal, policy: AccessPolicy) -> list[WriteRow]:
    if principal.user is not None and principal.role != Role.SYSTEM:
        return list(policy.writes.roles.get(principal.role, ()))
    return [
        row for role in principal.registered_roles for row in policy.writes.roles.get(role, ()) if row.without_person
    ]


def _covers(row: WriteRow, section: Section | None, authorship: Authorship) -> bool:
    if section is None:
        return True
    return (
        authorship.interaction in row.interactions
        and (row.types == "all" or authorship.resource_type in row.types)
        and (row.sections == "all" or section in row.sections)
    )


def _decision_verdict(principal: Principal, authorship: Authorship) -> WriteVerdict:
    """Judge the identity behind a decision: a clinician who signed in, or one whom a system's entry names."""
    if principal.user is not None and principal.role in CLINICAL_ROLES:
        return WriteVerdict(True, "5.9", "a clinician with an identity writes decisions")
    if authorship.interaction == "delete":
        return WriteVerdict(False, "5.9", "a decision is withdrawn by a clinician with an identity")
    if not (authorship.author_id and authorship.author_role_known):
        return WriteVerdict(False, "5.9", "a decision must name the clinician who made it, with id and role")
    if authorship.author_organisation != principal.organisation:
        return WriteVerdict(False, "5.9", "a system carries decisions of its own organisation's clinicians only")
    return WriteVerdict(True, "5.9", "a system carries the decision of a clinician of its own organisation")
