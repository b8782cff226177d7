"""The one place where a failure becomes HTTP. Below this file nobody knows a status; above it nobody catches an error.

Texts are fixed sentences. They name places (FHIRPath), versions, organisations and limits, never what was sent or
stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fhir_profiles.canonical import structure_definition
from fhir_profiles.errors import NotR4
from fhir_profiles.issues import Issue, error
from security.errors import CallerRefused, InvalidToken, ScopeMissing, SecurityError, SignatureRefused
from service import logs
from service.api import answers
from service.api import errors as request_errors
from service.api.answers import Answer
from service.record import errors
from service.record.access import Refused
from service.record.break_glass import EmergencyAccessEnded, EmergencyAccessLocked
from service.record.guessing import TooManyGuesses
from service.store.errors import StoreError

DO_NOT_INFER = "The service cannot answer now. Do not infer that there is no plan or no decision."
NOTHING_HERE = (
    "Nothing is available to you here. This does not mean that there is no plan. Emergency access exists for people "
    "who meet its conditions."
)
FORBIDDEN = "Your role and purpose do not allow this."
TOO_MANY_GUESSES = (
    "Too many look-ups found nobody for you. Wait, then try again. Do not infer that there is no plan. People with "
    "whom your relationship is established, an open incident among them, are answered all the same."
)
TOO_MANY_REQUESTS = "This client sends more requests than it may. Wait, then try again."
RETRY_AFTER = {"Retry-After": "5"}


def answer(problem: Exception) -> Answer:
    """Return the answer to a failure; an unknown one is logged as a fault and told nothing of."""
    for kind, make in _TABLE:
        if isinstance(problem, kind):
            return make(problem)
    logging.getLogger("epaccs.faults").error("unexpected failure", exc_info=problem)
    return answers.outcome(500, [Issue("fatal", "exception", "", "The service failed. Quote the X-Request-Id.")])


def _refused(problem: Refused) -> Answer:
    decision = problem.decision
    if decision.status == 403:
        return answers.outcome(403, [error("forbidden", "", FORBIDDEN)], details="not-allowed")
    if problem.explained:
        version = {"url": structure_definition("policy-version"), "valueString": problem.explained_by}
        return answers.outcome(
            404,
            [error("suppressed", "", problem.explained)],
            details="not-shared-with-you",
            extra={"extension": [version]},
        )
    return not_here()


def not_here() -> Answer:
    """Return the one answer for what is absent and for what this caller may not know of."""
    return answers.outcome(404, [error("not-found", "", NOTHING_HERE)])


def not_served(status: int) -> Answer:
    """Return the answer to an address (404) or a method on it (405) that this service does not have."""
    return answers.outcome(status, [error("not-supported", "", "This address or method is not served here.")])


def _unauthorised(problem: InvalidToken) -> Answer:
    why = f": {problem.reason.rstrip('.')}" if problem.reason else ""
    return answers.outcome(
        401,
        [error("login", "", f"A valid access token is needed{why}.")],
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def _version_conflict(problem: errors.VersionConflict) -> Answer:
    text = f"You named version {problem.named}; version {problem.current} is the current one."
    if problem.when:
        by = ", ".join(part for part in (problem.organisation, problem.person) if part) or "another writer"
        changed = ", ".join(problem.changed) or "nothing that can be named"
        text = (
            f"You named version {problem.named}; version {problem.current} was recorded at {problem.when} by {by}. "
            f"Changed since: {changed}. Read it, then decide again."
        )
    issues = [error("conflict", problem.reference.split("/")[0], text)]
    if problem.kept_as:
        issues.append(
            Issue(
                "information",
                "informational",
                "",
                f"What you sent is kept for you for 7 days: GET $refused-text?id={problem.kept_as}",
            )
        )
    return answers.outcome(412, issues, headers={"ETag": f'W/"{problem.current}"'})


def _rival(problem: errors.RivalDecision) -> Answer:
    standing = ", ".join(problem.rivals)
    text = (
        f"An active decision of this kind stands already: {standing}. Replace it (extension replaces), revoke it "
        "(extension revokes), or record a disagreement (extension conflicts-with)."
    )
    return answers.outcome(409, [error("conflict", problem.expression, text)], details="active-decision-not-named")


def _emergency_view(problem: errors.EmergencyViewCloses) -> Answer:
    text = (
        f"After this change ambulance crews and 111 would no longer see: {', '.join(problem.sections)}. Explain that "
        "to the person; then send it again with the extension emergency-view-confirmation on the Consent, which says "
        "who explained it, when, and that the person understands."
    )
    issues = [error("business-rule", problem.expression, text)]
    return answers.outcome(422, issues, details="emergency-view-not-confirmed")


def _unanswerable(problem: errors.Unanswerable) -> Answer:
    text = (
        "This search names nothing that can be looked up. It can be answered with: " + ", ".join(problem.would_do) + "."
    )
    return answers.outcome(400, [error("too-costly", "", text)])


def _unavailable(problem: Exception) -> Answer:
    logs.event("unavailable", logging.ERROR, reason=type(problem).__name__)
    return answers.outcome(503, [Issue("fatal", "transient", "", DO_NOT_INFER)], headers=RETRY_AFTER)


def _locked(problem: EmergencyAccessLocked) -> Answer:
    text = (
        "Emergency access is locked for you after tries that were refused; your privacy officer was told. It opens "
        f"again after {problem.minutes} minutes. Ask your control room or a senior colleague meanwhile."
    )
    return answers.outcome(403, [error("throttled", "", text)], details="emergency-access-locked")


def _too_many(text: str, seconds: int) -> Answer:
    return answers.outcome(429, [error("throttled", "", text)], headers={"Retry-After": str(max(1, seconds))})


def _plain(status: int, code: str, text: str) -> Callable[[Any], Answer]:
    return lambda problem: answers.outcome(status, [error(code, "", text)])


def _not_r4(problem: NotR4) -> Answer:
    return answers.outcome(422, [error("structure", "", "This is not a FHIR R4 resource.")])


_TABLE: tuple[tuple[type[Exception], Callable[[Any], Answer]], ...] = (
    (Refused, _refused),
    (InvalidToken, _unauthorised),
    (CallerRefused, _plain(403, "forbidden", FORBIDDEN)),
    (SignatureRefused, _plain(401, "login", "A signature of a registered client over these very bytes is needed.")),
    (ScopeMissing, _plain(403, "forbidden", "The token's scope does not allow this.")),
    (errors.Unparseable, lambda problem: answers.outcome(400, problem.issues)),
    (errors.InvalidContent, lambda problem: answers.outcome(422, problem.issues)),
    (errors.NotHere, lambda problem: not_here()),
    (errors.Gone, _plain(410, "deleted", "This resource was deleted. Its history can be read.")),
    (errors.NotAllowedToWrite, lambda problem: answers.outcome(403, problem.issues, details="not-allowed-to-write")),
    (
        errors.PreconditionMissing,
        _plain(428, "required", "An update or deletion needs If-Match with the version you read."),
    ),
    (errors.VersionConflict, _version_conflict),
    (errors.RivalDecision, _rival),
    (errors.NotAsGiven, lambda problem: answers.outcome(422, [error("business-rule", "", problem.why)])),
    (errors.EmergencyViewCloses, _emergency_view),
    (errors.ManyMatches, _plain(412, "multiple-matches", "The condition fits more than one resource.")),
    (errors.RepeatedKey, _plain(422, "business-rule", "This Idempotency-Key was used for another request.")),
    (
        EmergencyAccessEnded,
        _plain(403, "forbidden", "This emergency access has ended, or is not yours. Ask again, with a new reason."),
    ),
    (EmergencyAccessLocked, _locked),
    (TooManyGuesses, lambda problem: _too_many(TOO_MANY_GUESSES, problem.seconds)),
    (request_errors.TooManyRequests, lambda problem: _too_many(TOO_MANY_REQUESTS, problem.seconds)),
    (errors.TooLarge, lambda problem: answers.outcome(413, [error("too-long", "", problem.what)])),
    (errors.TooBusy, _unavailable),
    (errors.Unavailable, _unavailable),
    (errors.Unanswerable, _unanswerable),
    (errors.InvalidSearch, lambda problem: answers.outcome(400, [error("invalid", "", problem.sentence)])),
    (request_errors.NotAcceptable, _plain(406, "not-supported", "Only application/fhir+json is given.")),
    (
        request_errors.UnsupportedMediaType,
        _plain(415, "not-supported", "Send application/fhir+json (a form for POST _search)."),
    ),
    (
        request_errors.BodyTooLarge,
        lambda problem: answers.outcome(413, [error("too-long", "", f"A body may have {problem.limit} bytes.")]),
    ),
    (request_errors.BadHeader, lambda problem: answers.outcome(400, [error("invalid", "", problem.sentence)])),
    (request_errors.BadParameter, lambda problem: answers.outcome(400, [error("invalid", "", problem.sentence)])),
    (NotR4, _not_r4),
    (StoreError, _unavailable),
    (errors.RecordBroken, _unavailable),
    (SecurityError, _unavailable),
)
