"""Signing in, and going on where one was: with what one had typed, and nothing of it sent by itself."""

from __future__ import annotations

from starlette.responses import Response

from service.web import emergency_access, find, searching, telling
from service.web.crew import Crew, Visit, go, ours
from service.web.drafts import Draft
from service.web.entering import must_sign_in
from service.web.forms import LIMIT, read_form
from service.web.personas import PERSONAS
from service.web.sign_in import signed_in


async def sign_in(crew: Crew, visit: Visit) -> Response:
    """POST /crew/sign-in: begin a session as one of the invented people. Demo and sandbox only.

    Who is that person already goes on: a second tap on the name comes with the form of the session before.
    """
    # A draft is a form that came once before, sealed and written in Base64.
    form = await read_form(visit.request, crew.base_url, 2 * LIMIT)
    path = ours(form.text("next"))
    draft = Draft.opened(crew.sessions.seal, form.text("draft", 2 * LIMIT))
    chosen = form.text("persona")
    if visit.person is None or visit.session.person != chosen:
        if not crew.sessions.owns(visit.session, form.text("form")) or chosen not in PERSONAS:
            return must_sign_in(crew, visit, path, draft)
        visit.give = visit.session = crew.sessions.begin(visit.now, chosen, visit.session.display)
        visit.person = signed_in(visit.session, crew.registry, visit.now, demo=crew.demo)
    if visit.person is None or draft is None or draft.person != chosen:
        return go(path)
    return _typed_again(crew, visit, draft)


def _typed_again(crew: Crew, visit: Visit, draft: Draft) -> Response:
    """Return the page that something was typed into, with it."""
    if draft.path == "/crew":
        return find.again(crew, visit, draft.fields)
    if draft.path == "/crew/search":
        return searching.again(crew, visit, draft.fields)
    if draft.path.endswith("/emergency"):
        return emergency_access.again(crew, visit, draft.path, draft.fields)
    return telling.again(crew, visit, draft.path, draft.fields)
