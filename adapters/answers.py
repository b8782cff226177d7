"""What an HTTP answer that is no success means, the same for every protocol that goes over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from adapters.errors import (
    Conflict,
    ContentRefused,
    Faulty,
    NotAuthorised,
    NotThere,
    Overloaded,
    Refused,
    ReportedIssue,
    Unintelligible,
)
from adapters.http import Answer
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode

_REFUSALS: Mapping[int, type[Refused]] = {
    401: NotAuthorised,
    403: NotAuthorised,
    404: NotThere,
    408: Overloaded,
    409: Conflict,
    410: NotThere,
    412: Conflict,
    425: Overloaded,
    429: Overloaded,
    502: Overloaded,
    503: Overloaded,
    504: Overloaded,
}


def refuse(answer: Answer) -> NoReturn:
    """Raise the fact that an answer outside 200 to 299 is; what its OperationOutcome names goes with it."""
    if answer.status < 400:
        raise Unintelligible("the answer is a redirect")
    raise kind_of(answer.status)(_issues(answer.body), answer.body, retry_after(answer.headers), answer.status)


def kind_of(status: int) -> type[Refused]:
    """Return the fact that a status from 400 on is."""
    return _REFUSALS.get(status, Faulty if status >= 500 else ContentRefused)


def _issues(body: bytes) -> tuple[ReportedIssue, ...]:
    """Read what an OperationOutcome complains about; anything else complains about nothing in particular."""
    try:
        outcome = decode(body)
    except InvalidJson:
        return ()
    return tuple(
        ReportedIssue(
            severity=str(issue.get("severity", "error")),
            code=str(issue.get("code", "unknown")),
            expression=tuple(str(path) for path in _list(issue.get("expression"))),
        )
        for issue in _list(outcome.get("issue"))
        if isinstance(issue, dict)
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3) in seconds: a number, or a date, which counts from the answer's own `Date`.

    The other side's clock is compared with itself, so that a clock which is wrong there does not matter.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said) if len(said) < 10 else None
    try:
        return max(0.0, (parsedate_to_datetime(said) - parsedate_to_datetime(headers["date"])).total_seconds())
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
