"""Finding a person by what is known of them: name, date of birth, address, telephone, what they are called.

The same use case as `Patient/$match`, so a crew sees whom its incident is about and nobody else. Everybody who may be
meant is listed, with enough to tell twins apart, and whoever looks picks: nothing opens by itself. What was typed
travels in bodies alone; each person on the list is behind a link of the crew member's own, which tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from fhir_profiles import json
from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from security.scopes import require
from service.plan.elements import identifier_of
from service.plan.matching import Grade, keys_for
from service.plan.particulars import Particulars, of_patient
from service.record.errors import InvalidSearch, Unanswerable
from service.record.find import ENOUGH, Candidate, Household
from service.web.crew import Crew
from service.web.drafts import Draft, typed_by
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.identity import Person, person_of
from service.web.site import Visit, go

_PATH = "/crew/search"
_LONGEST = 80
_FOLDED = ("house", "street", "postcode", "town", "phone", "called")
"""The fields that are folded away at first."""
_TYPED = ("incident", "family", "given", "day", "month", "year", *_FOLDED)
"""The fields of the form."""
_WORDS = {Grade.CERTAIN: "The same number", Grade.PROBABLE: "Likely", Grade.POSSIBLE: "Possible: check with care"}
_TOO_LONG = "This is too long. Type what you know of the person."
_TOO_LITTLE = (
    "Your incident says too little of the person to look. Ask your control room for more, or say what you know."
)


class Wrong(NamedTuple):
    """What is wrong with what was typed: in which field, and in a sentence that repeats nothing."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the list: who it is, how well they fit, and where their plan opens."""

    person: Person
    fits: str
    agrees: str
    contradicts: str
    address: str


async def page(crew: Crew, visit: Visit) -> Response:
    """GET /crew/search: the form."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    return _form(crew, visit, {})


async def search(crew: Crew, visit: Visit) -> Response:
    """POST /crew/search: list who may be meant."""
    form = await read_form(visit.request, crew.base_url)
    if visit.person is None:
        return must_sign_in(crew, visit, _PATH, Draft.of(crew.sessions.seal, form, _PATH, _TYPED))
    typed = {name: form.text(name, _LONGEST) for name in _TYPED}
    if not crew.sessions.owns(visit.session, form.text("form")):
        mine = typed_by(crew.sessions.seal, form) == visit.session.person
        return _form(
            crew, visit, typed if mine else {}, "This page was open for too long. Check it, then look again.", 409
        )
    for name in _TYPED:
        if len(form.text(name)) > _LONGEST:
            return _form(crew, visit, typed, Wrong(name, _TOO_LONG), 422)
    asked = _particulars(typed)
    if not keys_for(asked):
        return _form(crew, visit, typed, Wrong("family", f"Say more. It takes {', or '.join(ENOUGH[1:])}."), 422)
    # The list has an address of its own, so that going back to it, or loading it again, sends nothing twice.
    link = await crew.links.to_whoever(visit.caller(typed["incident"]).principal, asked)
    return go(f"/crew/i/{link.token}")


async def who_may_be_meant(crew: Crew, visit: Visit, asked: Particulars, incident: str) -> Response:
    """Return the list of who may be meant by what somebody of the crew, or its control room, knows of a person."""
    caller = visit.caller(incident)
    require(caller.principal.scopes, "Patient", "s")
    find = crew.operations.matching.find_people
    try:
        found = await find(caller, asked)
    except InvalidSearch as problem:
        return _form(crew, visit, {"incident": incident}, Wrong("family", problem.sentence), 422)
    except Unanswerable:  # the incident's own words; what a crew types is looked at before it becomes a link
        return _form(crew, visit, {"incident": incident}, _TOO_LITTLE, 422)
    around = Household() if found.people else await find.at_address(caller, asked)
    shown = [await _shown(crew, visit, one, incident) for one in found.people]
    people = [one for one in shown if one]
    return crew.draw(visit, "candidates.html", people=people, more=found.more, around=around)


async def _shown(crew: Crew, visit: Visit, candidate: Candidate, incident: str) -> Shown | None:
    caller = visit.caller(incident)
    for item in candidate.released.items:
        patient = json.decode(bytes(item.body))
        assert isinstance(patient, dict)
        number = identifier_of(patient, NHS_NUMBER_SYSTEM) or ""
        link = await crew.links.by_hand(caller.principal, f"Patient/{item.id}", number)
        return Shown(
            person_of(patient, visit.now),
            _WORDS[candidate.fit.grade],
            ", ".join(candidate.fit.agrees),
            ", ".join(candidate.fit.contradicts),
            f"/crew/i/{link.token}",
        )
    return None


def again(crew: Crew, visit: Visit, fields: dict[str, str]) -> Response:
    """Return the form with what was typed before a sign-in ended."""
    return _form(crew, visit, fields, "You had to sign in again. Check what you typed, then look again.")


def _particulars(typed: dict[str, str]) -> Particulars:
    """Read the form as one reads a Patient, so that both mean the same."""
    name: dict[str, Any] = {}
    if typed["family"]:
        name["family"] = typed["family"]
    if typed["given"]:
        name["given"] = typed["given"].split()
    names = [name] if name else []
    if typed["called"]:
        names.append({"use": "nickname", "given": [typed["called"]]})
    line = " ".join(part for part in (typed["house"], typed["street"]) if part)
    address = {"line": [line] if line else [], "postalCode": typed["postcode"], "city": typed["town"]}
    asked = of_patient(
        {
            "name": names,
            "birthDate": _born(typed),
            "address": [address] if any(address.values()) else [],
            "telecom": [{"system": "phone", "value": typed["phone"]}] if typed["phone"] else [],
        }
    )
    # Without a street the number of a house alone is read as a street.
    if typed["house"] and not typed["street"]:
        asked = msgspec.structs.replace(
            asked,
            dwellings=tuple(
                msgspec.structs.replace(one, house=typed["house"].lower(), street="") for one in asked.dwellings
            ),
        )
    return asked


def _born(typed: dict[str, str]) -> str:
    day, month, year = (typed[name] for name in ("day", "month", "year"))
    if not (year.isdecimal() and len(year) == 4):
        return ""
    if not (month.isdecimal() and 1 <= int(month) <= 12):
        return year
    if not (day.isdecimal() and 1 <= int(day) <= 31):
        return f"{year}-{int(month):02}"
    return f"{year}-{int(month):02}-{int(day):02}"


def _form(crew: Crew, visit: Visit, typed: dict[str, str], problem: str | Wrong = "", status: int = 200) -> Response:
    field, sentence = problem if isinstance(problem, Wrong) else ("", problem)
    shown = {name: typed.get(name, "") for name in _TYPED}
    return crew.draw(
        visit, "search.html", status, typed=shown, problem=sentence, field=field, opened=_below(shown, field)
    )


def _below(typed: dict[str, str], field: str) -> bool:
    """Say whether the part of the form that is folded away holds something that must be seen."""
    return field in _FOLDED or any(typed[name] for name in _FOLDED)
