"""Visits without a browser: what a page's forms send, over plain HTTP with a jar of cookies."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from tests.running import Running

_FORM = re.compile(r'name="form" value="([0-9a-f]{32})"')
_BY = re.compile(r'name="by" value="([^"]*)"')
_DRAFT = re.compile(r'name="draft" value="([^"]*)"')


@dataclass(slots=True)
class Visitor:
    """Somebody with a browser that keeps cookies and follows no redirect by itself."""

    service: Running
    client: httpx.Client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Load a page; a whole address may be given."""
        return self.client.get(self._at(path), headers=headers)

    def post(self, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> httpx.Response:
        """Send a form, as from a page of ours unless `headers` say otherwise."""
        sent = {"Sec-Fetch-Site": "same-origin"} if headers is None else headers
        return self.client.post(self._at(path), data=fields, headers=sent)

    def sign_in(self, persona: str = "bryn") -> None:
        """Sign in as one of the invented people."""
        page = self.get("/crew/sign-in")
        answer = self.post("/crew/sign-in", form=form_of(page), persona=persona, next="/crew", draft="")
        assert answer.status_code == 303, answer.text

    def form(self) -> str:
        """Return what a form of this session carries."""
        return form_of(self.get("/crew"))

    def _at(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.service.settings.base_url}{path}"


@contextmanager
def visitor(service: Running, persona: str | None = "bryn") -> Iterator[Visitor]:
    """Return a visitor, signed in unless `persona` is None."""
    with httpx.Client(timeout=30) as client:
        found = Visitor(service, client)
        if persona is not None:
            found.sign_in(persona)
        yield found


def form_of(page: httpx.Response) -> str:
    """Return the form token of a page."""
    found = _FORM.search(page.text)
    assert found is not None, page.text
    return found[1]


def hidden_of(page: httpx.Response) -> dict[str, str]:
    """Return the fields of a page's form that nobody types: its token, and whom it was drawn for."""
    found = _BY.search(page.text)
    assert found is not None, page.text
    return {"form": form_of(page), "by": found[1]}


def draft_of(page: httpx.Response) -> str:
    """Return the sealed text that waits on a sign-in page."""
    found = _DRAFT.search(page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


def path_of(url: str) -> str:
    """Return the path of an address."""
    return urlsplit(url).path
