"""A small world to sign in to: an issuer, one clinical client, a clock that stands still until it is moved."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwk, jwt
from joserfc.jwk import ECKey, RSAKey

from security.issuer import Endpoints, Issuer
from security.registry import ClientRegistry, RegisteredClient, registration
from security.tokens import TokenVerifier

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ENDPOINTS = Endpoints(
    issuer="https://epaccs.test",
    token_url="https://epaccs.test/oauth2/token",
    jwks_url="https://epaccs.test/.well-known/jwks.json",
    fhir_base="https://epaccs.test/fhir/R4",
)
CLIENT_KEY = ECKey.generate_key("P-384", {"kid": "gp-1", "use": "sig", "alg": "ES384"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "gp-rsa", "use": "sig"})
STRANGER_KEY = ECKey.generate_key("P-256", {"kid": "stranger", "use": "sig"})
ISSUER_KEY = ECKey.generate_key("P-256")
ISSUER_PEM = ISSUER_KEY.as_pem(private=True).decode()

B2B = {
    "version": "1",
    "organization_id": "https://fhir.nhs.uk/Id/ods-organization-code/ZZGP01",
    "purpose_of_use": ["urn:oid:2.16.840.1.113883.5.8#TREAT"],
    "subject_id": "clinician-1",
    "subject_name": "Dr Morwenna Example",
    "subject_role": "gp",
}


class Moment:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class SpentInMemory:
    """Tokens spent in this process."""

    tokens: dict[bytes, datetime] = field(default_factory=dict)

    async def __call__(self, token: bytes, expires: datetime) -> bool:
        if token in self.tokens:
            return False
        self.tokens[token] = expires
        return True


def client_document(**changes: Any) -> dict[str, Any]:
    return {
        "client_id": "gp-system",
        "name": "A GP system",
        "organisation": "ZZGP01",
        "other_organisations": ["ZZGP02"],
        "roles": ["gp", "admin", "system"],
        "scopes": ["system/*.rs", "system/Patient.cruds"],
        "max_assurance": 2,
        "jwks": {"keys": [CLIENT_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]},
    } | changes


def client(**changes: Any) -> RegisteredClient:
    return registration(client_document(**changes))


class World:
    """Everything wired together. `claims()` are those of a good client assertion, `access_claims()` of a good token."""

    def __init__(self, *clients: RegisteredClient, demo_doors: bool = False, restored: datetime | None = None) -> None:
        self.clock = Moment()
        self.spent = SpentInMemory()
        self.registry = ClientRegistry(clients or (client(),))
        self.issuer = Issuer(
            ENDPOINTS,
            [ISSUER_PEM],
            self.registry,
            self.clock,
            self.spent,
            demo_doors=demo_doors,
            restored=restored,
        )
        self.verifier = self.verifier_with()

    def verifier_with(self, *others: Any, demo_doors: bool = False) -> TokenVerifier:
        issuers = [self.issuer.trusted(), *others]
        return TokenVerifier(issuers, self.registry, ENDPOINTS.fhir_base, self.clock, demo_doors=demo_doors)

    @property
    def seconds(self) -> int:
        return int(self.clock().timestamp())

    def claims(self, **changes: Any) -> dict[str, Any]:
        return without_none(
            {
                "iss": "gp-system",
                "sub": "gp-system",
                "aud": ENDPOINTS.token_url,
                "jti": "one-use",
                "iat": self.seconds,
                "exp": self.seconds + 240,
                "extensions": {"hl7-b2b": B2B},
            }
            | changes
        )

    def form(self, claims: dict[str, Any] | None = None, **changes: Any) -> dict[str, str]:
        return form(signed(self.claims() if claims is None else claims, CLIENT_KEY, alg="ES384", kid="gp-1"), **changes)

    def access_claims(self, **changes: Any) -> dict[str, Any]:
        return without_none(
            {
                "iss": ENDPOINTS.issuer,
                "aud": ENDPOINTS.fhir_base,
                "sub": "gp-system",
                "client_id": "gp-system",
                "jti": "token-1",
                "iat": self.seconds,
                "exp": self.seconds + 600,
                "scope": "system/*.rs",
                "organisation": "ZZGP01",
                "role": "gp",
                "purpose": "TREAT",
                "user_id": "clinician-1",
                "user_name": "Dr Morwenna Example",
                "assurance": 1,
            }
            | changes
        )

    def access_token(self, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Sign with the issuer's own key, whatever the claims say."""
        kid = self.issuer.jwks()["keys"][0]["kid"]
        full = without_none({"alg": "ES256", "kid": kid, "typ": "at+jwt"} | (header or {}))
        return signed(self.access_claims(**changes), ISSUER_KEY, **full)


def form(assertion: str, **changes: Any) -> dict[str, str]:
    return without_none(
        {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        | changes
    )


def signed(claims: dict[str, Any], key: jwk.Key, **header: Any) -> str:
    return jwt.encode({"typ": "JWT", **header}, claims, key, [header["alg"]])


def raw(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """Join a JWT by hand, for those that no library makes."""
    return ".".join((segment(json.dumps(header).encode()), segment(json.dumps(claims).encode()), segment(signature)))


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
