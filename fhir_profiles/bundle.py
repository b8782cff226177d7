"""Rules of a Bundle itself: what its type asks of its entries. The resources inside are judged one by one elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhir_profiles.issues import Issue, error
from fhir_profiles.r4 import SUPPORTED_TYPES

Json = dict[str, Any]

_REQUESTS = frozenset({"batch", "transaction", "history"})
_RESPONSES = frozenset({"batch-response", "transaction-response", "history"})
_KNOWN = frozenset(SUPPORTED_TYPES)
_RELATIVE = re.compile(
    r"^[A-Z][A-Za-z]+(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?)?(?:/?\?\S*)?$|^\?\S*$|^$"
)
_ABSOLUTE = re.compile(r"^(?:urn:uuid:[0-9a-fA-F-]{36}|urn:oid:[0-2](?:\.\d+)+|https?://\S+)$")
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


def check_bundle(bundle: Json) -> Iterator[Issue]:
    """Yield the problems of a Bundle: bdl-1 to bdl-12 and what a transaction's requests need."""
    kind = _word(bundle.get("type"))
    entries = bundle.get("entry")
    entries = entries if isinstance(entries, list) else []
    if "total" in bundle and kind not in ("searchset", "history"):
        yield error("invariant", "Bundle.total", "Only searches and histories have a total (bdl-1).")
    if kind == "document":
        yield from _document(bundle, entries)
    asked, answered = kind in _REQUESTS, kind in _RESPONSES
    seen: set[object] = set()
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            continue
        place = f"Bundle.entry[{index}]"
        if "search" in entry or ("request" in entry) != asked or ("response" in entry) != answered:
            yield from _entry(entry, kind, place)
        if isinstance(entry.get("fullUrl"), str):
            yield from _full_url(entry, kind, place, seen)
        request = entry.get("request")
        if kind in ("batch", "transaction") and isinstance(request, dict) and not _is_plain_create(entry, request):
            yield from _request(entry, request, place)


def _word(value: object) -> str | None:
    """Return a code, or None for what cannot be one, which the schema tells."""
    return value if isinstance(value, str) else None


def _entry(entry: Json, kind: object, place: str) -> Iterator[Issue]:
    if "search" in entry and kind != "searchset":
        yield error("invariant", f"{place}.search", "Only entries of a search have `search` (bdl-2).")
    if ("request" in entry) != (kind in _REQUESTS):
        wanted = "needs" if kind in _REQUESTS else "cannot have"
        yield error("invariant", f"{place}.request", f"An entry of this type of Bundle {wanted} `request` (bdl-3).")
    if ("response" in entry) != (kind in _RESPONSES):
        wanted = "needs" if kind in _RESPONSES else "cannot have"
        yield error("invariant", f"{place}.response", f"An entry of this type of Bundle {wanted} `response` (bdl-4).")


def _full_url(entry: Json, kind: object, place: str, seen: set[object]) -> Iterator[Issue]:
    full_url: str = entry["fullUrl"]
    if not _ABSOLUTE.match(full_url):
        yield error("value", f"{place}.fullUrl", "`fullUrl` must be an absolute URL or a urn:uuid.")
    if "/_history/" in full_url:
        yield error("invariant", f"{place}.fullUrl", "`fullUrl` cannot name a version (bdl-8).")
    resource = entry.get("resource")
    meta = resource.get("meta") if isinstance(resource, dict) else None
    version = meta.get("versionId") if isinstance(meta, dict) and kind not in ("batch", "transaction") else None
    key = (full_url, version if isinstance(version, str) else None)
    if key in seen and kind != "history":
        yield error("invariant", f"{place}.fullUrl", "Two entries have the same `fullUrl` (bdl-7).")
    seen.add(key)


def _is_plain_create(entry: Json, request: Json) -> bool:
    """Tell whether a resource of a type that we know is posted to that type, as in most of a plan: nothing to say."""
    resource = entry.get("resource")
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    return request.get("method") == "POST" and request.get("url") == kind and kind in _KNOWN


def _request(entry: Json, request: Json, place: str) -> Iterator[Issue]:
    method, url, resource = _word(request.get("method")), request.get("url"), entry.get("resource")
    if method in _BODY_METHODS and "resource" not in entry:
        yield error("required", f"{place}.resource", "This method needs a resource.")
    if method in ("GET", "HEAD", "DELETE") and "resource" in entry:
        yield error("structure", f"{place}.resource", "This method takes no resource.")
    if not isinstance(url, str):
        return
    if method in ("GET", "HEAD"):
        return
    if not _RELATIVE.match(url):
        yield error(
            "value",
            f"{place}.request.url",
            "The URL must be relative to the FHIR base: `Type`, `Type/id` or `Type?query`.",
        )
        return
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    path, _, query = url.partition("?")
    if method in ("POST", "PUT") and isinstance(kind, str) and path.partition("/")[0] != kind:
        yield error("value", f"{place}.request.url", "The URL must begin with the type of the resource.")
    elif method == "POST" and ("/" in path or query):
        yield error(
            "value",
            f"{place}.request.url",
            "A create is posted to the type alone; a condition goes into `ifNoneExist`.",
        )
    elif method in ("PUT", "DELETE", "PATCH") and "/" not in path and not query:
        yield error("value", f"{place}.request.url", "The URL must name a resource: `Type/id`.")
    if "ifNoneExist" in request and method != "POST":
        yield error("structure", f"{place}.request.ifNoneExist", "`ifNoneExist` belongs to POST.")


def _document(bundle: Json, entries: list[Any]) -> Iterator[Issue]:
    identifier = bundle.get("identifier")
    if not (isinstance(identifier, dict) and "system" in identifier and "value" in identifier):
        yield error("invariant", "Bundle.identifier", "A document needs an identifier with system and value (bdl-9).")
    if "timestamp" not in bundle:
        yield error("invariant", "Bundle.timestamp", "A document needs `timestamp` (bdl-10).")
    first = entries[0].get("resource") if entries and isinstance(entries[0], dict) else None
    if not (isinstance(first, dict) and first.get("resourceType") == "Composition"):
        yield error("invariant", "Bundle.entry[0]", "The first resource of a document is its Composition (bdl-11).")
