"""Access tokens: from a bearer token to the `Principal` who asks, or no further.

Guarantees, against whoever holds no key of a configured issuer and against clients that claim more than they are
registered for: a `Principal` comes out only of a JWT of type `at+jwt`, signed by a listed algorithm with that issuer's
own key, addressed to us, within its time and at most an hour long, whose client is registered with that issuer now and
for the organisation and role that the token names. A token bound to a key or certificate (`cnf`) is refused, because no
proof of possession is supported: it must not be usable as a plain bearer token.

Does not: decide what the caller may see (`security.consent`), or stop a stolen token within its minutes.

Verified tokens are kept by SHA-256 of the token to save the signature work alone. Time, the issuer's keys and the
client's registration are asked again for each request: an expired token, a removed or changed registration is noticed
at the next one, a withdrawn key as soon as the issuer's key set is fetched again. Two tasks that verify the same token
at once do the work twice and agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from security.assertions import Asserted, check_registered, read_asserted
from security.clock import Clock
from security.errors import AssertionRefused, CallerRefused, InvalidToken
from security.issuers import TrustedIssuer
from security.jwks import PublicKeys
from security.principal import Principal, Purpose, RoleWord
from security.registry import ClientRegistry, RegisteredClient
from security.scopes import covers, is_scope, parse_scopes
from security.signed_jwt import LEEWAY, MAX_TOKEN, Claims, check_claims, peek, verified_claims

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - the media type of RFC 9068, not a secret
DOOR_CLIENT = "demo-door:"
"""How ids of clients begin that only demo doors make; no registration can have a colon in its id."""

MAX_LIFETIME = timedelta(hours=1)
_LEEWAY_SECONDS = LEEWAY.total_seconds()
_CIRCUMSTANCES = ("assurance", "incident", "self_claim_reason")


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token whose signature held, with all that must still be so when it comes again. Times are epoch seconds."""

    principal: Principal
    client: RegisteredClient
    issuer: TrustedIssuer
    keys: PublicKeys
    valid_from: float
    expires: float


