"""The token that says, for a GP practice's audit, who asks for a record and why (GP Connect, cross-organisation audit).

It is not signed: the Spine Secure Proxy's mutual TLS says which system asks, and this says on whose behalf. Practices
check that its claims are all there.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec

from fhir_profiles.identifiers import ODS_SYSTEM, SDS_USER_SYSTEM
from security.clock import Clock

LIFETIME = timedelta(minutes=5)
"""Exactly as long as providers allow."""
ROLE_PROFILE_SYSTEM = "https://fhir.nhs.uk/Id/sds-role-profile-id"
NO_SMARTCARD = "UNK"
_HEADER = b'{"alg":"none","typ":"JWT"}'


class AskingPerson(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The clinician on whose behalf a record is read. `user` and `role_profile`: of their smartcard, or `UNK`."""

    family: str
    given: str
    prefix: str = ""
    user: str = NO_SMARTCARD
    role_profile: str = NO_SMARTCARD


@dataclass(frozen=True, slots=True)
class AuditToken:
    """Makes them, for one organisation (ODS code and name) and its system; `issuer` is that system's address."""

    issuer: str
    organisation: str
    organisation_name: str
    system_model: str
    system_version: str
    person: AskingPerson = field(repr=False)
    clock: Clock

    def for_provider(self, base: str) -> str:
        """Return a token for one request to the provider whose FHIR base is `base`."""
        now, id = int(self.clock().timestamp()), secrets.token_hex(8)
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": id,
            "aud": base,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "reason_for_request": "directcare",
            "requested_scope": "patient/*.read",
            "requesting_device": {
                "resourceType": "Device",
                "identifier": [{"system": self.issuer, "value": self.system_model}],
                "model": self.system_model,
                "version": self.system_version,
            },
            "requesting_organization": {
                "resourceType": "Organization",
                "identifier": [{"system": ODS_SYSTEM, "value": self.organisation}],
                "name": self.organisation_name,
            },
            "requesting_practitioner": {
                "resourceType": "Practitioner",
                "id": id,
                "identifier": [
                    {"system": SDS_USER_SYSTEM, "value": self.person.user},
                    {"system": ROLE_PROFILE_SYSTEM, "value": self.person.role_profile},
                    {"system": f"{self.issuer}/Id/user", "value": id},
                ],
                "name": [self._name()],
            },
        }
        return f"{_part(_HEADER)}.{_part(msgspec.json.encode(claims))}."

    def _name(self) -> dict[str, Any]:
        name: dict[str, Any] = {"family": self.person.family, "given": [self.person.given]}
        return {**name, "prefix": [self.person.prefix]} if self.person.prefix else name


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
