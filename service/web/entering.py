"""Who must sign in first, signing out, and how pages look."""

from __future__ import annotations

from starlette.responses import Response

from service.web.crew import Crew, Visit, go, ours, renamed
from service.web.drafts import Draft
from service.web.forms import check_origin, from_elsewhere, read_form
from service.web.personas import PERSONAS
from service.web.session import Display


def must_sign_in(crew: Crew, visit: Visit, path: str = "", draft: Draft | None = None) -> Response:
    """Return the page that a visitor without a sign-in gets instead of what they asked for.

    It leads back to `path`, or to where they are, with the draft of what they typed.
    """
    if not visit.known and from_elsewhere(visit.request):
        # As from a control room's web page. Asked again by a page of ours, the cookie comes along.
        return crew.draw(visit, "continue.html")
    return crew.draw(
        visit,
        "sign_in.html",
        401,
        {"WWW-Authenticate": "Session"},
        people=PERSONAS.values() if crew.demo else (),
        next=ours(path or visit.path),
        draft="" if draft is None else draft.sealed(crew.sessions.seal),
        again=visit.known and bool(visit.session.person),
        no_cookies=visit.request.method == "POST" and not visit.known,
    )


async def sign_in_page(crew: Crew, visit: Visit) -> Response:
    """GET /crew/sign-in: choose who you are. Demo and sandbox only."""
    return must_sign_in(crew, visit, "/crew")


async def sign_out(crew: Crew, visit: Visit) -> Response:
    """POST /crew/sign-out: end the session on this device, also when a page of an earlier session asks for it."""
    check_origin(visit.request, crew.base_url)
    visit.give = crew.sessions.begin(visit.now, display=visit.session.display)
    return go("/crew")


async def display(crew: Crew, visit: Visit) -> Response:
    """POST /crew/display: day, night, or as the device asks."""
    form = await read_form(visit.request, crew.base_url)
    path = ours(form.text("next"))
    chosen = form.text("display")
    if crew.sessions.owns(visit.session, form.text("form")) and chosen in set(Display):
        visit.give = renamed(visit.session, display=Display(chosen))
    return go(path)