class TokenVerifier:
    """Verifies bearer tokens of our own and of configured outside issuers. One per process."""

    def __init__(
        self,
        issuers: Iterable[TrustedIssuer],
        registry: ClientRegistry,
        audience: str,
        clock: Clock,
        *,
        demo_doors: bool = False,
        cache_size: int = 4096,
    ) -> None:
        """`audience` is our FHIR base URL; `demo_doors` accepts the minted tokens of demo and sandbox."""
        self._issuers = {issuer.url: issuer for issuer in issuers}
        self._registry = registry
        self._audience = audience
        self._clock = clock
        self._demo_doors = demo_doors
        self._cache_size = cache_size
        self._cache: dict[bytes, _Verified] = {}

    async def verify(self, bearer: str, now: datetime | None = None) -> Principal:
        """Return who asks; `now` is the time of the request, where the caller has taken it already.

        Raises InvalidToken (nothing is proved), CallerRefused (a genuine token whose role or purpose is not known) or
        IssuerUnavailable (an outside issuer's keys cannot be had).
        """
        if len(bearer) > MAX_TOKEN or not bearer.isascii():
            raise InvalidToken("too large or not ASCII")
        digest = sha256(bearer.encode()).digest()
        held = self._cache.get(digest)
        now = now or self._clock()
        if held is not None and self._still_holds(held, now):
            return held.principal
        self._cache.pop(digest, None)
        verified = await self._verify(bearer, now)
        self._remember(digest, verified)
        return verified.principal

    def _still_holds(self, held: _Verified, now: datetime) -> bool:
        client, keys = held.client, held.issuer.keys
        return (
            held.valid_from <= now.timestamp() < min(held.expires, keys.good_until)
            and (client.client_id.startswith(DOOR_CLIENT) or self._registry.get(client.client_id) is client)
            and keys.current is held.keys
        )

    async def _verify(self, bearer: str, now: datetime) -> _Verified:
        header, unproved = peek(bearer)
        issuer = self._issuers.get(unproved["iss"]) if isinstance(unproved.get("iss"), str) else None
        if issuer is None:
            raise InvalidToken("wrong issuer")
        if header.type != ACCESS_TOKEN_TYPE:
            raise InvalidToken("not an access token")
        if header.algorithm not in issuer.algorithms:
            raise InvalidToken("algorithm not accepted")
        key = await issuer.keys.find(header.key_id, header.algorithm)
        if key is None:
            raise InvalidToken("key not known")
        claims = verified_claims(bearer, key, issuer.algorithms)
        if claims.get("iat") is None:
            raise InvalidToken("a claim is missing or wrong")
        check_claims(claims, now, issuer.url, self._audience, MAX_LIFETIME)
        if "cnf" in claims:
            raise InvalidToken("bound to a key that was not proved")
        client = self._client(issuer, claims)
        asserted = _asserted(issuer, claims, self._registry.roles)
        try:
            check_registered(asserted, client)
        except AssertionRefused as error:
            raise InvalidToken(error.reason) from None
        return _Verified(
            principal=asserted.principal(client, _scopes(issuer, claims, client), claims["jti"], issuer.url),
            client=client,
            issuer=issuer,
            keys=issuer.keys.current,
            valid_from=max(claims["iat"], claims.get("nbf", claims["iat"])) - _LEEWAY_SECONDS,
            expires=claims["exp"] + _LEEWAY_SECONDS,
        )

    def _client(self, issuer: TrustedIssuer, claims: Claims) -> RegisteredClient:
        client_id = issuer.claim(claims, "client_id")
        if not isinstance(client_id, str):
            raise InvalidToken("no client named")
        if self._demo_doors and issuer.name is None and client_id.startswith(DOOR_CLIENT):
            return _door_client(client_id, claims)
        client = self._registry.get(client_id)
        if client is None or client.issuer != issuer.name:
            raise InvalidToken("client not registered")
        return client

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        if len(self._cache) >= self._cache_size:
            self._cache.pop(next(iter(self._cache)))
        self._cache[digest] = verified


def _asserted(issuer: TrustedIssuer, claims: Claims, roles: frozenset[RoleWord]) -> Asserted:
    """Read who acts and why from proved claims. Unknown words are refused as such: the token itself is genuine."""
    purpose, role = issuer.claim(claims, "purpose"), issuer.role(issuer.claim(claims, "role"))
    if purpose not in list(Purpose):
        raise CallerRefused("the purpose of use is not known")
    if role is not None and not (isinstance(role, str) and role in roles):
        raise CallerRefused("the role is not known")
    try:
        return read_asserted(
            organisation=issuer.claim(claims, "organisation"),
            purpose=purpose,
            user_id=issuer.claim(claims, "user_id"),
            user_name=issuer.claim(claims, "user_name"),
            role=role,
            circumstances={member: issuer.claim(claims, member) for member in _CIRCUMSTANCES},
        )
    except AssertionRefused as error:
        raise InvalidToken(error.reason) from None


def _scopes(issuer: TrustedIssuer, claims: Claims, client: RegisteredClient) -> frozenset[str]:
    """Return the scopes that the registration covers, whole; others, and those not understood, allow nothing."""
    scope = issuer.claim(claims, "scope")
    asked = parse_scopes(scope) if isinstance(scope, str) else frozenset[str]()
    return frozenset(scope for scope in asked if is_scope(scope) and covers(client.scopes, scope))


def _door_client(client_id: str, claims: dict[str, Any]) -> RegisteredClient:
    """Make the client that a minted token stands for, out of the token, which our own issuer signed."""
    return RegisteredClient(
        client_id=client_id,
        name="demo door",
        organisation=claims["organisation"],
        roles=frozenset(claims["registered_roles"]),
        scopes=parse_scopes(claims["scope"]),
        max_assurance=3,
    )
