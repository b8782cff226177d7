"""The failures that routes answer, as components: each example is what `service.api.outcomes` makes of the failure."""

from __future__ import annotations

from typing import Any

import msgspec

from fhir_profiles.issues import Issue, error
from security.access_policy import base_policy
from security.errors import InvalidToken, ScopeMissing
from service.api import answers, outcomes
from service.api.answers import Answer
from service.api.errors import BadHeader, BodyTooLarge, NotAcceptable, TooManyRequests, UnsupportedMediaType
from service.api.negotiation import FHIR_JSON
from service.api.openapi.schemas import schema_ref
from service.record import errors
from service.record.guessing import TooManyGuesses

Json = dict[str, Any]

_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Gone",
    412: "PreconditionFailed",
    413: "ContentTooLarge",
    415: "UnsupportedMediaType",
    422: "UnprocessableContent",
    428: "PreconditionRequired",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}
_DESCRIPTIONS = {
    400: "The request cannot be read: malformed JSON, a header or a parameter of the wrong form.",
    401: "No access token, or one that proves nothing: expired, forged, meant for somebody else.",
    403: "The token's scope, or the caller's role and purpose, do not allow this.",
    404: "Nothing is available to this caller. What is absent and what is not shared look the same.",
    406: "Only application/fhir+json is given.",
    409: "An active decision of the same kind stands and is not named. The text says the three ways on.",
    410: "Deleted. Its history can be read.",
    412: "The version named is no longer current (what changed, when and by whom), or a condition fits several.",
    413: "Larger than this service takes.",
    415: "Another media type than application/fhir+json (a form for `_search`).",
    422: "Content breaks R4, a profile or a reference: every problem at once, each with its place.",
    428: "An update or deletion without If-Match.",
    429: "More requests than this client may send, or too many look-ups that found nobody: wait for Retry-After.",
    503: "The service cannot answer now. Do not infer that there is no plan.",
}
_REQUIRED = error("required", "Observation.status", "`status` is required.")
_RIVAL = "Observation/2f4c8c1e-6f0e-5a40-9c0b-0c3f5b1f0a77"


def refusal_ref(status: int) -> Json:
    """Return a reference to the component response of a status."""
    return {"$ref": f"#/components/responses/{_NAMES[status]}"}


def failed_ref() -> Json:
    """Return a reference to the response for what nobody foresaw."""
    return {"$ref": "#/components/responses/Failed"}


def component_responses(request_id: Json) -> dict[str, Json]:
    """Return every failure as a component; `request_id` describes the header X-Request-Id."""
    found: dict[str, Json] = {}
    for name, answer in _answers():
        status = answer.status_code
        response = found.setdefault(_NAMES[status], _response(_DESCRIPTIONS[status], request_id))
        for header in ("ETag", "Retry-After", "WWW-Authenticate"):
            if header in answer.headers:
                response["headers"][header] = {"schema": {"type": "string"}, "example": answer.headers[header]}
        shown = response["content"][FHIR_JSON].setdefault("examples", {})
        shown[name] = {"value": msgspec.json.decode(answer.body)}
    found["Failed"] = _response("A fault of the service. Quote the X-Request-Id.", request_id)
    return found


def _response(description: str, request_id: Json) -> Json:
    return {
        "description": description,
        "headers": {"X-Request-Id": request_id},
        "content": {FHIR_JSON: {"schema": schema_ref("OperationOutcome")}},
    }


def _answers() -> list[tuple[str, Answer]]:
    """Return the failures by a name, each as it is answered."""
    stale = errors.VersionConflict(
        "Observation/1",
        1,
        2,
        "2026-11-20T10:31:07.412Z",
        "ZZGP01",
        "Dr Anwen Testwick",
        ["valueCodeableConcept"],
        "4e1d",
    )
    made: list[tuple[str, Exception]] = [
        ("header", BadHeader('If-Match must be one ETag as this service gives them, such as W/"3".')),
        ("search", errors.Unanswerable(("patient", "_id"))),
        ("token", InvalidToken("It has expired.")),
        ("scope", ScopeMissing("system/Patient.r")),
        ("accept", NotAcceptable()),
        ("rival", errors.RivalDecision("Observation", [_RIVAL])),
        ("deleted", errors.Gone()),
        ("stale", stale),
        ("several", errors.ManyMatches()),
        ("size", BodyTooLarge(16 * 1024)),
        ("type", UnsupportedMediaType()),
        ("content", errors.InvalidContent([_REQUIRED])),
        ("if-match", errors.PreconditionMissing()),
        ("rate", TooManyRequests(12)),
        ("guesses", TooManyGuesses(900)),
    ]
    unavailable = [Issue("fatal", "transient", "", outcomes.DO_NOT_INFER)]
    not_shared = [error("suppressed", "", base_policy().texts.not_shared_with_you)]
    return [
        *((name, outcomes.answer(problem)) for name, problem in made),
        ("role", answers.outcome(403, [error("forbidden", "", outcomes.FORBIDDEN)], details="not-allowed")),
        ("nothing", outcomes.not_here()),
        ("not-shared", answers.outcome(404, not_shared, details="not-shared-with-you")),
        ("unavailable", answers.outcome(503, unavailable, headers=outcomes.RETRY_AFTER)),
    ]
