"""Finding a person without a link: by the NHS number, typed by hand. It travels in the body, never in an address."""

from __future__ import annotations

from starlette.responses import Response

from fhir_profiles.errors import InvalidNhsNumber
from fhir_profiles.identifiers import NhsNumber
from service.web.crew import Crew, Visit, go
from service.web.entering import must_sign_in
from service.web.forms import read_form

_LONGEST = 40


async def home(crew: Crew, visit: Visit) -> Response:
    """GET /crew: where to go without a link."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    return crew.draw(visit, "find.html", problem="")


async def find(crew: Crew, visit: Visit) -> Response:
    """POST /crew/find: go to the answer about the person with an NHS number.

    Whether there is a plan, and whether this crew may see it, is asked when the answer is: here every valid number
    looks the same. Finding by name and date of birth joins here: other fields of the same form, candidates as answer.
    """
    form = await read_form(visit.request, crew.base_url)
    if visit.person is None:
        return must_sign_in(crew, visit, "/crew")
    if not crew.sessions.owns(visit.session, form.text("form")):
        return crew.draw(visit, "find.html", 409, problem="This page was open for too long. Type the number again.")
    typed = form.text("nhs_number")
    try:
        number = NhsNumber("".join(typed.split()) if len(typed) <= _LONGEST else "")
    except InvalidNhsNumber:
        problem = "Type an NHS number: ten digits. One of them may be wrong." if typed else "Type an NHS number."
        return crew.draw(visit, "find.html", 422, problem=problem)
    link = await crew.links.by_hand(visit.person, number.value)
    return go(f"/crew/i/{link.token}")
