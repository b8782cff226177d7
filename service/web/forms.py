"""Reading what a page of ours sent: from this address, in a form of bounded size. Nothing repeats what was typed."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from service.api import negotiation

LIMIT = 16 * 1024
"""Bytes of a form. The longest text that a page takes, percent-encoded, with its hidden fields, fits in."""


class ForeignForm(Exception):
    """The request came from a page of another address."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; of one that comes twice, the first."""

    fields: dict[str, str]

    def text(self, name: str, most: int = LIMIT) -> str:
        """Return a field without the spaces around it, cut at `most` characters; empty when it is not there."""
        return self.fields.get(name, "").strip()[:most]


def from_elsewhere(request: Request) -> bool:
    """Say whether the browser tells that a page of another site led here: a strict cookie then stayed behind."""
    return request.headers.get("sec-fetch-site") == "cross-site"


def check_origin(request: Request, base_url: str) -> None:
    """Raise ForeignForm unless the browser says that a page of ours sent this.

    `Sec-Fetch-Site` where there is one (https://www.w3.org/TR/fetch-metadata/), else `Origin`. A browser that tells
    neither is too old to be told from an attacker's page.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise ForeignForm
    elif request.headers.get("origin") != base_url:
        raise ForeignForm


async def read_form(request: Request, base_url: str, limit: int = LIMIT) -> Form:
    """Return the form of a POST. Raise ForeignForm, or what is wrong with its type, size or encoding."""
    check_origin(request, base_url)
    negotiation.check_content_type(request, form=True)
    fields: dict[str, str] = {}
    for name, value in negotiation.form(await negotiation.read_body(request, limit)):
        fields.setdefault(name, value)
    return Form(fields)
