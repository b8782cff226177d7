"""Search in a FHIR stand-in: a few parameters, judged strictly, and pages that do not shift while they are read.

https://hl7.org/fhir/R4/search.html. An NHS number never travels in an address: such a search goes by POST.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from fhir_profiles.identifiers import NHS_NUMBER_SYSTEM
from service.standins.outcomes import Refusal
from service.standins.shelf import Shelf, Version

Pairs = Sequence[tuple[str, str]]
PARAMETERS = ("_id", "_lastUpdated", "_sort", "_count", "_tag", "identifier", "patient", "subject", "code")
"""What may be asked with."""

_SORTS = frozenset({"_lastUpdated", "-_lastUpdated"})
_TIME = re.compile(r"(eq|ge|gt|le|lt)?(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2}))")
_USUAL, _MOST, _KEPT = 50, 500, 200


class Searching:
    """Answers searches over a shelf with Bundles."""

    def __init__(self, shelf: Shelf, base: str) -> None:
        self._shelf = shelf
        self._base = base
        self._pages: OrderedDict[str, tuple[str, list[Version], int]] = OrderedDict()

    def found(self, kind: str, pairs: Pairs) -> list[Version]:
        """Return what fits, oldest change first unless it was asked otherwise; refuse what cannot be asked (400)."""
        hits: Iterable[Version] = self._candidates(kind, pairs)
        descending = False
        for name, value in pairs:
            if name == "_count":
                continue
            if name == "_sort":
                if value not in _SORTS:
                    raise Refusal(400, "not-supported", "Sorting here is by _lastUpdated.", "search")
                descending = value.startswith("-")
                continue
            hits = list(self._narrowed(hits, kind, name, value))
        ordered = sorted(hits, key=lambda one: one.at)
        return ordered[::-1] if descending else ordered

    def answer(self, kind: str, pairs: Pairs) -> dict[str, Any]:
        """Return the first page of a search."""
        found, count = self.found(kind, pairs), _count(pairs)
        return self._page(kind, found, 0, count, None)

    def next_page(self, kind: str, place: str) -> dict[str, Any]:
        """Return the page that a `next` link names; refuse one that is not kept any more (410)."""
        token, _, offset = place.partition(".")
        kept = self._pages.get(token)
        if kept is None or kept[0] != kind or not offset.isdecimal():
            raise Refusal(410, "not-found", "This page of a search is not kept any more: search again.")
        return self._page(kind, kept[1], int(offset), kept[2], token)

    def _page(self, kind: str, found: list[Version], offset: int, count: int, token: str | None) -> dict[str, Any]:
        links = [{"relation": "self", "url": f"{self._base}/{kind}"}]
        if offset + count < len(found) and count:
            if token is None:
                token = secrets.token_urlsafe(12)
                self._pages[token] = (kind, found, count)
                while len(self._pages) > _KEPT:
                    self._pages.popitem(last=False)
            links.append({"relation": "next", "url": f"{self._base}/{kind}?_page={token}.{offset + count}"})
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
        if part := found[offset : offset + count]:
            bundle["entry"] = [
                {
                    "fullUrl": f"{self._base}/{one.reference}",
                    "resource": one.resource,
                    "search": {"mode": "match"},
                }
                for one in part
            ]
        return bundle

    def _candidates(self, kind: str, pairs: Pairs) -> Iterable[Version]:
        """Return what an index says may fit, so that one among ten thousand is found at once; or all."""
        for name, value in pairs:
            if name == "identifier":
                system, _, text = value.rpartition("|")
                return self._shelf.named(kind, system, text)
            if name in ("patient", "subject"):
                found = (self._shelf.at(reference) for reference in self._shelf.pointing_at(_person(value)))
                return [one for one in found if one is not None and one.kind == kind]
        return self._shelf.all(kind)

    def _narrowed(self, hits: Iterable[Version], kind: str, name: str, value: str) -> Iterable[Version]:
        if name == "_id":
            wanted = set(value.split(","))
            return (one for one in hits if one.id in wanted)
        if name == "_lastUpdated":
            return _by_time(hits, value)
        if name == "identifier":
            system, bar, text = value.rpartition("|")
            if not bar or not system or not text:
                raise Refusal(400, "value", "An identifier is searched as system|value.", "search")
            names = {one.id for one in self._shelf.named(kind, system, text)}
            return (one for one in hits if one.id in names)
        if name in ("patient", "subject") and kind != "Patient":
            pointing = self._shelf.pointing_at(_person(value))
            return (one for one in hits if one.reference in pointing)
        if name in ("code", "_tag"):
            return (one for one in hits if _coded(one.resource or {}, name, value))
        raise Refusal(400, "not-supported", "This search parameter is not known here.", "search")


def no_number_in_address(pairs: Pairs) -> None:
    """Refuse a search whose address holds an NHS number (400)."""
    if any(value.startswith(f"{NHS_NUMBER_SYSTEM}|") for _, value in pairs):
        raise Refusal(
            400, "security", "An NHS number never travels in an address: search by POST.", "number-in-address"
        )


def _person(value: str) -> str:
    return value if value.startswith("Patient/") else f"Patient/{value}"


def _count(pairs: Pairs) -> int:
    value = next((value for name, value in pairs if name == "_count"), str(_USUAL))
    if not value.isdecimal():
        raise Refusal(400, "value", "_count is a whole number.", "search")
    return min(int(value), _MOST)


def _by_time(hits: Iterable[Version], value: str) -> Iterable[Version]:
    found = _TIME.fullmatch(value)
    if found is None:
        raise Refusal(400, "value", "_lastUpdated is an instant with a zone, after eq, ge, gt, le or lt.", "search")
    moment = datetime.fromisoformat(found[2].replace("Z", "+00:00")).astimezone(UTC)

    def fits(one: Version) -> bool:
        at = datetime.fromisoformat(one.at.replace("Z", "+00:00"))
        how = found[1] or "eq"
        return bool(
            {"eq": at == moment, "ge": at >= moment, "gt": at > moment, "le": at <= moment}.get(how, at < moment)
        )

    return (one for one in hits if fits(one))


def _coded(resource: dict[str, Any], name: str, value: str) -> bool:
    system, bar, code = value.rpartition("|")
    holder, member = (resource.get("meta"), "tag") if name == "_tag" else (resource.get("code"), "coding")
    for one in holder.get(member, ()) if isinstance(holder, dict) else ():
        if one.get("code") == code and (not bar or one.get("system") == system):
            return True
    return False
