"""The OAuth 2.0 grant of SMART Backend Services, on Authlib's authorization server, grant and client authentication.

Authlib brings the protocol: which grant a request is, when client authentication applies, what each failure is called.
Changed here, and why: signatures and times are judged by `security.signed_jwt` (Authlib decodes without a list of
algorithms and reads the machine's clock); descriptions are fixed texts (Authlib's repeat input); nothing is logged
(Authlib logs issued tokens at DEBUG). Authlib is synchronous and the register of spent assertion ids is not, so the
issuer authenticates the client first, spends the id, and then runs the grant with the client already known.

What a failed client authentication says is one sentence until the signature holds: an unknown client, an unknown key
and a wrong signature cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientCredentialsGrant, ClientMixin, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion

from security.assertions import Asserted
from security.clock import Clock
from security.errors import InvalidToken
from security.jwks import PublicKeys
from security.registry import ClientRegistry, RegisteredClient
from security.scopes import covers, parse_scopes
from security.signed_jwt import Claims, Header, check_claims, peek, verified_claims

AUTH_METHOD = "private_key_jwt"
GRANT_TYPE = "client_credentials"
ASSERTION_LIFETIME = timedelta(minutes=5)
_ASSERTION_TYPES = frozenset({"jwt", "client-authentication+jwt"})
_DESCRIPTIONS = {
    "invalid_request": "The request is malformed, or a parameter is missing or repeated.",
    "invalid_client": "Client authentication failed.",
    "invalid_scope": "A scope is not known, or the client is not registered for it.",
    "unauthorized_client": "The client may not use this grant.",
    "unsupported_grant_type": "The grant type is client_credentials.",
}


class Refusal(OAuth2Error):
    """A failure whose description is ours, fixed, and safe to tell. `error` is a code of RFC 6749 section 5.2."""

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(error=error, description=description or _DESCRIPTIONS[error])


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What the token endpoint answers: status, JSON members, and headers beyond `Cache-Control` and type."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def error(self) -> str | None:
        """The error code of RFC 6749, or None for a token."""
        return self.body.get("error")


class OAuthClient(ClientMixin):
    """A registered client as Authlib asks about it. Also carries the keys that its assertions are verified with."""

    def __init__(self, registered: RegisteredClient) -> None:
        self.registered = registered

    def get_client_id(self) -> str:
        return self.registered.client_id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == AUTH_METHOD and endpoint == "token"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT_TYPE


class TokenRequest(OAuth2Request):
    """One request to the token endpoint. `client` and `user` (the `Asserted`) are set once they are proved."""

    def __init__(self, token_url: str, form: Mapping[str, str]) -> None:
        super().__init__("POST", token_url)
        self.payload = BasicOAuth2Payload(dict(form))

    @property
    def form(self) -> Mapping[str, str]:
        data: Mapping[str, str] = self.payload.data
        return data


class SignedClientAssertion(JWTBearerClientAssertion):
    """Client authentication by a signed JWT (RFC 7523) for one request; afterwards `claims` are the proved ones."""

    CLIENT_AUTH_METHOD = AUTH_METHOD

    def __init__(self, token_url: str, algorithms: tuple[str, ...], clock: Clock) -> None:
        super().__init__(validate_jti=False)
        self._audience = token_url
        self._algorithms = algorithms
        self._clock = clock
        self._header = Header("", "", "")
        self.claims: Claims = {}

    def extract_assertion(self, assertion: str) -> tuple[Header, Claims]:
        """Read header and claims without believing them, within limits of size."""
        try:
            self._header, claims = peek(assertion)
        except InvalidToken:
            raise Refusal("invalid_client") from None
        return self._header, claims

    def resolve_client_public_key(self, client: OAuthClient) -> PublicKeys:
        """Return all keys of the client; which one is said by the header and settled in `process_assertion_claims`."""
        return client.registered.keys

    def process_assertion_claims(self, assertion: str, resolve_key: PublicKeys) -> Claims:
        """Prove the assertion: signature first, then what it says."""
        header = self._header
        key = resolve_key.find(header.key_id, header.algorithm) if header.algorithm in self._algorithms else None
        try:
            if key is None:
                raise InvalidToken("key not known")
            claims = verified_claims(assertion, key, self._algorithms)
        except InvalidToken:
            raise Refusal("invalid_client") from None
        self.verify_claims(claims)
        self.claims = claims
        return claims

    def verify_claims(self, claims: Claims) -> None:
        """Check the claims of a signature that held: the client may be told what is wrong with them."""
        if self._header.type not in _ASSERTION_TYPES:
            raise Refusal("invalid_client", "The assertion has the wrong typ.")
        if claims.get("iss") != claims.get("sub"):
            raise Refusal("invalid_client", "The assertion needs iss and sub, both the client_id.")
        try:
            check_claims(claims, self._clock(), claims["sub"], self._audience, ASSERTION_LIFETIME)
        except InvalidToken as error:
            raise Refusal("invalid_client", f"The assertion is not acceptable: {error.reason}.") from None


class BackendServicesGrant(ClientCredentialsGrant):
    """client_credentials for a client that has authenticated by its signed assertion."""

    TOKEN_ENDPOINT_AUTH_METHODS = [AUTH_METHOD]  # noqa: RUF012 - Authlib's own attribute, a list

    def validate_requested_scope(self) -> None:
        """Refuse the whole request for one scope beyond the registration: a client is never given less unawares."""
        held = self.client.registered.scopes
        if not all(covers(held, asked) for asked in requested_scopes(self.request)):
            raise Refusal("invalid_scope")

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """Issue the token. Overridden because Authlib's own writes the token to its log."""
        token = self.generate_token(
            user=self.request.user, scope=requested_scopes(self.request), include_refresh_token=False
        )
        return 200, token, []


