"""The pages for crews, at `/crew`: what they stand on, and how a visit becomes an answer.

They are another form of what the API gives and takes: the answer is drawn from the same document, asked of the same use
case with the same audit entry, and the note afterwards is written like any other resource. Nothing here reads a record.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fhir_profiles import json
from fhir_profiles.identifiers import ODS_SYSTEM
from security.clock import Clock
from security.principal import Principal
from security.registry import ClientRegistry
from security.scopes import require
from service import logs
from service.api.operations import Operations
from service.plan.elements import Resource, identifier_of, target
from service.plan.rota import Answering, covers_of, who_answers
from service.record import directory
from service.record.access import Caller
from service.record.crew_links import CrewLinks, Led
from service.record.write import WriteRecord
from service.web.drafts import typist
from service.web.forms import from_elsewhere
from service.web.pages import HEADERS, Pages
from service.web.reading import Document, read_document
from service.web.session import Session, Sessions, used
from service.web.sign_in import signed_in

_OURS = re.compile(r"/crew(/search|/i/[A-Za-z0-9_-]{32}(/details|/outcome|/emergency)?)?")


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


@dataclass(frozen=True, slots=True)
class Crew:
    """What the pages stand on, once the service is open. `demo`: the invented people may sign in."""

    operations: Operations
    write_record: WriteRecord
    registry: ClientRegistry
    sessions: Sessions
    pages: Pages
    clock: Clock
    base_url: str
    demo: bool

    @property
    def links(self) -> CrewLinks:
        """What opens links."""
        return self.operations.links

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
            form=sessions.form_token(visit.session),
            by="" if person is None else typist(sessions.seal, visit.session.person),
            person=person,
            path=ours(visit.path),
            **told,
        )

    async def document(self, visit: Visit, led: Led) -> Document:
        """Return the emergency answer about a person: the bytes that the API gives the same caller, read back."""
        caller = visit.caller(led.incident)
        require(caller.principal.scopes, "Patient", "r")
        if led.grant:
            caller = await self.operations.under(caller, led.grant)
        answer = await self.operations.summary_of(caller, led.whom)
        return read_document(json.decode(bytes(answer.body)))

    async def answering(self, visit: Visit, document: Document) -> Answering | None:
        """Return who answers now for the patients of this person's practice; None when no rota is known for them."""
        assert visit.person is not None
        try:
            practice = practice_of(document)
            if not practice:
                return None
            access = self.operations.read_record.access
            found = await directory.covering(access, visit.person, ODS_SYSTEM, practice)
            covers = covers_of(json.decode(bytes(item.body)) for item in found.items)
            return who_answers(covers, visit.now) if covers else None
        except Exception as problem:  # whatever is wrong with the rota, the plan was read and is to be shown
            logs.event("rota-not-read", logging.ERROR, reason=type(problem).__name__)
            return Answering((), unread=True)


Handler = Callable[[Crew, Visit], Awaitable[Response]]


def ours(path: str) -> str:
    """Return a path that is a page of ours to load again, or the first page: what was typed there is not repeated."""
    return path if _OURS.fullmatch(path) else "/crew"


def go(address: str) -> Response:
    """Return a redirect after a POST, so that going back or loading again sends nothing twice."""
    return RedirectResponse(address, 303, HEADERS)


def renamed(session: Session, **changed: Any) -> Session:
    """Return a session with something changed."""
    return msgspec.structs.replace(session, **changed)


def practice_of(document: Document) -> str:
    """Return the ODS code of the person's practice, as far as it was released; empty for none.

    A reference leads to a resource of the answer, or carries the identifier of one that is elsewhere, in the shared
    directory: one object there (https://hl7.org/fhir/R4/references.html#logical), where a resource has a list.
    """
    for reference in document.patient.get("generalPractitioner", ()):
        released = document.resources.get(target(reference) or "", {})
        code = identifier_of(released, ODS_SYSTEM) or identifier_of({"identifier": _stated(reference)}, ODS_SYSTEM)
        if code:
            return code
    return ""


def _stated(reference: Resource) -> list[Resource]:
    return [reference["identifier"]] if "identifier" in reference else []
