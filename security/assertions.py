"""The person and circumstances a client asserts, in its signed assertion and then in its access token (section 1).

In the client assertion the claim `extensions` holds up to two objects:

    "hl7-b2b"   UDAP's: `version` "1"; `organization_id`, an ODS code, plain or after
                `https://fhir.nhs.uk/Id/ods-organization-code/`; `purpose_of_use`, exactly one code of v3-ActReason,
                plain (`TREAT`) or after `urn:oid:2.16.840.1.113883.5.8#`, alone or in a list; and, when a person acts,
                `subject_id`, `subject_name` and `subject_role` (a role of section 1) together
    "epaccs"    ours: `assurance` (1 to 3: factors of the person's sign-in), `incident` (number of the open incident),
                `self_claim_reason` (why the person needs a record without an established relationship)

No `hl7-b2b`: nobody is named and the client acts for its own organisation. What goes beyond the registration is
refused, except assurance, which counts only as far as claim and registration both reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_profiles.identifiers import ODS_SYSTEM
from security.errors import AssertionRefused
from security.principal import NamedPerson, Principal, Purpose, Role, RoleWord
from security.registry import RegisteredClient

B2B = "hl7-b2b"
OURS = "epaccs"
PURPOSE_OID = "urn:oid:2.16.840.1.113883.5.8#"

_INCIDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_OUR_MEMBERS = frozenset({"assurance", "incident", "self_claim_reason"})
_PERSON_MEMBERS = ("subject_id", "subject_name", "subject_role")


@dataclass(frozen=True, slots=True)
class Asserted:
    """Who acts, for whom and why. `role` is the person's, or `Role.SYSTEM` when `person` is None."""

    organisation: str
    role: RoleWord
    purpose: Purpose
    person: NamedPerson | None = None
    assurance: int = 1
    incident: str | None = None
    self_claim_reason: str | None = None

    def principal(self, client: RegisteredClient, scopes: frozenset[str], token_id: str, issuer: str) -> Principal:
        """Make the caller that a verified token stands for."""
        return Principal(
            client_id=client.client_id,
            organisation=self.organisation,
            role=self.role,
            purpose=self.purpose,
            registered_roles=client.roles,
            scopes=scopes,
            token_id=token_id,
            issuer=issuer,
            user=self.person,
            assurance=min(self.assurance, client.max_assurance),
            incident=self.incident,
            self_claim_reason=self.self_claim_reason,
        )


def b2b_extensions(asserted: Asserted) -> dict[str, dict[str, Any]]:
    """Return the claim `extensions` that says this. `read_extensions` is its inverse."""
    b2b: dict[str, Any] = {
        "version": "1",
        "organization_id": f"{ODS_SYSTEM}/{asserted.organisation}",
        "purpose_of_use": [PURPOSE_OID + asserted.purpose],
    }
    if asserted.person is not None:
        b2b |= {
            "subject_id": asserted.person.id,
            "subject_name": asserted.person.name,
            "subject_role": str(asserted.role),
        }
    ours: dict[str, Any] = {
        "assurance": asserted.assurance if asserted.person is not None else None,
        "incident": asserted.incident,
        "self_claim_reason": asserted.self_claim_reason,
    }
    return {B2B: b2b, OURS: {member: value for member, value in ours.items() if value is not None}}


def read_extensions(extensions: object, client: RegisteredClient) -> Asserted:
    """Read the claim `extensions` of a verified client assertion (None: absent); raise AssertionRefused."""
    if extensions is not None and not isinstance(extensions, dict):
        raise AssertionRefused("extensions is not an object")
    b2b, ours = (extensions or {}).get(B2B), (extensions or {}).get(OURS, {})
    if not isinstance(b2b, dict | None) or not isinstance(ours, dict):
        raise AssertionRefused("an extension is not an object")
    if ours.keys() - _OUR_MEMBERS:
        raise AssertionRefused("the epaccs extension has a member that is not known")
    if b2b is None:
        b2b = {"version": "1", "organization_id": client.organisation, "purpose_of_use": Purpose.TREAT}
    if b2b.get("version") != "1":
        raise AssertionRefused("hl7-b2b needs version 1")
    subject = [b2b.get(member) for member in _PERSON_MEMBERS]
    asserted = read_asserted(
        organisation=_plain(b2b.get("organization_id"), f"{ODS_SYSTEM}/"),
        purpose=_plain(_single(b2b.get("purpose_of_use")), PURPOSE_OID),
        user_id=subject[0],
        user_name=subject[1],
        role=subject[2],
        circumstances=ours,
    )
    check_registered(asserted, client)
    return asserted


def read_asserted(
    *,
    organisation: object,
    purpose: object,
    user_id: object,
    user_name: object,
    role: object,
    circumstances: Mapping[str, Any],
) -> Asserted:
    """Judge the parts of an assertion by shape, wherever they came from; raise AssertionRefused.

    Which roles there are is the registration's to say (`check_registered`): it holds known ones alone.
    `role` may be the word `system` or absent when no person is named. `circumstances` may hold `assurance`, `incident`
    and `self_claim_reason`.
    """
    if not isinstance(organisation, str):
        raise AssertionRefused("the organisation is missing")
    if not isinstance(purpose, str) or purpose not in set(Purpose):
        raise AssertionRefused("the purpose of use is missing or not known")
    person, acting = _person(user_id, user_name, role)
    assurance, incident = circumstances.get("assurance"), circumstances.get("incident")
    if assurance is not None and (type(assurance) is not int or not 1 <= assurance <= 3):
        raise AssertionRefused("assurance is 1, 2 or 3")
    if incident is not None and (not isinstance(incident, str) or _INCIDENT.fullmatch(incident) is None):
        raise AssertionRefused("incident is 1 to 64 letters, digits and . _ : / -")
    reason = circumstances.get("self_claim_reason")
    if reason is not None and not (_is_text(reason, 500) and person is not None):
        raise AssertionRefused("self_claim_reason is text of a named person, 1 to 500 characters")
    return Asserted(organisation, acting, Purpose(purpose), person, assurance or 1 if person else 1, incident, reason)


def check_registered(asserted: Asserted, client: RegisteredClient) -> None:
    """Raise AssertionRefused unless the registration allows the organisation and the role (section 1)."""
    if not client.acts_for(asserted.organisation):
        raise AssertionRefused("the client is not registered for this organisation")
    if asserted.role not in client.roles:
        raise AssertionRefused("the client is not registered for this role")


def _person(user_id: object, user_name: object, role: object) -> tuple[NamedPerson | None, RoleWord]:
    if user_id is None and user_name is None and role in (None, Role.SYSTEM):
        return None, Role.SYSTEM
    if not isinstance(user_id, str) or not isinstance(user_name, str):
        raise AssertionRefused("a named person has an id, a name and a role")
    if not _is_text(user_id, 128) or not _is_text(user_name, 200):
        raise AssertionRefused("a person's id is 1 to 128 characters, their name 1 to 200")
    if not isinstance(role, str) or role == Role.SYSTEM:
        raise AssertionRefused("the role of the named person is missing, or that of nobody")
    return NamedPerson(user_id, user_name), role


def _single(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _plain(value: object, prefix: str) -> object:
    return value.removeprefix(prefix) if isinstance(value, str) else value


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and value.isprintable() and value == value.strip()
