"""Finding a person without a link: by the NHS number, typed by hand. It travels in the body, never in an address."""

from __future__ import annotations

from starlette.responses import Response

from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber
from service.web.crew import Crew
from service.web.drafts import Draft
from service.web.entering import must_sign_in
from service.web.forms import read_form
from service.web.site import Visit, go

_FIELD = "nhs_number"
_LONGEST = 40


async def home(crew: Crew, visit: Visit) -> Response:
    """GET /crew: where to go without a link."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    return _form(crew, visit)


async def find(crew: Crew, visit: Visit) -> Response:
    """POST /crew/find: go to the answer about the person with an NHS number.

    Whether there is a plan, and whether this crew may see it, is asked when the answer is: here every valid number
    looks the same.
    """
    form = await read_form(visit.request, crew.base_url)
    if visit.person is None:
        return must_sign_in(crew, visit, "/crew", Draft.of(crew.sessions.seal, form, "/crew", (_FIELD,)))
    if not crew.sessions.owns(visit.session, form.text("form")):
        return _form(crew, visit, "This page was open for too long. Type the number again.", 409)
    typed = form.text(_FIELD)
    try:
        number = NhsNumber("".join(typed.split()) if len(typed) <= _LONGEST else "")
    except InvalidNhsNumber:
        problem = "Type an NHS number: ten digits. One of them may be wrong." if typed else "Type an NHS number."
        return _form(crew, visit, problem, 422)
    link = await crew.links.by_hand(visit.person, number.value)
    return go(f"/crew/i/{link.token}")


def again(crew: Crew, visit: Visit, fields: dict[str, str]) -> Response:
    """Return the page with what was typed before a sign-in ended."""
    return _form(crew, visit, "You had to sign in again. Check the number, then open the plan.", typed=fields[_FIELD])


def _form(crew: Crew, visit: Visit, problem: str = "", status: int = 200, typed: str = "") -> Response:
    """Return the page. A number that is none is not repeated: it may be somebody else's."""
    return crew.draw(visit, "find.html", status, problem=problem, typed=typed)
