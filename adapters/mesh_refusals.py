"""What an answer of MESH that is no success means, in both of its dialects, and what a REPORT means. Pure.

    v2  {"detail": [{"event": "SEND", "code": "12", "msg": "..."}]}
    v1  {"errorEvent": "SEND", "errorCode": "12", "errorDescription": "..."}

Codes alone are read: a description is free text, and may repeat what was sent. FastAPI's lists (`loc`, `type`), bodies
that are no JSON and codes that nobody knows are borne; the status of the answer says the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from adapters.answers import kind_of, retry_after
from adapters.errors import (
    Conflict,
    ContentRefused,
    NotAuthorised,
    NotThere,
    OtherPerson,
    PersonUnknown,
    Refused,
    ReportedIssue,
    Unintelligible,
)
from adapters.http import Answer
from fhir_profiles.errors import InvalidJson
from fhir_profiles.json import decode

NOT_COLLECTED = "14"
"""Nobody took the message out of the inbox in five days."""
CLOCKS_DISAGREE = "clocks-disagree"
"""Our own word, beside a 403: MESH's clock and ours are so far apart that no header of ours can be right."""
APART = timedelta(hours=2)

_BY_CODE: Mapping[str, type[Refused]] = {
    "02": ContentRefused,  # no data
    "06": ContentRefused,  # bad headers
    "07": NotAuthorised,  # we are not who the message says it is from
    "08": ContentRefused,  # no recipient is named
    "09": ContentRefused,  # version
    "11": ContentRefused,  # type of message
    "12": NotThere,  # no such recipient
    NOT_COLLECTED: NotThere,
    "16": NotAuthorised,  # we may not send there
    "17": NotAuthorised,  # the workflow is not registered for the mailbox
    "18": NotAuthorised,  # the workflow is not enabled
    "19": ContentRefused,  # expiry
    "20": NotThere,  # no such message
    "EPL-150": Conflict,  # several mailboxes fit
    "EPL-151": NotThere,  # no mailbox fits
    "EPL-152": ContentRefused,  # the NHS number is none
    "EPL-153": PersonUnknown,  # nobody has the NHS number
    "EPL-154": OtherPerson,  # surname or birth date is another
}
_STATUS_FIRST = frozenset({401, 403, 408, 410, 425, 429})
_WORD = re.compile(r"(?!.*[0-9]{6})[A-Za-z0-9_.-]{1,40}")
"""No code has so many digits in a row; a number of a person has."""


def refuse(answer: Answer, now: datetime) -> NoReturn:
    """Raise the fact that an answer outside 200 to 299 is; its codes are the `issues`, its body the `outcome`."""
    if answer.status < 400:
        raise Unintelligible("the answer is a redirect")
    reasons = _reasons(answer.body)
    if answer.status == 403 and _apart(answer.headers, now):
        reasons += (ReportedIssue("error", CLOCKS_DISAGREE),)
    kind = kind_of(answer.status)
    if answer.status < 500 and answer.status not in _STATUS_FIRST:
        kind = next((_BY_CODE[reason.code] for reason in reasons if reason.code in _BY_CODE), kind)
    raise _made(kind, reasons, answer.body, retry_after(answer.headers))


def failure(code: str, event: str) -> Refused:
    """Return the fact that a code in a REPORT is: the message that it is about did not arrive."""
    return _made(_BY_CODE.get(code, ContentRefused), (_issue(code, event),), b"", None)


def _made(kind: type[Refused], reasons: tuple[ReportedIssue, ...], body: bytes, wait: float | None) -> Refused:
    if kind is OtherPerson:
        made: Refused = OtherPerson("surname or birth date differ from PDS")
        made.issues += reasons
        made.outcome = body
        return made
    return kind(reasons, body, wait)


def _reasons(body: bytes) -> tuple[ReportedIssue, ...]:
    try:
        said = decode(body)
    except InvalidJson:
        return ()
    if "errorCode" in said:
        return (_issue(said["errorCode"], said.get("errorEvent")),)
    detail = said.get("detail")
    if not isinstance(detail, list):
        return ()
    return tuple(_reason(one) for one in detail if isinstance(one, dict))


def _reason(one: Mapping[str, Any]) -> ReportedIssue:
    if "code" in one:
        return _issue(one["code"], one.get("event"))
    where = one.get("loc")
    return _issue(one.get("type"), ".".join(str(part) for part in where) if isinstance(where, list) else "")


def _issue(code: object, event: object) -> ReportedIssue:
    return ReportedIssue("error", _word(code) or "unknown", (_word(event),) if _word(event) else ())


def _word(found: object) -> str:
    """Return what is a code; '' for a text, which may say anything."""
    return found if isinstance(found, str) and _WORD.fullmatch(found) else ""


def _apart(headers: Mapping[str, str], now: datetime) -> bool:
    try:
        return abs(parsedate_to_datetime(headers["date"]) - now) >= APART
    except (KeyError, ValueError, TypeError):
        return False