Generate = Callable[[RegisteredClient, Asserted, frozenset[str]], dict[str, Any]]
"""Makes the members of a successful answer."""


class TokenServer(AuthorizationServer):
    """Authlib's authorization server with the one grant, on our registry."""

    def __init__(self, registry: ClientRegistry, generate: Generate) -> None:
        super().__init__()
        self._registry = registry
        self._generate = generate
        self.register_grant(BackendServicesGrant)
        self.register_client_auth_method(AUTH_METHOD, lambda _query_client, request: request.client)

    def query_client(self, client_id: str) -> OAuthClient | None:
        client = self._registry.get(client_id)
        return OAuthClient(client) if client is not None and client.issuer is None else None

    def generate_token(
        self,
        grant_type: str,
        client: OAuthClient,
        user: Asserted | None = None,
        scope: frozenset[str] | None = None,
        expires_in: int | None = None,
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        if user is None:
            raise Refusal("invalid_client")
        return self._generate(client.registered, user, scope or frozenset())

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        return request

    def handle_response(self, status: int, body: Mapping[str, Any], headers: object) -> TokenAnswer:
        return TokenAnswer(status, body, {})

    def handle_error_response(self, request: TokenRequest, error: OAuth2Error) -> TokenAnswer:
        return refused(error)


def refused(error: OAuth2Error) -> TokenAnswer:
    """Turn a failure into the answer of RFC 6749 section 5.2, in our words only."""
    description = error.description if isinstance(error, Refusal) else _DESCRIPTIONS.get(error.error)
    body = {"error": error.error, "error_description": description or _DESCRIPTIONS["invalid_request"]}
    # RFC 9110 wants a challenge with every 401; ours names the only scheme this server's resources take
    status, headers = (401, {"WWW-Authenticate": "Bearer"}) if error.error == "invalid_client" else (400, {})
    return TokenAnswer(status, body, headers)


def requested_scopes(request: TokenRequest) -> frozenset[str]:
    """Return the scopes asked for; without the parameter, all that the client is registered for (RFC 6749, 3.3)."""
    scope: str | None = request.payload.scope
    registered: frozenset[str] = request.client.registered.scopes
    return parse_scopes(scope) if scope else registered
