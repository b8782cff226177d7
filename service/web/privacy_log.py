"""Search of the access log, within the officer's scope. What is typed travels in bodies alone.

A question becomes an address by sealing it for whoever asked (`AccessLog.cursor`), so that a list can be loaded again
and gone back to, and no address names anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import msgspec
from starlette.responses import Response

from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber
from security.scopes import require
from service.api.audit_events import question
from service.record.access_log import LogQuestion
from service.record.errors import InvalidSearch
from service.web.dates import short
from service.web.drafts import Draft, typed_by
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.privacy import NOT_FOR_YOU, Privacy
from service.web.privacy_events import rows
from service.web.site import Visit, go

_PATH = "/privacy/log"
_TYPED = ("nhs_number", "from", "to")
_LONGEST = 40
_OLD = "This page was open for too long. Check what you typed, then search again."


@dataclass(frozen=True, slots=True)
class Wrong(Exception):
    """What is wrong with what was typed: in which field, and in a sentence that repeats nothing."""

    field: str
    sentence: str


async def page(site: Privacy, visit: Visit) -> Response:
    """GET /privacy/log: the form; with `page`, what a sealed question finds."""
    cursor = visit.request.query_params.get("page", "")
    if visit.person is None:
        return must_sign_in(site, visit, f"{_PATH}?page={cursor}" if cursor else _PATH)
    if not site.is_officer(visit.person):
        return site.draw(visit, NOT_FOR_YOU, 403)
    require(visit.person.scopes, "AuditEvent", "s")
    if not cursor:
        return _form(site, visit, {})
    try:
        asked = site.log.resume(visit.person, cursor)
        found = await site.log(visit.caller(), asked)
    except InvalidSearch as problem:
        return _form(site, visit, {}, Wrong("", problem.sentence), 422)
    return site.draw(
        visit,
        "privacy/log.html",
        here="log",
        rows=rows(found.events),
        about=_about(asked),
        further=asked.before is not None,
        older=f"{_PATH}?page={found.cursor}" if found.cursor else "",
    )


async def search(site: Privacy, visit: Visit) -> Response:
    """POST /privacy/log: go to what a person's number, or some days, find."""
    form = await read_form(visit.request, site.base_url)
    if visit.person is None:
        return must_sign_in(site, visit, _PATH, Draft.of(site.sessions.seal, form, _PATH, _TYPED))
    typed = {name: form.text(name, _LONGEST + 1) for name in _TYPED}
    if not site.sessions.owns(visit.session, form.text("form")):
        mine = typed_by(site.sessions.seal, form) == visit.session.person
        return _form(site, visit, typed if mine else {}, Wrong("", _OLD), 409)
    try:
        asked = _asked(typed)
    except Wrong as problem:
        return _form(site, visit, typed, problem, 422)
    return go(f"{_PATH}?page={site.log.cursor(visit.person, asked)}")


def again(site: Privacy, visit: Visit, fields: Mapping[str, str]) -> Response:
    """Return the form with what was typed before a sign-in ended."""
    return _form(site, visit, fields, Wrong("", "You had to sign in again. Check what you typed, then search."))


def _asked(typed: Mapping[str, str]) -> LogQuestion:
    """Read the form; raise Wrong."""
    number = "".join(typed["nhs_number"].split())
    if number:
        try:
            NhsNumber(number)
        except InvalidNhsNumber:
            raise Wrong("nhs_number", "Type an NHS number: ten digits. One of them may be wrong.") from None
    first, last = _day(typed, "from"), _day(typed, "to")
    if not number and first is None and last is None:
        raise Wrong("nhs_number", "Type an NHS number, or the days to look at.")
    if first and last and last < first:
        raise Wrong("to", "The last day is before the first.")
    bounds = [("date", f"{prefix}{day}") for prefix, day in (("ge", first), ("le", last)) if day]
    asked = question(bounds)
    if not number:
        return asked
    return msgspec.structs.replace(asked, nhs_number=number, names=(*asked.names, "identifier"))


def _day(typed: Mapping[str, str], name: str) -> date | None:
    if not typed[name]:
        return None
    try:
        return date.fromisoformat(typed[name])
    except ValueError:
        raise Wrong(name, "Type a day as year, month and day: 2026-11-28.") from None


def _about(asked: LogQuestion) -> str:
    """Return in words what was looked for; the days as they were typed, in London."""
    number = asked.nhs_number
    person = f"the person with NHS number {number[:3]} {number[3:6]} {number[6:]}" if number else "your organisations"
    since = f", from {short(asked.since)}" if asked.since else ""
    until = f", before {short(asked.until, clock=True)}" if asked.until else ""
    return f"{person}{since}{until}"


def _form(
    site: Privacy, visit: Visit, typed: Mapping[str, str], problem: Wrong | None = None, status: int = 200
) -> Response:
    """Return the form. A number that is none is not repeated: it may be somebody else's."""
    shown = {name: typed.get(name, "") for name in _TYPED}
    if problem is not None and problem.field == "nhs_number":
        shown["nhs_number"] = ""
    return site.draw(
        visit,
        "privacy/log_search.html",
        status,
        here="log",
        typed=shown,
        field="" if problem is None else problem.field,
        problem="" if problem is None else problem.sentence,
    )
