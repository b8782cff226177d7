"""The token endpoint and what clients discover it by: https://hl7.org/fhir/smart-app-launch/backend-services.html

    POST /oauth2/token                      client_credentials with private_key_jwt
    GET  /.well-known/smart-configuration
    GET  /.well-known/jwks.json

Errors are those of RFC 6749 section 5.2, as JSON, and repeat nothing of the request. While the store or the keys do
not answer there are no new tokens: 503, with the code that section 4.1.2.1 has for that, and for a fault of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from security.clock import Clock, system_clock
from security.grants import Refusal, TokenAnswer, refused
from security.issuer import Issuer
from service.api import outcomes
from service.api.limits import RateLimit

MAX_FORM = 16 * 1024
_MAX_FIELDS = 16
_FORM = "application/x-www-form-urlencoded"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_WAIT = "Too many requests for tokens came to nothing from this address. Wait, then try again."
_UNAVAILABLE = {"error": "temporarily_unavailable", "error_description": "No token can be given now. Ask again."}
_FAULT = {"error": "server_error", "error_description": "The service failed."}
_SHORT_LIVED = {"Cache-Control": "public, max-age=300"}

CountFailure = Callable[[Request, str], None]
"""Told of each refusal: the request, to see where it came from, and the error code."""


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """The three addresses, as Starlette endpoints."""

    issuer: Issuer
    count_failure: CountFailure
    failures: RateLimit = field(default_factory=lambda: RateLimit(0))
    now: Clock = system_clock

    async def token(self, request: Request) -> Response:
        """Answer a token request.

        An address from which too many came to nothing in this minute has to wait (API4): what it sends is not looked
        at, so it learns nothing more and costs no signature. Tokens that were given go on being good meanwhile.
        """
        address = request.client.host if request.client is not None else ""
        now = self.now()
        if self.failures.reached(address, now):
            wait = {**_NO_STORE, "Retry-After": str(self.failures.wait(now))}
            return _json(429, {"error": "invalid_request", "error_description": _WAIT}, wait)
        try:
            answer = await self.issuer.answer(await _form(request))
        except Refusal as error:
            answer = refused(error)
        except Exception as problem:  # the one table says which status every failure has; the words are OAuth's
            status = outcomes.answer(problem).status_code
            away = {**_NO_STORE, **outcomes.RETRY_AFTER} if status == 503 else _NO_STORE
            return _json(status, _UNAVAILABLE if status == 503 else _FAULT, away)
        if answer.error is not None:
            self.failures.counted(address, now)
            self.count_failure(request, answer.error)
        return _response(answer)

    async def smart_configuration(self, request: Request) -> Response:
        """Answer where tokens are had and how."""
        return _json(200, self.issuer.smart_configuration(), _SHORT_LIVED)

    async def jwks(self, request: Request) -> Response:
        """Answer the public keys that verify our access tokens."""
        return _json(200, self.issuer.jwks(), _SHORT_LIVED)


async def _form(request: Request) -> dict[str, str]:
    """Read a form strictly: right media type, within size, valid UTF-8, no parameter twice; else raise Refusal."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refusal("invalid_request", f"The body must be {_FORM}.")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM:
                raise Refusal("invalid_request", "The form is larger than 16 KiB.")
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except (ValueError, ClientDisconnect):
        raise Refusal("invalid_request") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise Refusal("invalid_request", "A parameter is given twice.")
    return form


def _response(answer: TokenAnswer) -> Response:
    return _json(answer.status, answer.body, {**_NO_STORE, **answer.headers})


def _json(status: int, body: object, headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")
