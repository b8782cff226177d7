"""Search of AuditEvent: a person's own access log, and a privacy officer's (https://hl7.org/fhir/R4/auditevent.html).

`entity` or `patient` names the person, `date` bounds the time, `_count` the page. Pages follow the link `next`, whose
cursor holds the whole question, sealed: no address that we make names anybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import msgspec

from security.clock import LONDON, instant, parse_instant
from service.api import answers, negotiation
from service.api.answers import Answer
from service.api.errors import BadParameter
from service.api.routing import Call
from service.record.access_log import MOST, AccessLog, LogQuestion

PARAMETERS = ("entity", "patient", "date", "_count")
CURSOR = "cursor"
_PERSON = re.compile(r"(?:Patient/)?([A-Za-z0-9.-]{1,64})")
_DATE = re.compile(r"(eq|ge|gt|le|lt)?(\d{4}-\d\d-\d\d(?:T.+)?)")
_IGNORED = frozenset({"_format", "_pretty"})
_UNKNOWN = "AuditEvent can be searched by entity (Patient/[id]), patient, date and _count."


@dataclass(frozen=True, slots=True)
class AuditEvents:
    """The handlers of AuditEvent."""

    log: AccessLog
    base: str

    async def search(self, call: Call) -> Answer:
        """GET [base]/AuditEvent?..."""
        return await self._search(call, list(call.request.query_params.multi_items()))

    async def search_by_post(self, call: Call) -> Answer:
        """POST [base]/AuditEvent/_search: the same, with the person kept out of the address."""
        negotiation.check_content_type(call.request, form=True)
        body = await negotiation.read_body(call.request, 16 * 1024)
        return await self._search(call, negotiation.form(body) + list(call.request.query_params.multi_items()))

    async def _search(self, call: Call, given: list[tuple[str, str]]) -> Answer:
        cursors = [value for name, value in given if name == CURSOR]
        asked = self.log.resume(call.caller.principal, cursors[0]) if cursors else question(given)
        page = await self.log(call.caller, asked)
        return answers.log_page(page, self.base)


def question(given: list[tuple[str, str]]) -> LogQuestion:
    """Read the parameters of a search; raise BadParameter with what is wrong, and never with what was sent."""
    asked = LogQuestion()
    persons: set[str] = set()
    names = tuple(sorted({name for name, _ in given} - _IGNORED))
    for name, value in given:
        if name in ("entity", "patient"):
            person = _PERSON.fullmatch(value)
            if person is None or (name == "entity" and not value.startswith("Patient/")):
                raise BadParameter("Name the person as Patient/[id].")
            persons.add(f"Patient/{person[1]}")
        elif name == "date":
            asked = _dated(asked, value)
        elif name == "_count":
            if not value.isdecimal() or not 0 < int(value) <= MOST:
                raise BadParameter(f"_count is a whole number from 1 to {MOST}.")
            asked = msgspec.structs.replace(asked, count=int(value))
        elif name not in _IGNORED:
            raise BadParameter(_UNKNOWN)
    if len(persons) > 1:
        raise BadParameter("Name one person.")
    return msgspec.structs.replace(asked, patient=next(iter(persons), ""), names=names)


def _dated(asked: LogQuestion, value: str) -> LogQuestion:
    """Return the question bounded by one `date`: a day in London, or an instant after ge, gt, le or lt."""
    parsed = _DATE.fullmatch(value)
    try:
        prefix, stated = ("eq", "") if parsed is None else (parsed[1] or "eq", parsed[2])
        if "T" in stated and prefix != "eq":
            first = last = parse_instant(stated)
        else:
            day = date.fromisoformat(stated)
            first, last = _midnight(day), _midnight(day + timedelta(days=1))
    except (ValueError, OverflowError):
        text = "date is a day, such as 2026-11-28, or ge, gt, le or lt with a day or a time with its zone."
        raise BadParameter(text) from None
    since = {"eq": first, "ge": first, "gt": last}.get(prefix)
    until = {"eq": last, "le": last, "lt": first}.get(prefix)
    if since is not None:
        asked = msgspec.structs.replace(asked, since=max(asked.since, instant(since)))
    if until is not None:
        stands = asked.until or instant(until)
        asked = msgspec.structs.replace(asked, until=min(stands, instant(until)))
    return asked


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON)
