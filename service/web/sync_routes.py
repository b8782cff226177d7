"""Every address of the pages for those who look after partners, and what a failure looks like there."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import BaseRoute

from security.errors import ScopeMissing
from security.scopes import OPERATIONS_READ
from service.record.errors import NotHere
from service.web import entering, sync_pages
from service.web.drafts import Draft
from service.web.pages import Pages
from service.web.serving import Opened, Row, served, usual_trouble
from service.web.signing_in import signing_in
from service.web.site import Visit, go
from service.web.sync import AREA, NOT_FOR_YOU, SyncPages

_PARTNER = "/sync/partners/{partner}"


def sync_routes(pages_of: Opened[SyncPages], pages: Pages) -> list[BaseRoute]:
    """Return the routes; `pages_of` gives what they stand on, None while the service is not open."""
    return served(pages_of, pages, AREA, (*_EVERYWHERE, *(_DEMO if pages.demo else ())), _trouble)


async def _typed_again(site: SyncPages, visit: Visit, draft: Draft) -> Response:
    """Return to the page: nothing is typed here that could be lost."""
    return go(site.area.ours(draft.path))


_EVERYWHERE: tuple[Row[SyncPages], ...] = (
    ("sync-partners", "GET", "/sync", sync_pages.overview),
    ("sync-display", "POST", "/sync/display", entering.display),
    ("sync-sign-out", "POST", "/sync/sign-out", entering.sign_out),
    ("sync-confirm-pause", "GET", f"{_PARTNER}/pause", sync_pages.confirm),
    ("sync-pauses", "POST", f"{_PARTNER}/pause", sync_pages.confirmed),
    ("sync-confirm-resume", "GET", f"{_PARTNER}/resume", sync_pages.confirm),
    ("sync-resumes", "POST", f"{_PARTNER}/resume", sync_pages.confirmed),
    ("sync-partner", "GET", _PARTNER, sync_pages.partner),
    ("sync-acts", "POST", _PARTNER, sync_pages.act),
)
_DEMO: tuple[Row[SyncPages], ...] = (
    ("sync-sign-in", "GET", "/sync/sign-in", entering.sign_in_page),
    ("sync-signs-in", "POST", "/sync/sign-in", signing_in(_typed_again)),
)
"""Signing in as one of the invented people. In production these addresses do not exist."""


def _trouble(site: SyncPages, visit: Visit, problem: Exception) -> Response:
    """Return the page for a failure: what only these pages say, or what everybody may meet."""
    if isinstance(problem, ScopeMissing):
        if problem.scope == OPERATIONS_READ:
            return site.draw(visit, NOT_FOR_YOU, 403)
        return site.draw(visit, "sync/not_done.html", 403, why="Your sign-in may look, and change nothing.")
    if isinstance(problem, NotHere):
        return site.draw(visit, "sync/no_page.html", 404)
    return usual_trouble(site, visit, problem)
