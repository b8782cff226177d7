"""The answer on one screen, and all of it on a second page."""

from __future__ import annotations

from starlette.responses import Response

from service.record.crew_links import Led
from service.record.errors import NotHere
from service.web.crew import Crew
from service.web.dates import short
from service.web.entering import must_sign_in
from service.web.reading import Document
from service.web.searching import who_may_be_meant
from service.web.site import Visit
from service.web.view import view_of


class LinkClosed(Exception):
    """The link is wrong, too old, of another organisation or of an incident that has ended: never said which."""


async def answer(crew: Crew, visit: Visit) -> Response:
    """GET /crew/i/{link}: what a crew at the door needs."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    led = await followed(crew, visit)
    if led.about is not None:
        return await who_may_be_meant(crew, visit, led.about, led.incident)
    document = await crew.document(visit, led)
    view = view_of(document, await crew.answering(visit, document))
    return crew.draw(visit, "answer.html", view=view, address=visit.path)


async def details(crew: Crew, visit: Visit) -> Response:
    """GET /crew/i/{link}/details: everything that was released, in its own words, fit for printing."""
    if visit.person is None:
        return must_sign_in(crew, visit)
    document = await opened(crew, visit)
    answering = await crew.answering(visit, document)
    return crew.draw(
        visit,
        "details.html",
        document=document,
        view=view_of(document, answering),
        answering=answering,
        as_of=short(document.as_of, clock=True),
        short=short,
        address=visit.path.removesuffix("/details"),
    )


async def opened(crew: Crew, visit: Visit, led: Led | None = None) -> Document:
    """Return the document that a link leads to. Raise LinkClosed, or what the use case raises."""
    led = led or await followed(crew, visit)
    if led.about is not None:  # nobody was picked yet
        raise LinkClosed
    return await crew.document(visit, led)


async def followed(crew: Crew, visit: Visit, *, afterwards: bool = False) -> Led:
    """Return where the link of a visit leads; raise LinkClosed. `afterwards`: also when its incident has ended."""
    link = str(visit.request.path_params["link"])
    try:
        return await crew.links.open(visit.caller(), link, afterwards=afterwards)
    except NotHere:
        raise LinkClosed from None
