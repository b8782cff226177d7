"""Who must sign in first, signing out, and how pages look."""

from __future__ import annotations

from starlette.responses import Response

from service.web.drafts import Draft
from service.web.forms import check_origin, from_elsewhere, read_form
from service.web.personas import PERSONAS
from service.web.session import Display
from service.web.site import Site, Visit, go, renamed


def must_sign_in(site: Site, visit: Visit, path: str = "", draft: Draft | None = None) -> Response:
    """Return the page that a visitor without a sign-in gets instead of what they asked for.

    It leads back to `path`, or to where they are, with the draft of what they typed.
    """
    if not visit.known and from_elsewhere(visit.request):
        # As from a control room's web page. Asked again by a page of ours, the cookie comes along.
        return site.draw(visit, "continue.html")
    return site.draw(
        visit,
        "sign_in.html",
        401,
        {"WWW-Authenticate": "Session"},
        people=[PERSONAS[key] for key in site.area.people] if site.demo else (),
        next=site.area.ours(path or visit.path),
        draft="" if draft is None else draft.sealed(site.sessions.seal),
        again=visit.known and bool(visit.session.person),
        no_cookies=visit.request.method == "POST" and not visit.known,
    )


async def sign_in_page(site: Site, visit: Visit) -> Response:
    """GET [area]/sign-in: choose who you are. Demo and sandbox only."""
    return must_sign_in(site, visit, site.area.root)


async def sign_out(site: Site, visit: Visit) -> Response:
    """POST [area]/sign-out: end the session on this device, also when a page of an earlier session asks for it."""
    check_origin(visit.request, site.base_url)
    visit.give = site.sessions.begin(visit.now, display=visit.session.display)
    return go(site.area.root)


async def display(site: Site, visit: Visit) -> Response:
    """POST [area]/display: day, night, or as the device asks."""
    form = await read_form(visit.request, site.base_url)
    path = site.area.ours(form.text("next"))
    chosen = form.text("display")
    if site.sessions.owns(visit.session, form.text("form")) and chosen in set(Display):
        visit.give = renamed(visit.session, display=Display(chosen))
    return go(path)
