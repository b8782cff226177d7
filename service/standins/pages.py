"""The pages of the stand-ins: templates, one style sheet, no script. They load again by themselves when asked to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from service.standins.behaviour import Behaviour, Word
from service.standins.config import Config
from service.standins.ledger import Ledger

_HERE = Path(__file__).parent
_EVERY_SECONDS = 2
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with none a browser says no Origin of our own forms either
    "X-Content-Type-Options": "nosniff",
}
_BEHAVES = {
    Word.DOWN: "Down: it answers nothing.",
    Word.SLOW: "Slow: each request waits.",
    Word.DUPLICATING: "Loses its answers: each request has its effect and hears nothing.",
    Word.REORDERING: "Out of order: a request waits for the next one.",
    Word.WRONG: "Wrong: its answers are not what the protocol promises.",
    Word.RATE: "Busy: it asks everybody to come back later.",
}


class Pages:
    """Draws the pages of one stand-in."""

    def __init__(self, config: Config, ledger: Ledger, behaviour: Behaviour) -> None:
        self._config = config
        self._ledger = ledger
        self._behaviour = behaviour
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._sheet = (_HERE / "templates" / "page.css").read_bytes()

    def routes(self) -> list[Route]:
        """Return the route of the style sheet."""
        return [Route("/page.css", self._style)]

    def draw(self, template: str, request: Request, status: int = 200, **told: Any) -> Response:
        """Return a page. With `?follow` it loads itself again every two seconds, until its reader stops it: a page
        that moves by itself is nothing for everybody."""
        follow = "follow" in request.query_params
        page = self._templates.get_template(template).render(
            config=self._config,
            ledger=self._ledger,
            behaves=_BEHAVES.get(self._behaviour.said.word, ""),
            follow=follow,
            **told,
        )
        headers = {**HEADERS, "Refresh": str(_EVERY_SECONDS)} if follow else HEADERS
        return Response(page, status, headers, "text/html")

    async def _style(self, request: Request) -> Response:
        return Response(self._sheet, 200, HEADERS, "text/css")


def go(address: str) -> Response:
    """Return a redirect after a POST."""
    return RedirectResponse(address, 303, HEADERS)
