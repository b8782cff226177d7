"""Reads the emergency answer, the very document that the API gives, back into its parts. Pure; decides nothing.

What was withheld is not in the document, so it cannot be drawn. Words are taken from the generated narrative of the
Composition, which says in sentences what its codes say.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from security.clock import parse_instant
from service.plan.elements import Resource, extension
from service.plan.lines import FRESHNESS, STANDING, VALIDITY
from service.plan.slots import Slot
from service.plan.summary import AS_OF, OUT_OF_DATE, SECTION_STATE
from service.record.emergency import REDACTED
from service.record.sources import SOURCE_SYNC

_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a section says. `words` are its paragraphs; times and dates are as sent, empty when not stated."""

    title: str
    words: tuple[str, ...]
    code: str
    author: str
    standing: str
    basis: str
    unverified: bool
    effective: str
    recorded: str
    until: str
    late: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One section: its state (recorded, not-recorded, withheld-or-unavailable), its paragraphs, its items.

    `references` are the resources that it tells of, as `Type/id`.
    """

    title: str
    state: str
    words: tuple[str, ...]
    items: tuple[Item, ...]
    references: tuple[str, ...] = ()

    @property
    def recorded(self) -> bool:
        """Whether something is recorded and shown."""
        return self.state == "recorded"


@dataclass(frozen=True, slots=True)
class Heard:
    """A system that sends what it knows: its name, when last heard from ('' for never), and whether it is away."""

    name: str
    last_sync: str
    away: bool


@dataclass(frozen=True, slots=True)
class Document:
    """The whole answer. `resources` are those released with it, by reference and in order."""

    subject: str
    as_of: str
    out_of_date: bool
    redacted: bool
    notices: tuple[str, ...]
    parts: Mapping[Slot, Part]
    resources: Mapping[str, Resource]
    sources: tuple[Heard, ...] = ()

    @property
    def patient(self) -> Resource:
        """The person, as far as released."""
        return next((one for one in self.resources.values() if one["resourceType"] == "Patient"), {})

    @property
    def last_recorded(self) -> str:
        """When the newest thing that is shown was recorded, empty when nothing is."""
        stamps = [item.recorded for part in self.parts.values() for item in part.items if item.recorded]
        return max(stamps, key=parse_instant, default="")


def read_document(bundle: Resource) -> Document:
    """Read the document Bundle of `$emergency-summary`."""
    first, *others = (entry["resource"] for entry in bundle["entry"])
    security = bundle.get("meta", {}).get("security", ())
    parts = {slot: _part(section) for slot, section in zip(Slot, first["section"], strict=True)}
    return Document(
        subject=str(first["subject"]["reference"]),
        as_of=str((extension(first, AS_OF) or {}).get("valueInstant", "")),
        out_of_date=bool((extension(first, OUT_OF_DATE) or {}).get("valueBoolean")),
        redacted=any(label.get("code") == REDACTED["code"] for label in security),
        notices=paragraphs(first)[:-1],
        parts=parts,
        resources={f"{one['resourceType']}/{one.get('id', '')}": one for one in others},
        sources=tuple(_heard(one) for one in first["extension"] if one["url"] == SOURCE_SYNC),
    )


def _heard(element: Resource) -> Heard:
    said = {part["url"]: part for part in element["extension"]}
    last = said.get("last-sync", {}).get("valueInstant", "")
    return Heard(said["name"]["valueString"], last, said["away"]["valueBoolean"])


def paragraphs(element: Resource) -> tuple[str, ...]:
    """Return the plain paragraphs of an element's generated narrative."""
    div = str(element.get("text", {}).get("div", ""))
    return tuple(html.unescape(re.sub(r"<[^>]+>", "", found)) for found in _PARAGRAPH.findall(div))


def _part(section: Resource) -> Part:
    state = str((extension(section, SECTION_STATE) or {}).get("valueCode", ""))
    items = tuple(_item(item) for item in section.get("section", ()))
    told = tuple(str(one.get("reference", "")) for one in section.get("entry", ()))
    return Part(str(section.get("title", "")), state, paragraphs(section), items, told)


def _item(item: Resource) -> Item:
    standing, fresh = _facts(item, STANDING), _facts(item, FRESHNESS)
    coding: Resource = next(iter(item.get("code", {}).get("coding", ())), {})
    author: Resource = next(iter(item.get("author", ())), {})
    return Item(
        title=str(item.get("title", "")),
        words=paragraphs(item),
        code=str(coding.get("code", "")),
        author=str(author.get("display", "")),
        standing=str(standing.get("state", "")),
        basis=str(standing.get("basis", "")),
        unverified=_facts(item, VALIDITY).get("state") == "unverified",
        effective=str(fresh.get("effective", "")),
        recorded=str(fresh.get("recorded", "")),
        until=str(fresh.get("good-until", "")),
        late=fresh.get("out-of-date") is True,
    )


def _facts(item: Resource, url: str) -> dict[str, Any]:
    """Return the parts of a complex extension by their url; of one that comes twice, the last."""
    found = extension(item, url) or {}
    return {
        part["url"]: next((value for key, value in part.items() if key.startswith("value")), None)
        for part in found.get("extension", ())
    }
