"""The page of a FHIR stand-in: what arrived, whom it knows, what stands for each; and the nurse's form."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.standins.decisions import Line, lines_of, name_of
from service.standins.ledger import Ledger
from service.standins.moments import Moments
from service.standins.nurse import CPR_ANSWERS, PLACES, Nurse
from service.standins.pages import Pages, go
from service.standins.shelf import Shelf, Version

_LONGEST_REASON = 500


class Person(msgspec.Struct, frozen=True):
    """Somebody on the page. `notes` are messages about them, newest first."""

    id: str
    name: str
    nhs_number: str
    born: str
    lines: list[Line]
    notes: list[str]
    changed: str


class PeoplePages:
    """Pages over a shelf; with a nurse there are forms."""

    def __init__(self, pages: Pages, shelf: Shelf, ledger: Ledger, moments: Moments, nurse: Nurse | None) -> None:
        self._pages = pages
        self._shelf = shelf
        self._ledger = ledger
        self._moments = moments
        self._nurse = nurse

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/", self.front),
            Route("/people/{name}", self.person),
            Route("/people/{name}/place", self.place, methods=["POST"]),
            Route("/people/{name}/cpr", self.cpr, methods=["POST"]),
        ]

    async def front(self, request: Request) -> Response:
        """Show what arrived and everybody."""
        people = [self._person(one) for one in self._shelf.all("Patient")]
        people.sort(key=lambda one: one.name)
        people.sort(key=lambda one: one.changed, reverse=True)
        return self._pages.draw("people.html", request, people=people)

    async def person(self, request: Request) -> Response:
        """Show one person, with the forms."""
        return self._draw(request)

    async def place(self, request: Request) -> Response:
        """Record a preferred place of death."""
        form = await _form(request)
        if (nurse := self._allowed(request)) is None:
            return self._draw(request, 403, "Not saved: the form was not sent by this page.")
        if form.get("place") not in PLACES:
            return self._draw(request, 400, "Not saved: choose a place.")
        return self._saved(request, nurse.place(self._reference(request), form["place"], self._moments.now()))

    async def cpr(self, request: Request) -> Response:
        """Record a CPR decision."""
        form = await _form(request)
        if (nurse := self._allowed(request)) is None:
            return self._draw(request, 403, "Not saved: the form was not sent by this page.")
        if form.get("answer") not in CPR_ANSWERS:
            return self._draw(request, 400, "Not saved: choose a decision.")
        reason = form.get("reason", "")[:_LONGEST_REASON]
        return self._saved(request, nurse.cpr(self._reference(request), form["answer"], reason, self._moments.now()))

    def _draw(self, request: Request, status: int = 200, problem: str = "") -> Response:
        held = self._shelf.current("Patient", request.path_params["name"])
        if held is None or held.resource is None:
            return self._pages.draw("nobody.html", request, 404)
        return self._pages.draw(
            "person.html",
            request,
            status,
            person=self._person(held),
            problem=problem,
            saved="saved" in request.query_params,
            nurse=self._nurse is not None,
            places=list(PLACES),
            answers=list(CPR_ANSWERS),
        )

    def _saved(self, request: Request, version: Version) -> Response:
        return go(f"/people/{request.path_params['name']}?saved")

    def _allowed(self, request: Request) -> Nurse | None:
        """Return who edits here, if the form came from our own page and is about somebody here."""
        origin = request.headers.get("origin", "")
        ours = urlsplit(origin).netloc == request.headers.get("host") if origin else False
        return self._nurse if ours and self._shelf.resource(self._reference(request)) else None

    def _reference(self, request: Request) -> str:
        return f"Patient/{request.path_params['name']}"

    def _person(self, patient: Version) -> Person:
        resource = patient.resource or {}
        numbers = [one["value"] for one in resource.get("identifier", ()) if one.get("system") == NHS_NUMBER_SYSTEM]
        about = []
        for reference in self._shelf.pointing_at(patient.reference):
            kind, _, name = reference.partition("/")
            version = self._shelf.current(kind, name)
            if version is not None:
                about.append(version)
        about.sort(key=lambda one: one.at, reverse=True)
        return Person(
            id=patient.id,
            name=name_of(resource),
            nhs_number=numbers[0] if numbers else "",
            born=str(resource.get("birthDate", "")),
            lines=lines_of(about),
            notes=[note for one in about if one.kind == "Communication" and one.resource for note in _notes(one)][:3],
            changed=about[0].at if about else "",
        )


def _notes(version: Version) -> list[str]:
    payload = (version.resource or {}).get("payload", ())
    return [str(part["contentString"]) for part in payload if "contentString" in part]


async def _form(request: Request) -> dict[str, str]:
    try:
        members = parse_qs((await request.body()).decode(), max_num_fields=10)
    except (UnicodeDecodeError, ValueError):
        return {}
    return {name: values[0] for name, values in members.items()}
