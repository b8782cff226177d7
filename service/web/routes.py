"""Every address of the pages for crews, and what a failure looks like there."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.api import outcomes
from service.api.errors import RequestProblem
from service.record.access import Refused
from service.record.break_glass import EmergencyAccessEnded
from service.web import answer, emergency_access, entering, find, searching, signing_in, telling
from service.web.answer import LinkClosed
from service.web.assets import PREFIX, StyleSheet
from service.web.crew import Crew, Handler, Visit, go, ours
from service.web.forms import ForeignForm
from service.web.pages import Pages

_LINK = "/crew/i/{link}"
_EVERYWHERE: tuple[tuple[str, str, str, Handler], ...] = (
    ("crew-home", "GET", "/crew", find.home),
    ("crew-find", "POST", "/crew/find", find.find),
    ("crew-find-again", "GET", "/crew/find", find.home),
    ("crew-search", "GET", "/crew/search", searching.page),
    ("crew-matches", "POST", "/crew/search", searching.search),
    ("crew-display", "POST", "/crew/display", entering.display),
    ("crew-sign-out", "POST", "/crew/sign-out", entering.sign_out),
    ("crew-answer", "GET", _LINK, answer.answer),
    ("crew-details", "GET", f"{_LINK}/details", answer.details),
    ("crew-outcome", "GET", f"{_LINK}/outcome", telling.outcome_page),
    ("crew-tell", "POST", f"{_LINK}/outcome", telling.tell),
    ("crew-emergency", "GET", f"{_LINK}/emergency", emergency_access.form_page),
    ("crew-breaks-glass", "POST", f"{_LINK}/emergency", emergency_access.ask),
    ("crew-saved", "GET", f"{_LINK}/outcome/saved", telling.saved),
)
_DEMO: tuple[tuple[str, str, str, Handler], ...] = (
    ("crew-sign-in", "GET", "/crew/sign-in", entering.sign_in_page),
    ("crew-signs-in", "POST", "/crew/sign-in", signing_in.sign_in),
)
"""Signing in as one of the invented people. In production these addresses do not exist."""
_ELSEWHERE = "/crew/{rest:path}"
"""Every other address: whoever is here has a browser, and can read no JSON."""


def crew_routes(crew: Callable[[], Crew | None], pages: Pages) -> list[BaseRoute]:
    """Return the routes; `crew` gives what they stand on, None while the service is not open."""
    rows = (*_EVERYWHERE, *(_DEMO if pages.demo else ()))
    routes: list[BaseRoute] = [
        Route(path, _handled(crew, pages, name, handler), methods=[method], name=name)
        for name, method, path, handler in rows
    ]
    nowhere = Route(_ELSEWHERE, _handled(crew, pages, "crew-nowhere", _nowhere), methods=["GET", "POST"])
    return [*routes, Route(PREFIX + "{name}", _styled(pages.sheet), name="crew-style"), nowhere]


def _handled(crew: Callable[[], Crew | None], pages: Pages, name: str, handler: Handler) -> Callable[[Request], object]:
    async def answered(request: Request) -> Response:
        request.scope["interaction"] = name
        opened = crew()
        if opened is None:
            return pages.draw("unreachable.html", 503, headers=outcomes.RETRY_AFTER, path=ours(request.url.path))
        visit = opened.visit(request)
        if visit.person is not None:
            one = visit.person
            request.scope["log_fields"] = {
                "client": one.client_id,
                "organisation": one.organisation,
                "role": one.role,
                "purpose": one.purpose,
            }
        try:
            response = await handler(opened, visit)
        except Exception as problem:  # every failure becomes a page in the one table
            response = _trouble(opened, visit, problem)
        if visit.give is not None:
            opened.sessions.set(response, visit.give)
        return response

    return answered


async def _nowhere(crew: Crew, visit: Visit) -> Response:
    """Answer an address that is no page; with a slash too many it leads to the page without, whatever Host was said."""
    page = visit.path.rstrip("/")
    if visit.path != page == ours(page):
        return go(page)
    return crew.draw(visit, "no_page.html", 404)


def _trouble(crew: Crew, visit: Visit, problem: Exception) -> Response:
    """Return the page for a failure; its status is the API's for the same failure."""
    if isinstance(problem, LinkClosed):
        return crew.draw(visit, "link_closed.html", 404)
    if isinstance(problem, EmergencyAccessEnded):
        return crew.draw(visit, "not_done.html", 403, why="Emergency access has ended. Ask again, with a new reason.")
    if isinstance(problem, ForeignForm):
        visit.give = None  # whoever sent this changes nothing of the session, be it there or be it a new one
        return crew.draw(visit, "not_done.html", 403, why="It was not sent by a page of this service.")
    if isinstance(problem, RequestProblem):
        status = outcomes.answer(problem).status_code
        return crew.draw(visit, "not_done.html", status, why="What was sent is too long, or cannot be read.")
    status = outcomes.answer(problem).status_code
    if isinstance(problem, Refused) and status == 404:
        if problem.explained:
            return crew.draw(visit, "not_shared.html", 404, explained=problem.explained)
        return crew.draw(visit, "no_plan.html", 404)
    if status >= 500:
        return crew.draw(visit, "unreachable.html", 503, outcomes.RETRY_AFTER, quote=visit.request.scope["request_id"])
    why = outcomes.FORBIDDEN if status == 403 else "The service refused it."
    return crew.draw(visit, "not_done.html", status, why=why)


def _styled(sheet: StyleSheet) -> Callable[[Request], object]:
    async def answered(request: Request) -> Response:
        request.scope["interaction"] = "crew-style"
        return sheet.answer(request)

    return answered
