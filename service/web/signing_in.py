"""Signing in, and going on where one was: with what one had typed, and nothing of it sent by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.responses import Response

from service.web.drafts import Draft
from service.web.entering import must_sign_in
from service.web.forms import LIMIT, read_form
from service.web.sign_in import signed_in
from service.web.site import Site, Visit, go

S = TypeVar("S", bound=Site)


def signing_in(
    typed_again: Callable[[S, Visit, Draft], Awaitable[Response]],
) -> Callable[[S, Visit], Awaitable[Response]]:
    """Return the handler of an area's sign-in; `typed_again` draws the page that a draft was typed into, with it."""

    async def sign_in(site: S, visit: Visit) -> Response:
        """POST [area]/sign-in: begin a session as one of the invented people. Demo and sandbox only.

        Who is that person already goes on: a second tap on the name comes with the form of the session before.
        """
        # A draft is a form that came once before, sealed and written in Base64.
        form = await read_form(visit.request, site.base_url, 2 * LIMIT)
        path = site.area.ours(form.text("next"))
        draft = Draft.opened(site.sessions.seal, form.text("draft", 2 * LIMIT))
        chosen = form.text("persona")
        if chosen not in site.area.people:
            return must_sign_in(site, visit, path, draft)
        if visit.person is None or visit.session.person != chosen:
            if not site.sessions.owns(visit.session, form.text("form")):
                return must_sign_in(site, visit, path, draft)
            visit.give = visit.session = site.sessions.begin(visit.now, chosen, visit.session.display)
            visit.person = signed_in(visit.session, site.registry, visit.now, demo=site.demo)
        if visit.person is None or draft is None or draft.person != chosen:
            return go(path)
        return await typed_again(site, visit, draft)

    return sign_in
