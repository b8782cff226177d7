"""The pages of a search at a FHIR server, each resource as the bytes that came: one that is bad spoils no other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping

import msgspec

from adapters.errors import Unintelligible
from adapters.fhir_rest import FhirClient

MOST_PAGES = 1_000
"""A server that has more pages for one question goes round in circles."""


class _Search(msgspec.Struct, frozen=True):
    mode: str = "match"


class _Entry(msgspec.Struct, frozen=True):
    resource: msgspec.Raw = msgspec.Raw(b"")
    search: _Search = _Search()


class _Link(msgspec.Struct, frozen=True):
    relation: str
    url: str


class _Page(msgspec.Struct, frozen=True, rename={"kind": "resourceType"}):
    kind: str
    entry: list[_Entry] = []
    link: list[_Link] = []


async def pages(fhir: FhirClient, kind: str, search: Mapping[str, str], size: int) -> AsyncGenerator[list[bytes], None]:
    """Yield the matches of each page. `size` is how many are asked for at once; 0 leaves it to the server.

    Raises Unintelligible for what is no Bundle, and for links that lead away, round in a circle or never end.
    """
    count = {"_count": str(size)} if size else {}
    page = _page(await fhir.search_page(kind, {**search, **count}))
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        yield [bytes(entry.resource) for entry in page.entry if entry.search.mode == "match" and entry.resource]
        url = next((link.url for link in page.link if link.relation == "next"), "")
        if not url:
            return
        if url in seen:
            raise Unintelligible("the pages of an answer go round in a circle")
        seen.add(url)
        page = _page(await fhir.next_page(url))
    raise Unintelligible("an answer has more pages than there can be")


def _page(received: bytes) -> _Page:
    try:
        page = msgspec.json.decode(received, type=_Page)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unintelligible("the answer to a search is not whole, or not a Bundle") from None
    if page.kind != "Bundle":
        raise Unintelligible("the answer to a search is not a Bundle")
    return page
