"""Every address of the pages for privacy officers, and what a failure looks like there."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from service.record.access import Refused
from service.record.errors import NotHere
from service.web import entering, privacy_alerts, privacy_explain, privacy_log
from service.web.drafts import Draft
from service.web.pages import Pages
from service.web.privacy import AREA, NOT_FOR_YOU, Privacy
from service.web.serving import Opened, Row, served, usual_trouble
from service.web.signing_in import signing_in
from service.web.site import Visit

_ALERT = "/privacy/alerts/{alert}"


def privacy_routes(privacy: Opened[Privacy], pages: Pages) -> list[BaseRoute]:
    """Return the routes; `privacy` gives what they stand on, None while the service is not open."""
    return served(privacy, pages, AREA, (*_EVERYWHERE, *(_DEMO if pages.demo else ())), _trouble)


async def _typed_again(site: Privacy, visit: Visit, draft: Draft) -> Response:
    """Return the page that something was typed into, with it."""
    if draft.path == "/privacy/log":
        return privacy_log.again(site, visit, draft.fields)
    if draft.path == "/privacy/explain":
        return privacy_explain.again(site, visit, draft.fields)
    return await privacy_alerts.again(site, visit, draft.path, draft.fields)


_EVERYWHERE: tuple[Row[Privacy], ...] = (
    ("privacy-alerts", "GET", "/privacy", privacy_alerts.queue),
    ("privacy-alert", "GET", _ALERT, privacy_alerts.one_alert),
    ("privacy-moves", "POST", _ALERT, privacy_alerts.move),
    ("privacy-log", "GET", "/privacy/log", privacy_log.page),
    ("privacy-searches", "POST", "/privacy/log", privacy_log.search),
    ("privacy-explain", "GET", "/privacy/explain", privacy_explain.page),
    ("privacy-explains", "POST", "/privacy/explain", privacy_explain.ask),
    ("privacy-display", "POST", "/privacy/display", entering.display),
    ("privacy-sign-out", "POST", "/privacy/sign-out", entering.sign_out),
)
_DEMO: tuple[Row[Privacy], ...] = (
    ("privacy-sign-in", "GET", "/privacy/sign-in", entering.sign_in_page),
    ("privacy-signs-in", "POST", "/privacy/sign-in", signing_in(_typed_again)),
)
"""Signing in as one of the invented people. In production these addresses do not exist."""


def _trouble(site: Privacy, visit: Visit, problem: Exception) -> Response:
    """Return the page for a failure: what only these pages say, or what everybody may meet."""
    if isinstance(problem, Refused) and problem.decision.status == 403:
        return site.draw(visit, NOT_FOR_YOU, 403)
    if isinstance(problem, NotHere):
        return site.draw(visit, "privacy/no_page.html", 404)
    return usual_trouble(site, visit, problem)
