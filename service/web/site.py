"""What every part of the pages stands on: sessions, who signed in, and how a visit becomes a page.

There are three parts, for crews (`crew`), for privacy officers (`privacy`) and for those who look after partners
(`sync`). All have one way to sign in, one session for each browser, and the same protection of their forms; what a
signed-in person may do is the use cases' to decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from security.clock import Clock
from security.principal import Principal
from security.registry import ClientRegistry
from service.record.access import Caller
from service.web.drafts import typist
from service.web.forms import from_elsewhere
from service.web.pages import HEADERS, Pages
from service.web.session import Session, Sessions, used
from service.web.sign_in import signed_in


@dataclass(frozen=True, slots=True)
class Area:
    """One part of the pages.

    `root` is its first page and `home` what the link to that says; `again` fits the addresses that may be loaded after
    a sign-in; `people` are the keys of the invented people who sign in there; `folder` holds its own templates.
    """

    root: str
    home: str
    again: re.Pattern[str]
    people: tuple[str, ...]
    folder: str = ""

    def ours(self, path: str) -> str:
        """Return a path that is a page to load again, or the first page: what was typed there is not repeated."""
        return path if self.again.fullmatch(path) else self.root


@dataclass(slots=True)
class Visit:
    """One request: its session (a fresh one where it brought none), and who signed in. `give` goes into its cookie."""

    request: Request
    now: datetime
    session: Session
    known: bool
    person: Principal | None
    give: Session | None = None

    @property
    def path(self) -> str:
        """The address asked for, without its query."""
        return self.request.url.path

    def caller(self, incident: str = "") -> Caller:
        """Return the signed-in person as a caller, attending an incident where one is named."""
        assert self.person is not None
        person = replace(self.person, incident=incident) if incident else self.person
        return Caller(person, self.request.scope["request_id"], at=self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages of one area stand on, once the service is open. `demo`: the invented people may sign in."""

    area: Area
    registry: ClientRegistry
    sessions: Sessions
    pages: Pages
    clock: Clock
    base_url: str
    demo: bool

    def visit(self, request: Request) -> Visit:
        """Return who asks."""
        now = self.clock()
        session = self.sessions.of(request)
        person = signed_in(session, self.registry, now, demo=self.demo)
        if session is None:
            fresh = self.sessions.begin(now)
            # A cookie given here would be stored over the one that stayed behind, and sign its owner out.
            return Visit(request, now, fresh, known=False, person=None, give=None if from_elsewhere(request) else fresh)
        return Visit(request, now, session, known=True, person=person, give=used(session, now) if person else None)

    def draw(
        self, visit: Visit, template: str, status: int = 200, headers: dict[str, str] | None = None, **told: Any
    ) -> Response:
        """Return a page for a visit; `form` and `by` are what its forms carry."""
        sessions, person = self.sessions, visit.person
        return self.pages.draw(
            template,
            status,
            display=visit.session.display,
            headers=headers or {},
            area=self.area,
            form=sessions.form_token(visit.session),
            by="" if person is None else typist(sessions.seal, visit.session.person),
            person=person,
            path=self.area.ours(visit.path),
            **told,
        )


def go(address: str) -> Response:
    """Return a redirect after a POST, so that going back or loading again sends nothing twice."""
    return RedirectResponse(address, 303, HEADERS)


def renamed(session: Session, **changed: Any) -> Session:
    """Return a session with something changed."""
    return msgspec.structs.replace(session, **changed)
