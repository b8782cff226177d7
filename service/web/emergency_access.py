"""Emergency access from the pages: a second step, in plain words, for somebody who cannot be asked (sharing rules 4).

It is the operation `$break-glass` and nothing else: the same conditions, the same audit entry, the same alert. What it
gives is carried by a link of its own, good for the one who asked. Whether there is a plan that was refused is not said
before and not after: who is refused sees the page that an absent plan has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from starlette.responses import Response

from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber
from security.access_request import Basis, BreakGlass
from security.break_glass import MINIMUM_REASON
from security.scopes import require
from service.record.access import Echo, Refused
from service.record.break_glass import EmergencyAccessLocked
from service.record.crew_links import Led
from service.web.answer import LinkClosed, followed
from service.web.crew import Crew
from service.web.drafts import Draft, typed_by
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.site import Visit, go

LONGEST_REASON = 500
FIELDS = ("number", "day", "month", "year", "basis", "reason", "senior")
BASES: Mapping[str, str] = {
    Basis.UNABLE_TO_ASK: "They cannot be asked: unconscious, or not to be reached",
    Basis.LACKS_CAPACITY: "They lack the capacity to decide about this",
    Basis.PUBLIC_INTEREST: "The public interest, with a senior colleague's approval",
}
"""Each basis in a crew's words. That the person refuses, awake and with capacity, is none."""
_OLD = "This page was open for too long. Check it, then send it again."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, as it was typed, and what is wrong with it: a field of the form and a sentence."""

    fields: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[str, str] = ("", "")

    @property
    def born(self) -> str:
        """The birth date as FHIR writes it; raise ValueError for none."""
        day, month, year = (int(self.fields.get(name, "")) for name in ("day", "month", "year"))
        return date(year, month, day).isoformat()


async def form_page(crew: Crew, visit: Visit) -> Response:
    """GET /crew/i/{link}/emergency: what it is for, and what it needs."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    return _form(crew, visit, await _led(crew, visit), Asked())


async def ask(crew: Crew, visit: Visit) -> Response:
    """POST /crew/i/{link}/emergency: break glass, and go to the answer by a link that carries it."""
    form = await read_form(visit.request, crew.base_url)
    if visit.person is None:
        return must_sign_in(crew, visit, visit.path, Draft.of(crew.sessions.seal, form, visit.path, FIELDS))
    led = await _led(crew, visit)
    typed = {name: form.text(name, LONGEST_REASON + 1) for name in FIELDS}
    if not crew.sessions.owns(visit.session, form.text("form")):
        if typed_by(crew.sessions.seal, form) != visit.session.person:
            typed = {}
        return _form(crew, visit, led, Asked(typed, ("", _OLD)), 409)
    number, wrong = _whose(led, typed)
    asked = Asked(typed, wrong or _wrong(typed))
    if asked.wrong != ("", ""):
        return _form(crew, visit, led, asked, 422)
    caller = visit.caller(led.incident)
    require(caller.principal.scopes, "Patient", "r")
    glass = BreakGlass(Basis(typed["basis"]), typed["reason"], typed["senior"] or None)
    try:
        grant = await crew.operations.emergency_grant(caller, glass, Echo(number, asked.born))
    except EmergencyAccessLocked as locked:
        text = f"Locked for you after tries that were refused, for {locked.minutes} minutes. Ask a senior colleague."
        return _form(crew, visit, led, Asked(typed, ("", text)), 403)
    except Refused as refused:
        if refused.decision.status != 403:
            raise
        return _form(crew, visit, led, Asked(typed, ("", f"Not given: {refused.decision.reason}.")), 403)
    link = await crew.links.by_hand(caller.principal, number, grant=grant)
    return go(f"/crew/i/{link.token}")


def again(crew: Crew, visit: Visit, path: str, fields: Mapping[str, str]) -> Response:
    """Return the form with what was typed before a sign-in ended."""
    problem = "You had to sign in again. Check what you typed, then send it."
    return crew.draw(visit, "emergency_access.html", **_told(path, None, Asked(fields, ("", problem))))


async def _led(crew: Crew, visit: Visit) -> Led:
    led = await followed(crew, visit)
    if led.about is not None:  # nobody was picked yet
        raise LinkClosed
    return led


def _whose(led: Led, typed: Mapping[str, str]) -> tuple[str, tuple[str, str] | None]:
    """Return the NHS number: the link's own, or the one typed where the link leads to somebody by reference."""
    if "/" not in led.whom:
        return led.whom, None
    try:
        return NhsNumber(typed["number"].replace(" ", "")).value, None
    except InvalidNhsNumber:
        return "", ("number", "Type the person's NHS number: ten digits.")


def _wrong(typed: Mapping[str, str]) -> tuple[str, str]:
    """Return the first thing that is wrong, as field and sentence; two empty strings for nothing."""
    try:
        assert Asked(typed).born
    except ValueError:
        return "day", "Type the person's whole date of birth, as the person or their papers give it."
    if typed["basis"] not in BASES:
        return "basis", "Choose why the person is not asked."
    if not MINIMUM_REASON <= len(typed["reason"]) <= LONGEST_REASON:
        return "reason", f"Say what happened, in {MINIMUM_REASON} to {LONGEST_REASON} characters."
    if typed["basis"] == Basis.PUBLIC_INTEREST and not typed["senior"]:
        return "senior", "Name the senior colleague who approves."
    return "", ""


def _form(crew: Crew, visit: Visit, led: Led, asked: Asked, status: int = 200) -> Response:
    return crew.draw(visit, "emergency_access.html", status, **_told(visit.path, led, asked))


def _told(path: str, led: Led | None, asked: Asked) -> dict[str, Any]:
    name, problem = asked.wrong
    return {
        "typed": {one: asked.fields.get(one, "") for one in FIELDS},
        "address": path,
        "back": path.removesuffix("/emergency"),
        "needs_number": led is not None and "/" in led.whom,
        "field": name,
        "problem": problem,
        "bases": BASES,
        "longest": LONGEST_REASON,
    }
