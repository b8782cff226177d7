"""The headers of a FHIR request, judged as https://hl7.org/fhir/R4/http.html has them."""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import parse_qsl

from starlette.requests import Request

from service.standins.outcomes import FHIR_JSON, Refusal

_ETAG = re.compile(r'W/"([A-Za-z0-9.-]{1,64})"')
_KEY = re.compile(r'"?[A-Za-z0-9._:~+/=-]{8,255}"?')
_WANTED = frozenset({FHIR_JSON, "application/json", "application/*", "*/*"})
_PREFERENCES = frozenset({"return=minimal", "return=representation", "return=OperationOutcome"})


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """Return a media type in lower case and its parameters."""
    message = Message()
    message["content-type"] = value
    parameters = message.get_params(failobj=[])
    return message.get_content_type() if value else "", {name.lower(): text for name, text in parameters[1:]}


def accept(request: Request) -> None:
    """Refuse a client that cannot read our answers (406)."""
    wanted = request.headers.get("accept", "*/*")
    ranges = [media_type(part.strip()) for part in wanted.split(",")]
    if not any(kind in _WANTED and parameters.get("q") != "0" for kind, parameters in ranges):
        raise Refusal(406, "not-supported", f"Answers are {FHIR_JSON}.", "accept")


def content_type(request: Request, expected: str = FHIR_JSON) -> None:
    """Refuse another media type, another charset than UTF-8, or another version than R4 (415)."""
    kind, parameters = media_type(request.headers.get("content-type", ""))
    if kind != expected:
        raise Refusal(415, "not-supported", f"The body must be {expected}.", "content-type")
    if parameters.get("charset", "utf-8").lower() != "utf-8":
        raise Refusal(415, "not-supported", "The body must be UTF-8.", "content-type")
    if parameters.get("fhirversion", "4.0") != "4.0":
        raise Refusal(415, "not-supported", "The FHIR version here is 4.0.", "content-type")


def if_match(request: Request, *, needed: bool) -> str | None:
    """Return the version of `If-Match`; refuse one that is no weak ETag (400), or none where one is needed (412)."""
    value = request.headers.get("if-match")
    if value is None:
        if needed:
            raise Refusal(412, "required", "An update needs If-Match (versioned-update).", "if-match")
        return None
    found = _ETAG.fullmatch(value)
    if found is None:
        raise Refusal(400, "value", 'If-Match must be a weak ETag: W/"3".', "if-match")
    return found[1]


def if_none_exist(request: Request) -> list[tuple[str, str]] | None:
    """Return the search of `If-None-Exist`: parameters only, no question mark; one at least (400)."""
    value = request.headers.get("if-none-exist")
    if value is None:
        return None
    if "?" in value.split("=", 1)[0]:
        raise Refusal(400, "value", "If-None-Exist holds only what would follow the question mark.", "if-none-exist")
    try:
        pairs = parse_qsl(value, strict_parsing=True, max_num_fields=10)
    except ValueError:
        raise Refusal(400, "value", "If-None-Exist is not a list of search parameters.", "if-none-exist") from None
    return pairs


def idempotency_key(request: Request) -> str | None:
    """Return `Idempotency-Key` without its quotation marks; refuse what is no key (400)."""
    value = request.headers.get("idempotency-key")
    if value is None:
        return None
    if _KEY.fullmatch(value) is None or value.startswith('"') != value.endswith('"'):
        raise Refusal(400, "value", "Idempotency-Key is 8 to 255 letters, digits or signs.", "idempotency-key")
    return value.strip('"')


def prefer(request: Request) -> str:
    """Return what shall come back: `minimal`, `representation` or `OperationOutcome`."""
    wanted = [part.strip() for part in request.headers.get("prefer", "").split(",") if part.strip()]
    for one in wanted:
        if one.startswith("return=") and one not in _PREFERENCES:
            raise Refusal(400, "value", "Prefer asks for a return that FHIR does not know.", "prefer")
    return next((one.removeprefix("return=") for one in wanted if one in _PREFERENCES), "representation")
