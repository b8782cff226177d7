"""The embedded token issuer: access tokens for registered clients, and for anyone through the doors of the demo.

An access token (RFC 9068) is a JWT of type `at+jwt`, ES256 by the key ring's issuer key, 10 minutes long, with

    iss aud exp iat jti client_id sub scope     as the RFC says; `sub` is the client, `aud` our FHIR base
    organisation role purpose                   whom the client acts for, in which role, and why
    user_id user_name assurance                 the named person and their sign-in; absent for role `system`
    incident self_claim_reason                  when asserted

Its content never says what may be seen: that is decided when it is used, from the record as it then is.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from joserfc import jwt

from fhir_profiles.identifiers import is_ods_code
from security.assertions import Asserted, read_asserted, read_extensions
from security.clock import Clock
from security.demo_clients import stock_person, usual_purpose
from security.errors import AssertionRefused, DemoDoorClosed
from security.event_signature import ALGORITHM, signing_key
from security.grants import (
    ASSERTION_LIFETIME,
    AUTH_METHOD,
    GRANT_TYPE,
    Refusal,
    SignedClientAssertion,
    TokenAnswer,
    TokenRequest,
    TokenServer,
    refused,
)
from security.issuers import OwnKeys, TrustedIssuer
from security.jwks import read_public_keys
from security.principal import NamedPerson, Role, RoleWord
from security.registry import ClientRegistry, RegisteredClient
from security.scopes import ACTIONS
from security.signed_jwt import LEEWAY
from security.tokens import ACCESS_TOKEN_TYPE, DOOR_CLIENT

LIFETIME = timedelta(minutes=10)
ASSERTION_ALGORITHMS = ("RS384", "ES384", "RS512", "PS256", "ES256")
"""What clients may sign with by default: the two of SMART, and what NHS systems have at hand."""

SpendOnce = Callable[[bytes, datetime], Awaitable[bool]]
"""Insert a token if absent, atomically and for all processes; False means that it was there."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses that make tokens ours: `issuer` (claim `iss`), `token_url` (`aud` of assertions), `fhir_base`."""

    issuer: str
    token_url: str
    jwks_url: str
    fhir_base: str


