"""Every address of the pages for crews, and what a failure looks like there."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.record.access import Refused
from service.record.break_glass import EmergencyAccessEnded
from service.web import answer, emergency_access, entering, find, searching, telling
from service.web.answer import LinkClosed
from service.web.assets import PREFIX, StyleSheet
from service.web.crew import AREA, Crew
from service.web.drafts import Draft
from service.web.pages import Pages
from service.web.serving import Opened, Row, served, usual_trouble
from service.web.signing_in import signing_in
from service.web.site import Visit

_LINK = "/crew/i/{link}"


def crew_routes(crew: Opened[Crew], pages: Pages) -> list[BaseRoute]:
    """Return the routes; `crew` gives what they stand on, None while the service is not open."""
    styled = Route(PREFIX + "{name}", _styled(pages.sheet), name="crew-style")
    rows = (*_EVERYWHERE, *(_DEMO if pages.demo else ()))
    return [styled, *served(crew, pages, AREA, rows, _trouble)]


async def _typed_again(crew: Crew, visit: Visit, draft: Draft) -> Response:
    """Return the page that something was typed into, with it."""
    if draft.path == "/crew":
        return find.again(crew, visit, draft.fields)
    if draft.path == "/crew/search":
        return searching.again(crew, visit, draft.fields)
    if draft.path.endswith("/emergency"):
        return emergency_access.again(crew, visit, draft.path, draft.fields)
    return telling.again(crew, visit, draft.path, draft.fields)


_EVERYWHERE: tuple[Row[Crew], ...] = (
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
_DEMO: tuple[Row[Crew], ...] = (
    ("crew-sign-in", "GET", "/crew/sign-in", entering.sign_in_page),
    ("crew-signs-in", "POST", "/crew/sign-in", signing_in(_typed_again)),
)
"""Signing in as one of the invented people. In production these addresses do not exist."""


def _trouble(crew: Crew, visit: Visit, problem: Exception) -> Response:
    """Return the page for a failure: what only crews meet, or what everybody may."""
    if isinstance(problem, LinkClosed):
        return crew.draw(visit, "link_closed.html", 404)
    if isinstance(problem, EmergencyAccessEnded):
        return crew.draw(visit, "not_done.html", 403, why="Emergency access has ended. Ask again, with a new reason.")
    if isinstance(problem, Refused) and problem.decision.status == 404:
        if problem.explained:
            return crew.draw(visit, "not_shared.html", 404, explained=problem.explained)
        return crew.draw(visit, "no_plan.html", 404)
    return usual_trouble(crew, visit, problem)


def _styled(sheet: StyleSheet) -> Callable[[Request], object]:
    async def answered(request: Request) -> Response:
        request.scope["interaction"] = "crew-style"
        return sheet.answer(request)

    return answered
