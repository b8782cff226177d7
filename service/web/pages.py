"""Draws pages: our templates over those of the NHS design system, with the headers that every page has.

The design system's own page template is not used: it brings an inline script, and these pages have none at all.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from service.web.assets import StyleSheet
from service.web.calls import dial
from service.web.session import Display

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

TEMPLATES = Path(__file__).resolve().parent / "templates"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script, no inline style, no other host: what a page could be made to load or send, a browser refuses."""
_STRESSED = re.compile(r"(\bNOT(?: VERIFIED)?\b|\bREVIEW OVERDUE\b)")
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    # Without this, forms of our own pages would tell no Origin, by which they are told from others'.
    "Referrer-Policy": "same-origin",
}


class Pages:
    """Draws the pages of one deployment. `demo`: every page says that the people on it are invented."""

    def __init__(self, sheet: StyleSheet, *, demo: bool) -> None:
        self.sheet = sheet
        self.demo = demo

    def draw(
        self, template: str, status: int = 200, *, display: Display = Display.AUTO, headers: dict[str, str], **told: Any
    ) -> HTMLResponse:
        """Return the page that a template makes of what it is told."""
        body = (
            environment()
            .get_template(template)
            .render(sheet=self.sheet.address, demo=self.demo, display=display, **told)
        )
        return HTMLResponse(body, status, {**HEADERS, **headers})


@cache
def environment() -> Environment:
    """Return the environment of all templates; made at the first page, for a service without crews needs none."""
    # Importing it takes a thirtieth of a second, which start-up has not to spare.
    from jinja2 import ChainableUndefined, ChoiceLoader, Environment, FileSystemLoader, PackageLoader

    loader = ChoiceLoader([FileSystemLoader(TEMPLATES), PackageLoader("nhsuk_frontend_jinja")])
    # The design system's macros ask their parameters for members that are not there.
    made = Environment(
        loader=loader, autoescape=True, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["stressed"] = _stressed
    made.filters["dial"] = dial
    return made


def _stressed(text: str) -> Markup:
    """Return a text with every NOT and every doubt in it stressed, so that a tired reader passes over none of them."""
    from markupsafe import Markup

    pieces = _STRESSED.split(text)  # every second one is what is stressed
    return Markup("").join(
        Markup("<strong>{}</strong>").format(one) if at % 2 else one for at, one in enumerate(pieces)
    )
