"""The emergency answer as a document: the page of the crew's screen first, then everything in its own words.

It is drawn from the very templates of the screens, so paper and screen cannot say two things. Nothing is left out of it
and nothing is put in that the answer does not hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from security.clock import parse_instant
from service.document.press import Press
from service.plan.rota import Answering
from service.web.dates import short
from service.web.identity import Person
from service.web.pages import environment
from service.web.reading import Document
from service.web.view import view_of

_NAME_FITS = 120
"""Characters of a name or an address on top of a page; the whole of it stands among the details."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """What a plan holds besides the emergency answer: of one section, what each resource says, in paragraphs."""

    title: str
    told: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """Makes documents. `demo`: each says that the people in it are invented."""

    press: Press
    demo: bool = False

    async def __call__(
        self, document: Document, answering: Answering | None = None, others: Sequence[Chapter] = ()
    ) -> bytes:
        """Return an answer as PDF/A, without holding up the event loop. Raise NotPrinted.

        `answering`: who answers at its time, where a rota is known; `others` come last.
        """
        return await asyncio.to_thread(self.printed, document, answering, others)

    def printed(self, document: Document, answering: Answering | None = None, others: Sequence[Chapter] = ()) -> bytes:
        """Do the same in this thread."""
        view = view_of(document, answering, paper=True)
        page = (
            environment()
            .get_template("document.html")
            .render(
                view=replace(view, person=_fitting(view.person)),
                document=document,
                answering=answering,
                others=others,
                as_of=short(document.as_of, clock=True),
                short=short,
                demo=self.demo,
            )
        )
        return self.press(page, parse_instant(document.as_of))


def _fitting(person: Person) -> Person:
    """Return who it is about so that no name, however long, moves a decision to another page."""
    name, address = (
        text if len(text) <= _NAME_FITS else f"{text[:_NAME_FITS]}…" for text in (person.name, person.address)
    )
    return replace(person, name=name, address=address)