class Issuer:
    """Issues access tokens. One per process; holds no state but its keys."""

    def __init__(
        self,
        endpoints: Endpoints,
        private_keys: Sequence[str],
        registry: ClientRegistry,
        clock: Clock,
        spend_once: SpendOnce,
        *,
        assertion_algorithms: tuple[str, ...] = ASSERTION_ALGORITHMS,
        demo_doors: bool = False,
        restored: datetime | None = None,
    ) -> None:
        """`private_keys` are P-256 keys in PEM: the first signs, all are published, so that one can follow another.

        `restored`: when the register of spent assertions was last put back to an older state. What may have been used
        before that is refused, since nobody can tell any more.
        """
        self._endpoints = endpoints
        self._keys = [signing_key(pem) for pem in private_keys]
        self._registry = registry
        self._clock = clock
        self._spend_once = spend_once
        self._algorithms = assertion_algorithms
        self._demo_doors = demo_doors
        self._restored = restored
        self._server = TokenServer(registry, self._members)

    async def answer(self, form: Mapping[str, str]) -> TokenAnswer:
        """Answer one request to the token endpoint; whatever is wrong with it is in the answer.

        An assertion is spent as soon as it is proved, whether or not a token comes of it. Failures of the register of
        spent assertions pass through: no token without it.
        """
        request = TokenRequest(self._endpoints.token_url, form)
        try:
            if not request.payload.grant_type:
                raise Refusal("invalid_request")
            self._server.get_token_grant(request)
            await self._authenticate(request)
        except OAuth2Error as error:
            return refused(error)
        answer: TokenAnswer = self._server.create_token_response(request)
        return answer

    def issue(self, client: RegisteredClient, asserted: Asserted, scopes: frozenset[str]) -> str:
        """Sign an access token. Nothing is checked: callers are the grant, and commands on this machine."""
        return self._sign(client.client_id, asserted, scopes, {})

    def mint(
        self,
        role: RoleWord,
        organisation: str,
        *,
        user_id: str | None = None,
        assurance: int = 1,
        purpose: str | None = None,
        incident: str | None = None,
        self_claim_reason: str | None = None,
    ) -> str:
        """Sign a token for anyone; raise DemoDoorClosed outside demo and sandbox, AssertionRefused for nonsense.

        Without `user_id` the stock person of the role acts, for `Role.SYSTEM` nobody. `purpose` may be a word that is
        not known, so that its refusal can be tried. As `system` the client counts as registered for what that
        organisation's clients are registered for.
        """
        if not self._demo_doors:
            raise DemoDoorClosed("tokens for anyone exist in demo and sandbox only")
        peers = self._registry.of_organisation(organisation)
        person = stock_person(role)
        if user_id is not None and role != Role.SYSTEM:
            person = NamedPerson(user_id, f"Demo {role.replace('_', ' ')} user")
        if not is_ods_code(organisation):
            raise AssertionRefused("the organisation is not an ODS code")
        asserted = read_asserted(
            organisation=organisation,
            purpose=usual_purpose(role),
            user_id=person.id if person else None,
            user_name=person.name if person else None,
            role=role,
            circumstances={"assurance": assurance, "incident": incident, "self_claim_reason": self_claim_reason},
        )
        registered = {role, Role.SYSTEM}
        if role == Role.SYSTEM:
            registered |= {peer_role for peer in peers for peer_role in peer.roles}
        scopes = {"system/*.cruds"} | {scope for peer in peers for scope in peer.scopes & ACTIONS}
        extra: dict[str, Any] = {"registered_roles": sorted(registered)}
        if purpose is not None:
            extra["purpose"] = purpose
        return self._sign(f"{DOOR_CLIENT}{organisation}:{role}", asserted, frozenset(scopes), extra)

    def trusted(self) -> TrustedIssuer:
        """Return this issuer as the verifier trusts it."""
        keys, problems = read_public_keys(self.jwks())
        assert not problems
        return TrustedIssuer(self._endpoints.issuer, (ALGORITHM,), OwnKeys(keys))

    def jwks(self) -> dict[str, Any]:
        """Return the public keys for `/.well-known/jwks.json`."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def smart_configuration(self) -> dict[str, Any]:
        """Return the discovery document of SMART App Launch for backend services."""
        return {
            "issuer": self._endpoints.issuer,
            "jwks_uri": self._endpoints.jwks_url,
            "token_endpoint": self._endpoints.token_url,
            "token_endpoint_auth_methods_supported": [AUTH_METHOD],
            "token_endpoint_auth_signing_alg_values_supported": list(self._algorithms),
            "grant_types_supported": [GRANT_TYPE],
            "scopes_supported": ["system/*.rs", "system/*.cruds", *sorted(ACTIONS)],
            "capabilities": ["client-confidential-asymmetric", "permission-v2"],
        }

    async def _authenticate(self, request: TokenRequest) -> None:
        """Prove the client, read whom it acts for, and spend its assertion; or raise."""
        authenticate = SignedClientAssertion(self._endpoints.token_url, self._algorithms, self._clock)
        client = authenticate(self._server.query_client, request)
        if client is None or request.form.get("client_id", client.get_client_id()) != client.get_client_id():
            request.client = None
            raise Refusal("invalid_client")
        claims = authenticate.claims
        if self._restored is not None and _made_before(claims, self._restored):
            raise Refusal("invalid_client", "The assertion is older than this service's present state; make a new one.")
        spent = sha256(f"client-assertion\0{client.get_client_id()}\0{claims['jti']}".encode()).digest()
        if not await self._spend_once(spent, datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY):
            raise Refusal("invalid_client", "The assertion was used before.")
        try:
            request.user = read_extensions(claims.get("extensions"), client.registered)
        except AssertionRefused as error:
            raise Refusal("invalid_grant", f"{error.reason[0].upper()}{error.reason[1:]}.") from None

    def _members(self, client: RegisteredClient, asserted: Asserted, scopes: frozenset[str]) -> dict[str, Any]:
        return {
            "access_token": self.issue(client, asserted, scopes),
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "scope": " ".join(sorted(scopes)),
        }

    def _sign(self, client_id: str, asserted: Asserted, scopes: frozenset[str], extra: Mapping[str, Any]) -> str:
        now = int(self._clock().timestamp())
        person = asserted.person
        claims = {
            "iss": self._endpoints.issuer,
            "aud": self._endpoints.fhir_base,
            "sub": client_id,
            "client_id": client_id,
            "iat": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": secrets.token_urlsafe(16),
            "scope": " ".join(sorted(scopes)),
            "organisation": asserted.organisation,
            "role": str(asserted.role),
            "purpose": str(asserted.purpose),
            "user_id": person.id if person else None,
            "user_name": person.name if person else None,
            "assurance": asserted.assurance if person else None,
            "incident": asserted.incident,
            "self_claim_reason": asserted.self_claim_reason,
            **extra,
        }
        header = {"alg": ALGORITHM, "kid": self._keys[0].kid, "typ": ACCESS_TOKEN_TYPE}
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header, present, self._keys[0], [ALGORITHM])


def _made_before(claims: Mapping[str, Any], moment: datetime) -> bool:
    """Tell whether an assertion may have been made before `moment`, by a client whose clock is within the leeway."""
    earliest = claims.get("iat", claims["exp"] - ASSERTION_LIFETIME.total_seconds())
    return bool(earliest <= (moment + LEEWAY).timestamp())
