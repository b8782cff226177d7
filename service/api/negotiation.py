"""What a request's headers ask for: media types, versions, preferences, and a body of bounded size."""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from service.api.errors import BadHeader, BadParameter, BodyTooLarge, NotAcceptable, UnsupportedMediaType

FHIR_JSON = "application/fhir+json"
FHIR_JSON_UTF8 = "application/fhir+json; charset=utf-8"
_JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json", "application/json+fhir"})
_ACCEPTED = _JSON_TYPES | {"*/*", "application/*", "json"}
_ETAG = re.compile(r'^(?:W/)?"([1-9][0-9]{0,9})"$')
_IDEMPOTENCY_KEY = re.compile(r"^[\x21-\x7e]{1,128}$")


class Prefer(StrEnum):
    """What a writer wants back (FHIR R4, 3.1.0.1.1)."""

    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OUTCOME = "OperationOutcome"


def check_accept(request: Request) -> None:
    """Raise NotAcceptable unless the client takes FHIR JSON (`_format` wins over Accept)."""
    asked = request.query_params.get("_format") if request.scope["query_string"] else None
    wanted = asked or request.headers.get("accept", "*/*")
    if wanted == "*/*":
        return
    offered = {item.split(";")[0].strip().lower() for item in wanted.split(",")}
    if not offered & _ACCEPTED:
        raise NotAcceptable


def check_content_type(request: Request, *, form: bool = False) -> None:
    """Raise UnsupportedMediaType unless the body is declared as JSON (or, for `_search`, as a form)."""
    declared = request.headers.get("content-type", "").split(";")[0].strip().lower()
    allowed = {"application/x-www-form-urlencoded"} if form else _JSON_TYPES
    if declared not in allowed:
        raise UnsupportedMediaType


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body; raise BodyTooLarge as soon as it is known to exceed `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise BodyTooLarge(limit)
    body = b""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body, more = message.get("body", b""), message.get("more_body", False)
        size += len(body)
        if size > limit:
            raise BodyTooLarge(limit)
        chunks.append(body)
    return body if len(chunks) == 1 else b"".join(chunks)


def form(body: bytes) -> list[tuple[str, str]]:
    """Return the parameters of a form; raise BadParameter for what is not one."""
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=64
        )
    except ValueError:
        if not body:
            return []
        raise BadParameter("The body must be a form: name=value pairs joined by &, percent-encoded.") from None


def if_match(request: Request) -> int | None:
    """Return the version an update names, None when there is no If-Match; raise BadHeader when it is malformed."""
    value = request.headers.get("if-match")
    return None if value is None else version_of(value)


def version_of(etag: str) -> int:
    """Parse an ETag of ours, `W/"3"`."""
    match = _ETAG.match(etag.strip())
    if match is None:
        raise BadHeader('If-Match must be one ETag as this service gives them, such as W/"3".')
    return int(match[1])


def prefer(request: Request) -> Prefer:
    """Return the preferred form of a write's answer; representation when nothing is said."""
    for item in request.headers.get("prefer", "").replace(";", ",").split(","):
        if item.strip().startswith("return="):
            try:
                return Prefer(item.strip()[7:])
            except ValueError:
                return Prefer.REPRESENTATION
    return Prefer.REPRESENTATION


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key; raise BadHeader when it is not 1 to 128 visible ASCII characters."""
    value = request.headers.get("idempotency-key")
    if value is not None and not _IDEMPOTENCY_KEY.match(value):
        raise BadHeader("Idempotency-Key must have 1 to 128 visible ASCII characters.")
    return value
