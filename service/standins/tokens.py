"""The token endpoint of a FHIR stand-in: SMART Backend Services, with private_key_jwt and nothing else.

https://hl7.org/fhir/smart-app-launch/backend-services.html, RFC 7523. Tokens are random words in memory.
"""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.standins.config import Sender
from service.standins.headers import media_type
from service.standins.ledger import Ledger
from service.standins.moments import Moments
from service.standins.outcomes import Refusal

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ("RS384", "ES384")
_SCOPE = re.compile(r"system/[A-Za-z*]+\.[cruds]+( system/[A-Za-z*]+\.[cruds]+)*")
_LIFETIME, _LONGEST = 300, 300
_BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/=-]+)")


class _Denied(Exception):
    def __init__(self, error: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.error, self.text, self.status = error, text, status


class Tokens:
    """Gives tokens to the one client that may sign in, and knows them again. `url` is the endpoint's own address."""

    def __init__(self, sender: Sender, url: str, ledger: Ledger, moments: Moments) -> None:
        self._sender = sender
        self._keys = KeySet.import_key_set({"keys": sender.jwks["keys"]})
        self._url = url
        self._ledger = ledger
        self._moments = moments
        self._spent: dict[str, float] = {}
        self._given: dict[str, float] = {}

    def needed(self, request: Request) -> None:
        """Refuse a request without a token that was given here and still lasts (401)."""
        found = _BEARER.fullmatch(request.headers.get("authorization", ""))
        challenge = {"WWW-Authenticate": "Bearer"}
        if found is None:
            raise Refusal(401, "login", "A bearer token is needed.", "token", headers=challenge)
        until = self._given.get(found[1])
        challenge["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        if until is None:
            raise Refusal(401, "login", "This token was not given here.", "token", headers=challenge)
        if until <= self._moments.now().timestamp():  # not a broken rule: clients learn it from this answer
            raise Refusal(401, "expired", "The token has ended.", headers=challenge)

    def end_all(self) -> None:
        """End every token that was given."""
        self._given = dict.fromkeys(self._given, 0.0)

    async def give(self, request: Request) -> Response:
        """Answer a token request as RFC 6749 section 5 says."""
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        try:
            return JSONResponse(self._given_for(await _form(request)), headers=headers)
        except _Denied as no:
            self._ledger.refused(no.status)
            self._ledger.violated("token-request", "POST token", no.status, no.text)
            told = {"error": no.error, "error_description": no.text}
            return JSONResponse(told, no.status, headers)

    def _given_for(self, form: dict[str, str]) -> dict[str, Any]:
        if form.get("grant_type") != "client_credentials":
            raise _Denied("unsupported_grant_type", "grant_type must be client_credentials.")
        if form.get("client_assertion_type") != _ASSERTION:
            raise _Denied("invalid_request", "client_assertion_type must be jwt-bearer.")
        scope = form.get("scope", "")
        if _SCOPE.fullmatch(scope) is None:
            raise _Denied("invalid_scope", "scope must be system scopes, such as system/*.cruds.")
        self._check(form.get("client_assertion", ""))
        now = self._moments.now().timestamp()
        self._given = {token: until for token, until in self._given.items() if until > now - _LONGEST}
        token = secrets.token_urlsafe(24)
        self._given[token] = now + _LIFETIME
        return {"access_token": token, "token_type": "bearer", "expires_in": _LIFETIME, "scope": scope}

    def _check(self, assertion: str) -> None:
        now = self._moments.now().timestamp()
        try:
            signed = jwt.decode(assertion, self._keys, algorithms=list(_ALGORITHMS))
        except (JoseError, ValueError):
            raise _Denied("invalid_client", "The assertion is not signed with a registered key.", 401) from None
        claims = signed.claims
        if "kid" not in signed.header:
            raise _Denied("invalid_client", "The assertion must name its key (kid).", 401)
        if not claims.get("iss") == claims.get("sub") == self._sender.client_id:
            raise _Denied("invalid_client", "iss and sub must both be the client's id.", 401)
        if claims.get("aud") not in (self._url, [self._url]):
            raise _Denied("invalid_client", "aud must be the address of the token endpoint.", 401)
        until = claims.get("exp")
        if not isinstance(until, int) or not now < until <= now + _LONGEST + 1:
            raise _Denied("invalid_client", "exp must lie ahead, by five minutes at most.", 401)
        name = claims.get("jti")
        self._spent = {one: end for one, end in self._spent.items() if end > now}
        if not isinstance(name, str) or not name or name in self._spent:
            raise _Denied("invalid_client", "jti must be there, and new.", 401)
        self._spent[name] = float(until)


async def _form(request: Request) -> dict[str, str]:
    kind, _ = media_type(request.headers.get("content-type", ""))
    if kind != "application/x-www-form-urlencoded":
        raise _Denied("invalid_request", "A token request is a form.")
    try:
        members = parse_qs((await request.body()).decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise _Denied("invalid_request", "The form cannot be read.") from None
    if any(len(values) > 1 for values in members.values()):
        raise _Denied("invalid_request", "A member of the form is there twice.")
    return {name: values[0] for name, values in members.items()}
