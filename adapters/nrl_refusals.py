"""What an answer of NRL that is no success means, by its error table. Pure.

The system of a code is spelled in three ways in live use (specification, NRL's own program, PDS), so a code counts
whatever its system. What means "later" means it by status alone, whoever answered: NRL, or the platform before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn

from adapters.answers import kind_of, retry_after
from adapters.base import Resource
from adapters.errors import (
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

FACTS: Mapping[str, type[Refused]] = {
    **dict.fromkeys(
        """INVALID_RESOURCE INVALID_IDENTIFIER_SYSTEM INVALID_IDENTIFIER_VALUE INVALID_CODE_VALUE BAD_REQUEST
        MESSAGE_NOT_WELL_FORMED INVALID_PARAMETER PRECONDITION_FAILED MISSING_OR_INVALID_HEADER
        UNPROCESSABLE_ENTITY""".split(),
        ContentRefused,
    ),
    **dict.fromkeys(("ACCESS_DENIED", "ACCESS_DENIED_LEVEL", "AUTHOR_CREDENTIALS_ERROR"), NotAuthorised),
    **dict.fromkeys(("NO_RECORD_FOUND", "RESOURCE_NOT_FOUND"), NotThere),
    "INTERNAL_SERVER_ERROR": Faulty,
}
"""The codes of NRL's table, and the fact that each is."""
_CODE = re.compile(r"[A-Z][A-Z_]{2,60}")
_ISSUE_CODE = re.compile(r"[a-z-]{3,30}")


def refuse(answer: Answer) -> NoReturn:
    """Raise the fact that an answer outside 200 to 299 is. Of its OperationOutcome only codes go with it: NRL's
    diagnostics may repeat what was sent."""
    if answer.status < 400:
        raise Unintelligible("the answer is a redirect")
    codes, issues = _codes(answer.body)
    fact = kind_of(answer.status)
    if fact is not Overloaded and answer.status != 401:
        fact = next((FACTS[code] for code in codes if code in FACTS), fact)
    raise fact(issues, answer.body, retry_after(answer.headers), answer.status)


def _codes(body: bytes) -> tuple[list[str], tuple[ReportedIssue, ...]]:
    try:
        outcome = decode(body)
    except InvalidJson:
        return [], ()
    codes: list[str] = []
    issues: list[ReportedIssue] = []
    said = outcome.get("issue")
    for issue in said if isinstance(said, list) else ():
        if not isinstance(issue, dict):
            continue
        named = [code for code in _details(issue) if _CODE.fullmatch(code)]
        codes += named
        plain = str(issue.get("code", ""))
        plain = plain if _ISSUE_CODE.fullmatch(plain) else "unknown"
        issues.append(ReportedIssue("error", named[0] if named else plain))
    return codes, tuple(issues)


def _details(issue: Resource) -> list[str]:
    details = issue.get("details")
    codings = details.get("coding") if isinstance(details, dict) else None
    return [
        str(coding.get("code")) for coding in (codings if isinstance(codings, list) else ()) if isinstance(coding, dict)
    ]
