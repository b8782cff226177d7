"""Signing in and out, and how pages look. Who must sign in first comes back to where they were, with what they typed.

A text that was typed when the sign-in ran out travels through the sign-in page sealed, bound to who typed it: nobody
else who signs in on that device gets to see it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec
from starlette.responses import Response

from security.errors import SecurityError
from service.web.crew import Crew, Visit, go, ours, renamed
from service.web.forms import Form, from_elsewhere, read_form
from service.web.outcome import LONGEST_TEXT, REASONS, Outcome
from service.web.personas import PERSONAS
from service.web.session import Display

_DRAFT, _ID = "crew-draft", b"outcome"


class Draft(msgspec.Struct, array_like=True, frozen=True):
    """A text that waits for a sign-in: by whom, on which page, what was said."""

    person: str
    path: str
    number: int
    kind: str
    reason: str
    text: str

    @property
    def outcome(self) -> Outcome:
        """What was said."""
        return Outcome(self.kind, self.reason, self.text)


def must_sign_in(crew: Crew, visit: Visit, path: str = "", draft: Draft | None = None) -> Response:
    """Return the page that a visitor without a sign-in gets instead of what they asked for."""
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
        draft="" if draft is None else _sealed(crew, draft),
        again=visit.known and bool(visit.session.person),
        no_cookies=visit.request.method == "POST" and not visit.known,
    )


async def sign_in_page(crew: Crew, visit: Visit) -> Response:
    """GET /crew/sign-in: choose who you are. Demo and sandbox only."""
    return must_sign_in(crew, visit, "/crew")


async def sign_in(crew: Crew, visit: Visit) -> Response:
    """POST /crew/sign-in: begin a session as one of the invented people. Demo and sandbox only."""
    form = await read_form(visit.request, crew.base_url)
    path = ours(form.text("next"))
    draft = _opened(crew, form)
    chosen = form.text("persona")
    if not crew.sessions.owns(visit.session, form.text("form")) or chosen not in PERSONAS:
        return must_sign_in(crew, visit, path, draft)
    visit.give = visit.session = crew.sessions.begin(visit.now, chosen, visit.session.display)
    if draft is None or draft.person not in ("", chosen):
        return go(path)
    return crew.draw(
        visit,
        "outcome.html",
        told=draft.outcome,
        number=draft.number,
        address=draft.path,
        problem="You had to sign in again. Check what you typed, then save it.",
        reasons=REASONS,
        longest=LONGEST_TEXT,
    )


async def sign_out(crew: Crew, visit: Visit) -> Response:
    """POST /crew/sign-out: end the session on this device."""
    form = await read_form(visit.request, crew.base_url)
    if crew.sessions.owns(visit.session, form.text("form")):
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


def _sealed(crew: Crew, draft: Draft) -> str:
    sealed = crew.sessions.seal.seal(_DRAFT, _ID, msgspec.msgpack.encode(draft))
    return urlsafe_b64encode(sealed).decode()


def _opened(crew: Crew, form: Form) -> Draft | None:
    try:
        sealed = urlsafe_b64decode(form.text("draft"))
        return msgspec.msgpack.decode(crew.sessions.seal.open(_DRAFT, _ID, sealed), type=Draft) if sealed else None
    except (SecurityError, msgspec.MsgspecError, ValueError):
        return None
