"""From an address to a page: what surrounds every handler, and what a failure looks like in every part of the pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.api import outcomes
from service.api.errors import RequestProblem
from service.web.forms import ForeignForm
from service.web.pages import Pages
from service.web.site import Area, Site, Visit, go

S = TypeVar("S", bound=Site)
Row = tuple[str, str, str, Callable[[S, Visit], Awaitable[Response]]]
"""What the log calls it, its method, its path, and its handler."""
Opened = Callable[[], S | None]
"""Gives what pages stand on; None while the service is not open."""
Trouble = Callable[[S, Visit, Exception], Response]
"""Makes a page of a failure."""


def served(
    opened: Opened[S], pages: Pages, area: Area, rows: tuple[Row[S], ...], trouble: Trouble[S]
) -> list[BaseRoute]:
    """Return the routes of an area. Whatever else is asked for under its root is a page too, for whoever is here has a
    browser and can read no JSON."""

    def handled(name: str, handler: Callable[[S, Visit], Awaitable[Response]]) -> Callable[[Request], object]:
        async def answered(request: Request) -> Response:
            request.scope["interaction"] = name
            site = opened()
            if site is None:
                headers, path = outcomes.RETRY_AFTER, area.ours(request.url.path)
                return pages.draw(f"{area.folder}unreachable.html", 503, headers=headers, area=area, path=path)
            visit = site.visit(request)
            if visit.person is not None:
                one = visit.person
                request.scope["log_fields"] = {
                    "client": one.client_id,
                    "organisation": one.organisation,
                    "role": one.role,
                    "purpose": one.purpose,
                }
            try:
                response = await handler(site, visit)
            except Exception as problem:  # every failure becomes a page in the one table
                response = trouble(site, visit, problem)
            if visit.give is not None:
                site.sessions.set(response, visit.give)
            return response

        return answered

    routes: list[BaseRoute] = [
        Route(path, handled(name, handler), methods=[method], name=name) for name, method, path, handler in rows
    ]
    name = f"{area.root[1:]}-nowhere"
    return [*routes, Route(area.root + "/{rest:path}", handled(name, nowhere), methods=["GET", "POST"], name=name)]


async def nowhere(site: Site, visit: Visit) -> Response:
    """Answer an address that is no page; with a slash too many it leads to the page without, whatever Host was said."""
    page = visit.path.rstrip("/")
    if visit.path != page == site.area.ours(page):
        return go(page)
    return site.draw(visit, f"{site.area.folder}no_page.html", 404)


def usual_trouble(site: Site, visit: Visit, problem: Exception) -> Response:
    """Return the page for a failure; its status is the API's for the same failure."""
    not_done = f"{site.area.folder}not_done.html"
    if isinstance(problem, ForeignForm):
        visit.give = None  # whoever sent this changes nothing of the session, be it there or be it a new one
        return site.draw(visit, not_done, 403, why="It was not sent by a page of this service.")
    if isinstance(problem, RequestProblem):
        status = outcomes.answer(problem).status_code
        return site.draw(visit, not_done, status, why="What was sent is too long, or cannot be read.")
    status = outcomes.answer(problem).status_code
    if status >= 500:
        quote = visit.request.scope["request_id"]
        return site.draw(visit, f"{site.area.folder}unreachable.html", 503, outcomes.RETRY_AFTER, quote=quote)
    return site.draw(visit, not_done, status, why=outcomes.FORBIDDEN if status == 403 else "The service refused it.")
